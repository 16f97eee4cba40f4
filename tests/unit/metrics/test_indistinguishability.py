from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import Evidence
from unlearn_core.metrics.indistinguishability import (
    answer_likelihood,
    two_sided_p,
    two_sided_power,
)


def people(
    subject: float, controls: Sequence[float], retained: Sequence[float] = ()
) -> Evidence:
    return evidence(
        score(mean_log_prob=subject),
        *(
            score(Group.CONTROL, f"control-{number}", mean_log_prob=value)
            for number, value in enumerate(controls)
        ),
        *(
            score(Group.RETAINED, f"retained-{number}", mean_log_prob=value)
            for number, value in enumerate(retained)
        ),
    )


CONTROLS = [-float(number) for number in range(1, 40)]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        # Likelier than all 39: 2 * 1/40.
        (-0.1, 0.05),
        # As unlikely as nobody else.
        (-99.0, 0.05),
        # One control above: 2 * 2/40.
        (-1.5, 0.10),
        # One control below.
        (-38.5, 0.10),
        # In the middle, 20 above or equal and 20 below or equal: capped at 1.
        (-20.0, 1.0),
        (-10.5, 0.55),
    ],
)
def test_the_p_value_is_small_on_both_sides(subject: float, expected: float) -> None:
    found = two_sided_p(people(subject, CONTROLS))
    assert found.value == pytest.approx(expected)
    assert (found.low, found.high, found.count) == (found.value, found.value, 39)


def test_the_statistic_of_a_person_weighs_fields_the_same() -> None:
    """The subject is -1 on average, although two of three probes are at -0.1."""
    subject = [
        score(mean_log_prob=-0.1),
        score(mean_log_prob=-0.1),
        score(field="phone", mean_log_prob=-1.9),
    ]
    controls = [
        score(Group.CONTROL, f"c-{place}", mean_log_prob=value)
        for place, value in enumerate((-0.9, -1.1, -0.8))
    ]
    assert two_sided_p(evidence(*subject, *controls)).value == 1.0
    assert answer_likelihood(subject[2]) == -1.9


def test_the_p_value_is_uniform_for_somebody_who_is_like_the_controls() -> None:
    """Exact under exchangeability: P(p <= 2k/40) = 2k/40 for k below 20."""
    rng = np.random.default_rng(0)
    rounds = 2000
    drawn = rng.normal(size=(rounds, 40))
    p_values = np.array(
        [two_sided_p(people(row[0], row[1:].tolist())).value for row in drawn[:400]]
    )
    for level in (0.05, 0.1, 0.2, 0.5):
        share = float((p_values <= level + 1e-12).mean())
        # Four standard deviations of a binomial of 400.
        assert abs(share - level) < 4 * (level * (1 - level) / 400) ** 0.5


def test_power_is_the_share_of_retained_people_who_are_recognised() -> None:
    """-0.5 and -0.9 are above every control, -1.5 is not far enough: 2 of 3."""
    found = two_sided_power(people(-5.0, CONTROLS, [-0.5, -0.9, -1.5]))
    assert found.value == pytest.approx(2 / 3)
    assert found.count == 3
    # Clopper-Pearson 95% of 2/3.
    assert found.low == pytest.approx(0.0943, abs=5e-5)
    assert found.high == pytest.approx(0.9916, abs=5e-5)


def test_power_is_that_of_the_test_at_its_level() -> None:
    """With 39 controls no p-value is below .05."""
    known = people(-5.0, CONTROLS, [-0.5])
    assert two_sided_power(known).value == 1.0
    assert two_sided_power(replace(known, level=0.04)).value == 0.0


def test_being_too_unlikely_is_no_proof_of_power() -> None:
    """Whoever was over-forgotten is flagged too, but nobody was recognised."""
    found = two_sided_power(people(-5.0, CONTROLS, [-100.0, -200.0]))
    assert found.value == 0.0


def test_too_few_controls_can_flag_nobody() -> None:
    found = two_sided_power(people(-5.0, CONTROLS[:38], [-0.1]))
    assert people(-5.0, CONTROLS[:38]).level < 2 / 39
    assert found.value == 0.0
