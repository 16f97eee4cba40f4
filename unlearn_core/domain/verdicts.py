"""From measurements to a decision, by rules declared beforehand.

A gate compares one end of one metric's interval with a limit. The verdict passes
when every gate passes (an intersection-union test: each gate at level alpha keeps
the chance of a wrong pass of the whole at most alpha, without correction). A
metric that was not measured fails its gate.

A gate may be declared for subjects who have something to measure: high-entropy
facts, guessable facts, several facts, neighbours. Whether a subject has them is known
from the probes, which are fixed before training. Otherwise the gate does not apply,
and the verdict says so.
"""

import math
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from unlearn_core.domain.canonical import Digest, JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """One measured quantity.

    Attributes:
        name: Registered name of the metric.
        value: Point estimate.
        low: Lower end of the interval.
        high: Upper end of the interval.
        count: Number of units behind it (draws, people or tokens).
        seed: Seed of every random choice in it.
    """

    name: str
    value: float
    low: float
    high: float
    count: int
    seed: int

    def to_json(self) -> dict[str, JsonValue]:
        """Return the result as a JSON object."""
        return {
            "name": self.name,
            "value": _defined(self.value),
            "low": _defined(self.low),
            "high": _defined(self.high),
            "count": self.count,
            "seed": self.seed,
        }


def _defined(number: float) -> float | None:
    """Return a number, or None for one that JSON and a reader cannot use."""
    return number if math.isfinite(number) else None


class Side(StrEnum):
    """Which number of a result a gate looks at."""

    VALUE = "value"
    LOW = "low"
    HIGH = "high"


class Comparison(StrEnum):
    """How a gate compares."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ABOVE = "above"


class Precondition(StrEnum):
    """What must be there for a gate to apply."""

    HIGH_ENTROPY_FACTS = "high_entropy_facts"
    GUESSABLE_FACTS = "guessable_facts"
    NEIGHBOURS = "neighbours"
    SEVERAL_FACTS = "several_facts"


_HOLDS: Mapping[Comparison, Callable[[float, float], bool]] = {
    Comparison.AT_LEAST: operator.ge,
    Comparison.AT_MOST: operator.le,
    Comparison.ABOVE: operator.gt,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition of acceptance.

    Attributes:
        name: Name of the gate, such as ``G1-high-entropy-extraction``.
        metric: Metric that it looks at.
        side: Which number of the result counts.
        comparison: How it is compared.
        limit: With what.
        why: Explanation for people who read the policy.
        applies_if: What there must be for the gate to apply; None for always.
    """

    name: str
    metric: str
    side: Side
    comparison: Comparison
    limit: float
    why: str
    applies_if: Precondition | None = None

    def admits(self, result: MetricResult | None) -> bool:
        """Tell whether the gate passes; a missing or undefined number does not."""
        if result is None:
            return False
        number = float(getattr(result, self.side.value))
        if not math.isfinite(number):
            return False
        return _HOLDS[self.comparison](number, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverification:
    """What is kept after the purge so that a certificate can be renewed.

    Attributes:
        every_days: Days until the served stack is asked again.
        evaluation_set_days: Days that the subject's probes are kept; 0 for not at all.
        fingerprint_days: Days that keyed fingerprints of the subject's values are
            kept; 0 for not at all.
    """

    every_days: int = 30
    evaluation_set_days: int = 0
    fingerprint_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBudget:
    """What a search for words that bring a fact back may cost.

    Attributes:
        passes: Forward passes for one fact and one way of searching.
        people: Never-trained people who are searched with the same budget.
        at_once: Texts that are tried in one step.
        suffix_tokens: Longest suffix.
        likeliest: Tokens that are considered for one place of a suffix.
    """

    passes: int
    people: int = 5
    at_once: int = 16
    suffix_tokens: int = 8
    likeliest: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptancePolicy:
    """The pre-declared conditions of acceptance.

    Attributes:
        version: Version of the policy.
        digest: Digest of the policy file.
        confidence: Confidence level of the intervals, such as 0.95.
        samples_per_probe: Draws per probe in sampled extraction.
        minimum_controls: Fewest never-trained people for the two-sided test.
        gates: All conditions.
        probe_families: Families of probes that are asked and reported, each with the
            share of control people to ask about.
        reverification: What is kept after the purge, and for how long.
        stop_when_settled: Whether attacks and families are left out once a gate on
            plain questions has failed; the pair is rejected then, come what may.
        search: What searching for a way to ask may cost; None for no search.
    """

    version: str
    digest: Digest
    confidence: float
    samples_per_probe: int
    minimum_controls: int
    gates: tuple[Gate, ...]
    probe_families: Mapping[str, float] = field(default_factory=dict, hash=False)
    reverification: Reverification = Reverification()
    stop_when_settled: bool = False
    search: SearchBudget | None = None

    def with_gates(self, names: Collection[str]) -> "AcceptancePolicy":
        """Return the policy with these gates only; file and digest are the same."""
        gates = tuple(gate for gate in self.gates if gate.name in names)
        return replace(self, gates=gates)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """What one gate said; a gate that does not apply is not in the way."""

    gate: str
    metric: str
    passed: bool
    value: float | None
    applies: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision about one offset pair."""

    passed: bool
    policy: Digest
    decisions: tuple[GateDecision, ...]

    @property
    def failed_gates(self) -> tuple[str, ...]:
        """Return the names of the gates that did not pass."""
        return tuple(item.gate for item in self.decisions if not item.passed)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the verdict as a JSON object."""
        return {
            "passed": self.passed,
            "policy": self.policy,
            "decisions": [
                {
                    "gate": item.gate,
                    "metric": item.metric,
                    "passed": item.passed,
                    "value": item.value,
                    "applies": item.applies,
                }
                for item in self.decisions
            ],
        }


def decide(
    results: Mapping[str, MetricResult],
    *,
    policy: AcceptancePolicy,
    present: Collection[Precondition] = tuple(Precondition),
) -> Verdict:
    """Apply a policy to results.

    Args:
        results: Metrics by name; what is missing fails its gate.
        policy: The conditions.
        present: What there was to measure, as the probes say.
    """
    decisions = tuple(
        _decide(gate, results.get(gate.metric), present=present)
        for gate in policy.gates
    )
    return Verdict(
        passed=any(item.applies for item in decisions)
        and all(item.passed for item in decisions),
        policy=policy.digest,
        decisions=decisions,
    )


def _decide(
    gate: Gate, result: MetricResult | None, *, present: Collection[Precondition]
) -> GateDecision:
    applies = gate.applies_if is None or gate.applies_if in present
    number = _defined(getattr(result, gate.side.value)) if result else None
    return GateDecision(
        gate=gate.name,
        metric=gate.metric,
        passed=gate.admits(result) or not applies,
        value=number,
        applies=applies,
    )
