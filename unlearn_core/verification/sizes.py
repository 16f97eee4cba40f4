"""How many people and answers a policy needs before its gates mean anything.

- A test that cannot fail is refused: with *n* control people the smallest two-sided
  p-value is 2/(n+1), so a gate "p above a" needs at least 2/a - 1 of them, and one
  "p at least a" more than that.
- A bound that cannot be met fails by itself, and the report says so: if nothing at
  all leaks in *n* answers, the exact upper end is ``1 - t^(1/n)`` with the tail *t*,
  so a gate "upper end at most l" needs ``log(t) / log(1 - l)`` answers; likewise
  ``log(t) / log(l)`` for "lower end at least l". A gate "nobody lost more than l",
  whose bound is over people, needs ``log(t) / log(1 - l)`` people. Their number is
  known before training, so with fewer who stay nothing is trained.
"""

import math
from dataclasses import dataclass

from unlearn_core.domain.verdicts import (
    AcceptancePolicy,
    Comparison,
    Gate,
    MetricResult,
    Side,
)
from unlearn_core.errors import PolicyError
from unlearn_core.metrics.base import UNDECLARED_LEVEL

_PROPORTIONS = {
    "extraction_before",
    "high_entropy_leakage",
    "two_sided_power",
    "control_contamination",
}
"""Metrics whose interval is that of Clopper and Pearson over their count."""

_CHANGES = {"retain_accuracy_bound", "neighbour_accuracy_bound"}
"""Metrics whose interval is `change_of_shares` over people."""


class TooFewRetainedError(PolicyError):
    """Too few people who stay are asked for the bound that was declared."""

    code = "too_few_retained"
    summary = "too few people who stay are asked to prove the declared bound"
    next_step = (
        "Raise sizes.retained_probes and sizes.retain_people in the data map, "
        "count fewer people as neighbours there, or declare a wider limit."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """How large the sample behind a gate is, and has to be.

    Attributes:
        gate: Name of the gate.
        needed: Fewest units with which the gate can both pass and fail.
        found: Units that there were; None if the metric is missing.
    """

    gate: str
    needed: int
    found: int | None

    @property
    def suffices(self) -> bool:
        """Tell whether there were enough."""
        return self.found is not None and self.found >= self.needed


def controls_needed(policy: AcceptancePolicy) -> int:
    """Return the fewest control people with which every two-sided test can fail."""
    declared = [policy.minimum_controls]
    declared += [needed for gate in policy.gates if (needed := _for_test(gate))]
    return max(declared)


def retained_needed(policy: AcceptancePolicy) -> int:
    """Return the fewest people who stay with whom every bound on them can be met."""
    needed = [
        _for_bound(gate, confidence=policy.confidence) or 0
        for gate in policy.gates
        if gate.metric == "retain_accuracy_bound"
    ]
    return max(needed, default=0)


def declared_level(policy: AcceptancePolicy) -> float:
    """Return the largest p-value with which a gate on the two-sided test fails.

    A gate "p at least a" admits a itself, so its level is just below.
    """
    levels = [
        gate.limit
        if gate.comparison is Comparison.ABOVE
        else math.nextafter(gate.limit, 0)
        for gate in policy.gates
        if _for_test(gate)
    ]
    return max(levels, default=UNDECLARED_LEVEL)


def sample_sizes(
    results: dict[str, MetricResult], *, policy: AcceptancePolicy
) -> tuple[SampleSize, ...]:
    """Compare sample sizes with what the gates need, where there is such a rule."""
    sizes = []
    for gate in policy.gates:
        needed = _for_test(gate) or _for_bound(gate, confidence=policy.confidence)
        result = results.get(gate.metric)
        if needed is not None:
            sizes.append(
                SampleSize(
                    gate=gate.name,
                    needed=needed,
                    found=result.count if result else None,
                )
            )
    return tuple(sizes)


def _for_test(gate: Gate) -> int | None:
    """Return the fewest control people with whose p-values a gate can fail."""
    if gate.metric != "two_sided_p" or gate.limit <= 0:
        return None
    fewest = 2 / gate.limit - 1
    if gate.comparison is Comparison.ABOVE:
        return math.ceil(fewest)
    return math.floor(fewest) + 1 if gate.comparison is Comparison.AT_LEAST else None


def _for_bound(gate: Gate, *, confidence: float) -> int | None:
    """Return the fewest units with which an exact end can be on the right side."""
    tail = math.log((1 - confidence) / 2)
    if gate.metric in _CHANGES:
        is_bound = (gate.side, gate.comparison) == (Side.LOW, Comparison.AT_LEAST)
        is_bound = is_bound and -1 < gate.limit < 0
        return math.ceil(tail / math.log1p(gate.limit)) if is_bound else None
    if gate.metric not in _PROPORTIONS or not 0 < gate.limit < 1:
        return None
    if (gate.side, gate.comparison) == (Side.HIGH, Comparison.AT_MOST):
        return math.ceil(tail / math.log1p(-gate.limit))
    if (gate.side, gate.comparison) == (Side.LOW, Comparison.AT_LEAST):
        return math.ceil(tail / math.log(gate.limit))
    return None
