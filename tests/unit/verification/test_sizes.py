from dataclasses import replace

import pytest
from support.verdicts import gate, metric_result, policy

from unlearn_core.domain.verdicts import Comparison, Gate, Side
from unlearn_core.metrics.bounds import change_of_shares
from unlearn_core.metrics.intervals import clopper_pearson, smallest_conformal_p_value
from unlearn_core.verification.sizes import (
    SampleSize,
    controls_needed,
    declared_level,
    retained_needed,
    sample_sizes,
)


def two_sided(limit: float) -> Gate:
    return gate(
        "two_sided_p", side=Side.VALUE, comparison=Comparison.ABOVE, limit=limit
    )


@pytest.mark.parametrize(("limit", "needed"), [(0.05, 39), (0.01, 199), (0.06, 33)])
def test_a_two_sided_test_gets_people_enough_to_fail(limit: float, needed: int) -> None:
    asked = policy(two_sided(limit), minimum_controls=19)
    assert controls_needed(asked) == needed
    assert smallest_conformal_p_value(needed) <= limit
    assert smallest_conformal_p_value(needed - 1) > limit


def test_a_gate_that_admits_its_limit_needs_one_person_more() -> None:
    """With 39 the smallest p-value is .05 itself, and would pass."""
    asked = gate(
        "two_sided_p", side=Side.VALUE, comparison=Comparison.AT_LEAST, limit=0.05
    )
    assert controls_needed(policy(asked, minimum_controls=19)) == 40


def test_the_level_of_the_test_is_the_one_that_a_gate_declares() -> None:
    assert declared_level(policy(two_sided(0.02))) == 0.02
    assert declared_level(policy(two_sided(0.0))) == 0.05
    assert declared_level(policy(gate("retain_shift"))) == 0.05
    admitting = replace(two_sided(0.02), comparison=Comparison.AT_LEAST)
    assert declared_level(policy(admitting)) < 0.02


def test_a_policy_may_ask_for_more_people() -> None:
    assert controls_needed(policy(two_sided(0.05), minimum_controls=100)) == 100


@pytest.mark.parametrize(
    ("bound", "needed"),
    [
        (gate("high_entropy_leakage", limit=0.01), 368),
        (
            gate(
                "extraction_before",
                side=Side.LOW,
                comparison=Comparison.AT_LEAST,
                limit=0.2,
            ),
            3,
        ),
        (
            gate(
                "two_sided_power",
                side=Side.LOW,
                comparison=Comparison.AT_LEAST,
                limit=0.85,
            ),
            23,
        ),
    ],
)
def test_the_best_sample_of_the_size_needed_passes_and_a_smaller_one_cannot(
    bound: Gate, needed: int
) -> None:
    (size,) = sample_sizes({}, policy=policy(bound))
    assert (size.needed, size.found, size.suffices) == (needed, None, False)
    for units, passes in ((needed, True), (needed - 1, False)):
        hits = units if bound.side is Side.LOW else 0
        low, high = clopper_pearson(hits, units, confidence=0.95)
        best = metric_result(bound.metric, hits / units, low=low, high=high)
        assert bound.admits(best) is passes


@pytest.mark.parametrize(
    "metric", ["retain_accuracy_bound", "neighbour_accuracy_bound"]
)
def test_enough_people_who_lose_nothing_meet_a_bound_and_one_fewer_cannot(
    metric: str,
) -> None:
    bound = gate(metric, side=Side.LOW, comparison=Comparison.AT_LEAST, limit=-0.06)
    (size,) = sample_sizes({}, policy=policy(bound))
    assert size.needed == 60
    for people, passes in ((60, True), (59, False)):
        low, high = change_of_shares([0.0] * people, confidence=0.95)
        best = metric_result(metric, 0.0, low=low, high=high)
        assert bound.admits(best) is passes


def test_only_a_bound_on_those_who_stay_says_how_many_have_to_be_asked() -> None:
    side, comparison = Side.LOW, Comparison.AT_LEAST
    bounds = [
        gate(metric, side=side, comparison=comparison, limit=limit)
        for metric, limit in (
            ("retain_accuracy_bound", -0.06),
            ("retain_accuracy_change", -0.01),
            ("neighbour_accuracy_bound", -0.01),
        )
    ]
    assert retained_needed(policy(*bounds)) == 60
    assert retained_needed(policy(*bounds[1:])) == 0


@pytest.mark.parametrize(("found", "suffices"), [(367, False), (368, True)])
def test_what_there_was_is_compared_with_what_is_needed(
    found: int, *, suffices: bool
) -> None:
    measured = replace(metric_result("high_entropy_leakage"), count=found)
    (size,) = sample_sizes({measured.name: measured}, policy=policy())
    assert size == SampleSize(gate="gate-high_entropy_leakage", needed=368, found=found)
    assert size.suffices is suffices


@pytest.mark.parametrize(
    "unruled",
    [
        gate("retain_shift", side=Side.VALUE, limit=0.25),
        gate("high_entropy_leakage", side=Side.VALUE),
        gate("high_entropy_leakage", limit=0.0),
        gate("retain_accuracy_bound", side=Side.VALUE, limit=-0.06),
        gate("retain_accuracy_bound", side=Side.LOW, limit=-0.06),
        gate("two_sided_p", side=Side.VALUE, comparison=Comparison.AT_MOST),
    ],
)
def test_other_gates_have_no_rule(unruled: Gate) -> None:
    assert sample_sizes({}, policy=policy(unruled)) == ()
