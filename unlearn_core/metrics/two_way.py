"""How far is what is served from what a retrained model would say?

Source: Cho et al. 2025, arXiv:2510.12981 (FADE): no reference answer is chosen by
anybody; each of the two models says something, and both are asked how likely that was.
The distance here is the symmetric divergence of Jeffreys 1946 in its sampled form,

    E_s[log p_s - log p_r] + E_r[log p_r - log p_s],   s served, r retrained,

which is zero only if both models are the same law, and large as soon as either says
what the other would not.
"""

from collections.abc import Sequence

import numpy as np

from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import Evidence, MissingEvidenceError
from unlearn_core.metrics.intervals import studentised_mean


def two_way_distance(evidence: Evidence) -> MetricResult:
    """Two-way likelihood distance to a retrained model, in nats per answer.

    Interval: `studentised_mean` over questions.
    """
    ratios: dict[int, dict[bool, list[float]]] = {}
    for said in evidence.said:
        both = ratios.setdefault(said.question, {True: [], False: []})
        both[said.is_served].append(said.own_log_prob - said.other_log_prob)
    if not ratios or not all(all(both.values()) for both in ratios.values()):
        message = "no answers of a served and of a retrained model"
        raise MissingEvidenceError(message)
    distances = [sum(map(_mean, both.values())) for both in ratios.values()]
    low, high = studentised_mean(
        distances, confidence=evidence.confidence, seed=evidence.seed
    )
    return evidence.result(
        "two_way_distance", _mean(distances), low, high, count=len(distances)
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
