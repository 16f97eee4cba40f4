from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import complete_evidence
from support.verdicts import gate, policy

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import Comparison, Precondition, Side
from unlearn_core.metrics.base import AttackScore
from unlearn_core.metrics.intervals import clopper_pearson
from unlearn_core.verification.renewal import (
    level_of,
    renewal_policy,
    repeatable_gates,
)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        # 6 x .05 / pi^2 = .030396, and its quarter, ninth and hundredth.
        (1, 0.030396),
        (2, 0.007599),
        (3, 0.003377),
        (10, 0.000304),
    ],
)
def test_every_look_may_err_less_often(number: int, error: float) -> None:
    found = level_of(number, confidence=0.95)
    assert 1 - found.confidence == pytest.approx(error, abs=1e-6)


@given(st.integers(1, 200), st.floats(0.6, 0.999))
def test_all_looks_together_err_no_more_often_than_the_policy(
    looks: int, confidence: float
) -> None:
    spent = sum(
        1 - level_of(number, confidence=confidence).confidence
        for number in range(1, looks + 1)
    )
    assert spent < 1 - confidence


@given(st.integers(1, 50))
def test_a_limit_that_could_be_met_once_can_be_met_again(number: int) -> None:
    """500 answers without a leak met one in a hundred; so must as many as are drawn."""
    first = policy()
    again = renewal_policy(replace(first, samples_per_probe=500), number=number)
    once = clopper_pearson(0, 500, confidence=first.confidence)[1]
    later = clopper_pearson(0, again.samples_per_probe, confidence=again.confidence)[1]
    assert later <= once < 0.01


def test_gates_and_their_limits_stay() -> None:
    first = policy()
    again = renewal_policy(first, number=2)
    assert (again.gates, again.digest) == (first.gates, first.digest)
    assert again.minimum_controls == first.minimum_controls


def test_gates_about_people_who_stay_are_not_asked_again() -> None:
    declared = policy(
        gate("extraction_before", side=Side.LOW, comparison=Comparison.AT_LEAST),
        gate("high_entropy_leakage"),
        gate("two_sided_p", side=Side.VALUE, comparison=Comparison.ABOVE, limit=0.05),
        gate("two_sided_power", side=Side.LOW, comparison=Comparison.AT_LEAST),
        gate("retain_accuracy_change", side=Side.LOW, comparison=Comparison.AT_LEAST),
        gate("retain_accuracy_bound", side=Side.LOW, comparison=Comparison.AT_LEAST),
        gate("neighbour_accuracy_change", applies_if=Precondition.NEIGHBOURS),
        gate("retain_shift"),
        gate("control_shift"),
    )
    assert repeatable_gates(declared, complete_evidence()) == (
        "gate-extraction_before",
        "gate-high_entropy_leakage",
        "gate-two_sided_p",
        "gate-control_shift",
    )


def test_what_needs_people_who_stay_is_not_probed_again() -> None:
    tried = tuple(
        AttackScore(
            attack=attack,
            setting=1.0,
            group=group,
            ref=group.value,
            field="city",
            is_extracted=False,
        )
        for attack in ("latent_supervised", "in_context", "relearning")
        for group in (Group.SUBJECT, Group.CONTROL)
    )
    declared = policy(
        gate("latent_supervised_excess"),
        gate("in_context_extraction_excess"),
        gate("relearning_extraction_excess", applies_if=Precondition.SEVERAL_FACTS),
    )
    found = repeatable_gates(declared, replace(complete_evidence(), attacks=tried))
    assert found == (
        "gate-in_context_extraction_excess",
        "gate-relearning_extraction_excess",
    )


def test_a_gate_without_a_measurement_is_not_asked_again() -> None:
    declared = policy(gate("int8_extraction_excess"))
    assert repeatable_gates(declared, complete_evidence()) == ()
