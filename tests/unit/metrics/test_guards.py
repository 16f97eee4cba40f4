from dataclasses import replace

import pytest
from support.evidence import evidence, score

from unlearn_core.metrics.base import Evidence, GuardResult, MissingEvidenceError
from unlearn_core.metrics.guards import (
    KNOWLEDGE,
    SAFETY,
    guard_knowledge_change,
    guard_safety_change,
)
from unlearn_core.verification.guards import GUARDS


def found(guard: str, before: float, after: float, low: float, high: float) -> Evidence:
    result = GuardResult(
        guard=guard, items=10, before=before, after=after, low=low, high=high
    )
    return replace(evidence(score()), guards=(result,))


def both(*parts: Evidence) -> Evidence:
    guards = tuple(item for part in parts for item in part.guards)
    return replace(evidence(score()), guards=guards)


def test_every_guard_is_of_one_kind() -> None:
    assert set(GUARDS) == KNOWLEDGE | SAFETY
    assert not KNOWLEDGE & SAFETY


def test_the_worst_data_set_counts_and_gains_elsewhere_do_not() -> None:
    """One loses 10 points, the other gains 20; their own ends are kept."""
    result = guard_knowledge_change(
        both(
            found("arc_easy", 0.5, 0.4, -0.3, 0.1),
            found("hellaswag", 0.5, 0.7, -0.05, 0.35),
            found("bbq", 0.9, 0.1, -0.9, -0.7),
        )
    )
    assert result.value == pytest.approx(-0.1)
    assert (result.low, result.high, result.count) == (-0.3, 0.1, 20)


def test_safety_is_a_number_of_its_own() -> None:
    result = guard_safety_change(
        both(
            found("arc_easy", 0.5, 0.4, -0.3, 0.1),
            found("harmful_qa", 0.9, 0.8, -0.2, 0.05),
        )
    )
    assert result.value == pytest.approx(-0.1)
    assert result.count == 10


@pytest.mark.parametrize("metric", [guard_knowledge_change, guard_safety_change])
def test_without_questions_or_with_one_data_set_missing_nothing_is_said(
    metric: object,
) -> None:
    assert callable(metric)
    missing = [
        GuardResult(guard=name, problem="no such file")
        for name in ("winogrande", "harmful_qa")
    ]
    measured = both(
        found("arc_easy", 0.5, 0.5, -0.1, 0.1), found("bbq", 0.5, 0.5, -0.1, 0.1)
    )
    with pytest.raises(MissingEvidenceError):
        metric(evidence(score()))
    with pytest.raises(MissingEvidenceError):
        metric(replace(measured, guards=(*measured.guards, *missing)))
    assert metric(measured).value == 0
