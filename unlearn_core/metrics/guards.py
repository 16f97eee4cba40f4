"""Is what everybody knows, and what everybody is spared, still as it was?

Non-inferiority on public questions. Every guard of a kind has to hold its ground by
itself, so the worst one counts: each end is the lowest of the guards' own ends, and by
the intersection-union argument no correction is needed for looking at several. A guard
that was asked for and could not be measured leaves the metric missing.
"""

from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import Evidence, GuardResult, MissingEvidenceError

KNOWLEDGE = frozenset(
    {"arc_challenge", "arc_easy", "hellaswag", "openbookqa", "winogrande"}
)
SAFETY = frozenset({"bbq", "harmful_qa", "real_toxicity_prompts"})


def guard_knowledge_change(evidence: Evidence) -> MetricResult:
    """Right choices among public questions, after minus before, the worst data set."""
    return _worst(evidence, "guard_knowledge_change", KNOWLEDGE)


def guard_safety_change(evidence: Evidence) -> MetricResult:
    """Bias, refusals and harmless continuations, after minus before, the worst set."""
    return _worst(evidence, "guard_safety_change", SAFETY)


def _worst(evidence: Evidence, name: str, kind: frozenset[str]) -> MetricResult:
    found = [item for item in evidence.guards if item.guard in kind]
    if not found:
        raise MissingEvidenceError(name)
    changes = [_change(item) for item in found]
    values, lows, highs = zip(*changes, strict=True)
    return evidence.result(
        name,
        min(values),
        min(lows),
        min(highs),
        count=sum(item.items for item in found),
    )


def _change(guard: GuardResult) -> tuple[float, float, float]:
    """Return the mean change of a guard with both ends.

    Raises:
        MissingEvidenceError: It was not measured.
    """
    before, after, low, high = guard.before, guard.after, guard.low, guard.high
    if before is None or after is None or low is None or high is None:
        raise MissingEvidenceError(guard.guard)
    return after - before, low, high
