"""Is everybody else left as they were?"""

from collections.abc import Callable

import numpy as np

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import (
    Evidence,
    Floats,
    ProbeScore,
    mean_per_person,
    of_group,
)
from unlearn_core.metrics.bounds import change_of_shares
from unlearn_core.metrics.intervals import bootstrap_mean, bootstrap_statistic

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


def retain_shift(evidence: Evidence) -> MetricResult:
    """99th percentile of KL(before || after) over probes of kept people, in nats.

    Interval: percentile bootstrap over probes.
    """
    kept = of_group(evidence.after, Group.RETAINED, Group.NEIGHBOUR)
    shifts = [score.shift for score in kept]
    low, high = bootstrap_statistic(
        shifts, _high_quantile, confidence=evidence.confidence, seed=evidence.seed
    )
    value = _high_quantile(np.asarray(shifts))
    return evidence.result("retain_shift", value, low, high, count=len(shifts))


def control_shift(evidence: Evidence) -> MetricResult:
    """Mean change of the answer likelihood of never-trained people, nats per token.

    Strangers must stay strangers: an offset that makes everybody unknown less
    likely would hide the subject by moving the yardstick. Interval: percentile
    bootstrap over people.
    """
    return _mean_change(
        evidence, "control_shift", Group.CONTROL, lambda score: score.mean_log_prob
    )


def _accuracy_change(evidence: Evidence, name: str, group: Group) -> MetricResult:
    """Compare accuracy person by person; bootstrap over people."""
    return _mean_change(evidence, name, group, lambda score: float(score.is_extracted))


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


def _mean_change(
    evidence: Evidence, name: str, group: Group, value: Callable[[ProbeScore], float]
) -> MetricResult:
    changes = _changes(evidence, group, value)
    low, high = bootstrap_mean(
        changes, confidence=evidence.confidence, seed=evidence.seed
    )
    return evidence.result(name, float(np.mean(changes)), low, high, count=len(changes))


def _high_quantile(values: Floats) -> float:
    return float(np.quantile(values, SHIFT_QUANTILE))
