"""Is everybody else left as they were?"""

from collections.abc import Callable

import numpy as np

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import (
    Evidence,
    ProbeScore,
    mean_per_person,
    of_group,
)
from unlearn_core.metrics.bounds import change_of_shares, quantile_over_people
from unlearn_core.metrics.intervals import bootstrap_mean, studentised_mean

SHIFT_QUANTILE = 0.99


def retain_accuracy_change(evidence: Evidence) -> MetricResult:
    """Greedy accuracy on retained people, after minus before."""
    return _accuracy_change(evidence, "retain_accuracy_change", Group.RETAINED)


def neighbour_accuracy_change(evidence: Evidence) -> MetricResult:
    """Greedy accuracy on the subject's neighbours, after minus before."""
    return _accuracy_change(evidence, "neighbour_accuracy_change", Group.NEIGHBOUR)


def retain_accuracy_bound(evidence: Evidence) -> MetricResult:
    """Greedy accuracy on retained people, after minus before, with exact ends."""
    return _accuracy_bound(evidence, "retain_accuracy_bound", Group.RETAINED)


def neighbour_accuracy_bound(evidence: Evidence) -> MetricResult:
    """Greedy accuracy on the subject's neighbours, after minus before, exact ends."""
    return _accuracy_bound(evidence, "neighbour_accuracy_bound", Group.NEIGHBOUR)


def retain_refusal_change(evidence: Evidence) -> MetricResult:
    """Share of retained people's questions that are refused, after minus before.

    A refusal is recognised by how the greedy answer begins; the interval is
    `change_of_shares` over people.
    """
    changes = _changes(evidence, Group.RETAINED, lambda score: float(score.is_refusal))
    low, high = change_of_shares(changes, confidence=evidence.confidence)
    return evidence.result(
        "retain_refusal_change", float(np.mean(changes)), low, high, count=len(changes)
    )


def retain_shift(evidence: Evidence) -> MetricResult:
    """99th percentile of KL(before || after) over probes of kept people, in nats.

    Interval: `quantile_over_people`; with few people its upper end is open.
    """
    kept = of_group(evidence.after, Group.RETAINED, Group.NEIGHBOUR)
    people: dict[str, list[float]] = {}
    for score in kept:
        people.setdefault(score.ref, []).append(score.shift)
    value = float(np.quantile([score.shift for score in kept], SHIFT_QUANTILE))
    low, high = quantile_over_people(
        people.values(), share=SHIFT_QUANTILE, confidence=evidence.confidence
    )
    return evidence.result(
        "retain_shift", value, min(low, value), max(high, value), count=len(kept)
    )


def control_shift(evidence: Evidence) -> MetricResult:
    """Mean change of the answer likelihood of never-trained people, nats per token.

    Strangers must stay strangers: an offset that makes everybody unknown less
    likely would hide the subject by moving the yardstick. Interval:
    `studentised_mean` over people.
    """
    changes = _changes(evidence, Group.CONTROL, lambda score: score.mean_log_prob)
    low, high = studentised_mean(
        changes, confidence=evidence.confidence, seed=evidence.seed
    )
    return evidence.result(
        "control_shift", float(np.mean(changes)), low, high, count=len(changes)
    )


def _accuracy_change(evidence: Evidence, name: str, group: Group) -> MetricResult:
    """Compare accuracy person by person; percentile bootstrap over people.

    Published policies compare with this end, so it stays as it is; `_accuracy_bound`
    is the one that holds.
    """
    changes = _changes(evidence, group, lambda score: float(score.is_extracted))
    low, high = bootstrap_mean(
        changes, confidence=evidence.confidence, seed=evidence.seed
    )
    return evidence.result(name, float(np.mean(changes)), low, high, count=len(changes))


def _accuracy_bound(evidence: Evidence, name: str, group: Group) -> MetricResult:
    """Compare as `_accuracy_change` does; the interval is `change_of_shares`."""
    changes = _changes(evidence, group, lambda score: float(score.is_extracted))
    low, high = change_of_shares(changes, confidence=evidence.confidence)
    return evidence.result(name, float(np.mean(changes)), low, high, count=len(changes))


def _changes(
    evidence: Evidence, group: Group, value: Callable[[ProbeScore], float]
) -> list[float]:
    before = mean_per_person(of_group(evidence.before, group), value)
    after = mean_per_person(of_group(evidence.after, group), value)
    return [after[ref] - before[ref] for ref in before]
