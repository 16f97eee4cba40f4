import math
from dataclasses import replace

import numpy as np
import pytest
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import ProbeScore
from unlearn_core.metrics.bounds import change_of_shares
from unlearn_core.metrics.utility import (
    control_shift,
    neighbour_accuracy_bound,
    neighbour_accuracy_change,
    retain_accuracy_bound,
    retain_accuracy_change,
    retain_refusal_change,
    retain_shift,
)


def person(group: Group, number: int, *, knows: bool) -> ProbeScore:
    return score(group, f"{group}-{number}", is_extracted=knows)


def test_accuracy_is_compared_person_by_person() -> None:
    """Of four, one forgets: -1/4. Resampled, zero to all four can forget."""
    before = [person(Group.RETAINED, number, knows=True) for number in range(4)]
    after = [replace(before[0], is_extracted=False), *before[1:]]
    found = retain_accuracy_change(evidence(*after, before=before))
    assert (found.value, found.count) == (-0.25, 4)
    # P(no loss) = 0.32, P(3 or more losses) = 0.05: 2.5% and 97.5% are -3/4 and 0.
    assert (found.low, found.high) == (-0.75, 0.0)


def test_a_gain_does_not_hide_a_loss_in_the_interval() -> None:
    before = [person(Group.RETAINED, n, knows=n > 0) for n in range(2)]
    after = [person(Group.RETAINED, n, knows=n == 0) for n in range(2)]
    found = retain_accuracy_change(evidence(*after, before=before))
    assert (found.value, found.low, found.high) == (0.0, -1.0, 1.0)


def test_new_refusals_about_others_are_counted_person_by_person() -> None:
    """Of four, one is refused from now on and one no longer: 0, and 1/4 either way."""
    before = [
        score(Group.RETAINED, f"r-{number}", is_refusal=number == 0)
        for number in range(4)
    ]
    after = [
        replace(item, is_refusal=number == 1) for number, item in enumerate(before)
    ]
    others = [score(Group.SUBJECT), score(Group.CONTROL, "c-0")]
    refused = [replace(item, is_refusal=True) for item in others]
    found = retain_refusal_change(evidence(*after, *refused, before=[*before, *others]))
    low, high = change_of_shares([-1.0, 1.0, 0.0, 0.0], confidence=0.95)
    assert (found.value, found.low, found.high, found.count) == (0.0, low, high, 4)


def test_neighbours_are_measured_by_themselves() -> None:
    before = [
        person(Group.NEIGHBOUR, 0, knows=True),
        person(Group.RETAINED, 0, knows=True),
    ]
    after = [replace(before[0], is_extracted=False), before[1]]
    changed = evidence(*after, before=before)
    assert neighbour_accuracy_change(changed).value == -1.0
    assert retain_accuracy_change(changed).value == 0.0


def test_retain_shift_is_a_high_quantile_over_kept_people() -> None:
    """Of 0, 1, ..., 100 the 99th percentile is 99; the subject does not count."""
    kept = [
        score(
            Group.RETAINED if number % 2 else Group.NEIGHBOUR,
            f"kept-{number}",
            shift=float(number),
        )
        for number in range(101)
    ]
    found = retain_shift(evidence(*kept, score(shift=1e6)))
    assert found.value == pytest.approx(99)
    assert found.count == 101
    # 101 people say nothing about how far the worst of a hundred moves.
    assert 90 <= found.low <= 97
    assert found.high == math.inf


def test_control_shift_is_the_mean_change_of_likelihood_over_people() -> None:
    """One control loses 1 nat, one gains 0.5: -0.25; the subject does not count."""
    before = [score(Group.CONTROL, ref, mean_log_prob=-3.0) for ref in "ab"]
    after = [
        replace(before[0], mean_log_prob=-4.0),
        replace(before[1], mean_log_prob=-2.5),
    ]
    found = control_shift(
        evidence(*after, score(mean_log_prob=-9.0), before=[*before, score()])
    )
    # Error 0.75, times Student's 12.706 of one degree of freedom.
    assert found.value == -0.25
    assert found.low == pytest.approx(-0.25 - 0.75 * 12.706, abs=1e-3)
    assert found.high == pytest.approx(-0.25 + 0.75 * 12.706, abs=1e-3)
    assert found.count == 2


def test_the_quantile_is_the_one_of_numpy() -> None:
    values = [0.1, 0.5, 2.0]
    kept = [score(Group.RETAINED, f"r-{v}", shift=v) for v in values]
    assert retain_shift(evidence(*kept)).value == np.quantile(values, 0.99)


def test_that_nobody_lost_anything_is_no_proof_that_nobody_would() -> None:
    """0.025 ** (1 / 20) - 1 = -0.168; the bootstrap says 0 to 0."""
    people = [
        person(group, number, knows=True)
        for group in (Group.RETAINED, Group.NEIGHBOUR)
        for number in range(20)
    ]
    for measure in (retain_accuracy_bound, neighbour_accuracy_bound):
        found = measure(evidence(*people))
        assert (found.value, found.count) == (0.0, 20)
        assert found.low == pytest.approx(-0.1684, abs=5e-5)
        assert found.high == pytest.approx(0.1684, abs=5e-5)
    known = retain_accuracy_change(evidence(*people))
    assert (known.low, known.high) == (0.0, 0.0)
