import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import Evidence, MissingEvidenceError
from unlearn_core.metrics.likelihood_ratio import (
    confidence_logit,
    log_ratio,
    unlearning_lira,
    unlearning_lira_worst,
)

HIGH, LOW = (-0.5, -0.6, -0.55, -0.45), (-5.0, -5.2, -4.9, -5.1)
MIXED = (-2.0, -3.0, -2.5, -3.5)


def runs(
    *facts: tuple[tuple[float, ...], tuple[float, ...]], controls: int = 1
) -> Evidence:
    """Return evidence with four runs of each kind, fact by fact."""
    scores = [score(field=f"field {number}") for number in range(len(facts))]
    others = [score(Group.CONTROL, f"c-{number}") for number in range(controls)]
    rest = (-1.0,) * controls
    shadows, retrained = (
        tuple(
            (*row, *rest) for row in zip(*(fact[side] for fact in facts), strict=True)
        )
        for side in (0, 1)
    )
    return replace(evidence(*scores, *others), shadows=shadows, retrained=retrained)


def test_the_logit_of_a_likelihood() -> None:
    assert confidence_logit(math.log(0.5)) == pytest.approx(0)
    assert confidence_logit(math.log(0.9)) == pytest.approx(math.log(9))
    assert math.isfinite(confidence_logit(0.0))


def test_the_ratio_is_that_of_two_normal_laws() -> None:
    """Means 1 and -1, both with deviation sqrt 2: 0.5 is nearer to the first."""
    expected = stats.norm.logpdf(0.5, 1, math.sqrt(2)) - stats.norm.logpdf(
        0.5, -1, math.sqrt(2)
    )
    found = log_ratio(0.5, [0.0, 2.0], [-2.0, 0.0])
    assert found == pytest.approx(expected)
    assert found == pytest.approx((1.5**2 - 0.5**2) / 4)


def test_what_is_told_apart_every_time_and_what_never_is() -> None:
    """Two models of each side are tried: sqrt(ln 40 / 4) = .960 either way."""
    apart = unlearning_lira(runs((HIGH, LOW)))
    assert (apart.value, apart.count) == (1.0, 4)
    assert apart.low == pytest.approx(1 - 0.9603, abs=1e-4)
    alike = unlearning_lira(runs((MIXED, MIXED)))
    assert alike.value == 0.5


def test_an_unlikely_fact_gives_a_person_away_as_a_likely_one_does() -> None:
    assert unlearning_lira(runs((LOW, HIGH))).value == 1.0


def test_the_worst_fact_is_not_hidden_by_the_others() -> None:
    both = runs((HIGH, LOW), (MIXED, MIXED))
    assert unlearning_lira(both).value == 0.75
    worst = unlearning_lira_worst(both)
    assert worst.value == 1.0
    # Two facts share the error: sqrt(ln 80 / 4) > 1.
    assert (worst.low, worst.high) == (0.0, 1.0)


@pytest.mark.parametrize("metric", [unlearning_lira, unlearning_lira_worst])
def test_fewer_than_four_runs_or_other_questions_say_nothing(metric: object) -> None:
    assert callable(metric)
    good = runs((HIGH, LOW))
    for shadows in ((), good.shadows[:3], tuple(row[:1] for row in good.shadows)):
        with pytest.raises(MissingEvidenceError):
            metric(replace(good, shadows=shadows))
    with pytest.raises(MissingEvidenceError):
        metric(replace(good, retrained=good.retrained[:3]))


def test_procedures_that_are_the_same_are_told_apart_by_chance_only() -> None:
    """Both sides are drawn from one law; over 400 facts the mean is near a half."""
    rng = np.random.default_rng(0)
    facts = [
        (tuple(rng.normal(-2, 0.3, 20)), tuple(rng.normal(-2, 0.3, 20)))
        for _ in range(400)
    ]
    assert unlearning_lira(runs(*facts)).value == pytest.approx(0.5, abs=0.02)
