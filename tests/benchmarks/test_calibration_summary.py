import math
from dataclasses import replace

import pytest
from support.calibration import CELL, POLICY, TEST, person
from support.verdicts import gate, policy

from benchmarks.calibration_cells import Strangers
from benchmarks.calibration_summary import (
    distance_to_controls,
    failures,
    false_alarm_bound,
    flag_rate,
    flagged,
    forgotten_rate,
    limit_needed,
    partners,
    pass_interval,
    pass_rate,
)
from unlearn_core.domain.verdicts import Comparison, Precondition

LEAKAGE = gate(applies_if=Precondition.HIGH_ENTROPY_FACTS)


def test_people_pass_or_fail_one_by_one() -> None:
    people = [person(value) for value in (0.9, 0.4, 0.06, 0.05)]
    assert pass_rate(people, POLICY) == 0.75
    assert failures(people, POLICY) == {TEST.name: 1}


def test_what_others_lose_can_be_left_aside() -> None:
    shift = replace(gate("retain_shift", limit=0.25), name="G4-shift")
    both = policy(TEST, shift)
    people = [person(0.9), person(0.01)]
    assert pass_rate(people, both) == 0
    assert forgotten_rate(people, both) == 0.5


def test_nobody_has_no_rate() -> None:
    assert pass_rate([], POLICY) is None


def test_a_metric_that_was_not_measured_fails_its_gate() -> None:
    both = policy(TEST, LEAKAGE)
    told = [person(0.9, Precondition.HIGH_ENTROPY_FACTS), person(0.9)]
    assert failures(told, both) == {TEST.name: 0, LEAKAGE.name: 1}


def test_sixteen_of_sixteen_leave_room_for_a_fifth() -> None:
    low, high = pass_interval([person(0.9)] * 16, POLICY)
    assert low == pytest.approx(0.025 ** (1 / 16))
    assert high == 1


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [(Comparison.AT_MOST, 19.0), (Comparison.AT_LEAST, 2.0), (Comparison.ABOVE, 2.0)],
)
def test_the_limit_needed_lets_nineteen_of_twenty_through(
    comparison: Comparison, expected: float
) -> None:
    moved = replace(TEST, comparison=comparison)
    people = [person(float(value)) for value in range(1, 21)]
    assert limit_needed(moved, people) == expected


def test_the_limit_needed_is_that_of_people_to_whom_the_gate_applies() -> None:
    facts = Precondition.HIGH_ENTROPY_FACTS
    applying = person(0.02, facts, metric="high_entropy_leakage")
    other = person(0.9, metric="high_entropy_leakage")
    assert limit_needed(LEAKAGE, [applying, other]) == 0.02
    assert limit_needed(LEAKAGE, [other]) is None


def test_no_limit_lets_people_through_of_whom_nothing_was_measured() -> None:
    facts = Precondition.HIGH_ENTROPY_FACTS
    people = [person(0.0, facts, metric="high_entropy_leakage"), person(0.9, facts)]
    assert limit_needed(LEAKAGE, people) is None


def test_only_complete_pairs_are_compared() -> None:
    other = replace(CELL, subject=1)
    assert partners([other, CELL], [CELL, other]) == [other, CELL]
    assert partners([other, CELL], [CELL]) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [([-9.0, -9.0], 1.0), ([0.0, 0.0], 1.0), ([-9.0, 0.0], 0.5), ([-2.5, -3.5], 1 / 3)],
)
def test_people_at_the_ends_are_far_from_strangers(
    facts: list[float], expected: float
) -> None:
    """Places among three controls: none below is 0, all is 1; 2/3 and 1/3 at last."""
    cells = [replace(CELL, facts=[value]) for value in facts]
    assert distance_to_controls(cells) == pytest.approx(expected)


def strangers(*as_subjects: float, controls: int = 60) -> Strangers:
    return Strangers(
        as_subjects={f"control-{at}": value for at, value in enumerate(as_subjects)},
        as_controls={f"control-{at}": float(at) for at in range(controls)},
    )


def test_strangers_beyond_the_others_are_flagged_on_both_sides() -> None:
    """Fifty-nine others: the extreme place has p = 2/60, the next 4/60."""
    assert flagged(strangers(-1.0, 99.0, 1.5, 30.5), level=0.05) == [
        True,
        True,
        False,
        False,
    ]
    assert not any(flagged(strangers(-1.0, 99.0), level=0.02))


def test_somebody_is_not_compared_with_the_own_answers() -> None:
    """The first of the controls is below nobody else, whatever it is asked."""
    world = Strangers(
        as_subjects={"control-0": 0.5},
        as_controls={f"control-{at}": float(at) for at in range(40)},
    )
    assert flagged(world, level=0.05) == [True]


@pytest.mark.parametrize(
    ("controls", "level", "rate"),
    [
        (38, 0.05, 0.0),
        (39, 0.05, 0.05),
        (59, 0.05, 2 / 60),
        (79, 0.05, 0.05),
        (98, 0.02, 0.0),
        (120, 0.02, 2 / 121),
    ],
)
def test_an_exact_test_flags_no_more_often_than_its_places_allow(
    controls: int, level: float, rate: float
) -> None:
    assert flag_rate(controls, level=level) == pytest.approx(rate)


def test_the_bound_is_a_binomial_quantile() -> None:
    """Forty people at 1/20: P(X <= 4) = .952 and P(X <= 3) = .862."""
    world = strangers(*[0.0] * 40, controls=40)
    found = false_alarm_bound([world], level=0.05)
    below = [
        sum(math.comb(40, k) * 0.05**k * 0.95 ** (40 - k) for k in range(most + 1))
        for most in (3, 4)
    ]
    assert below[0] < 0.95 <= below[1]
    assert found == pytest.approx(4 / 40)
    assert false_alarm_bound([], level=0.05) is None
