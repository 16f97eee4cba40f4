"""How far down a list of possible values does the true one stand?

Source: Carlini et al. 2019, arXiv:1802.08232 (The Secret Sharer): the exposure
of a secret is ``log2 |R| - log2 rank``, the rank being that of its likelihood
among all |R| possible values, which they also estimate from a sample of them. Here the
sample is the true value and the wrong ones beside it, so the largest exposure that can
be seen is the logarithm of their number.
"""

import math
from collections.abc import Sequence

import numpy as np

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import (
    Evidence,
    MissingEvidenceError,
    ProbeScore,
    mean_per_fact,
    of_group,
)
from unlearn_core.metrics.bounds import bounded_mean


def exposure(true_log_prob: float, other_log_probs: Sequence[float]) -> float:
    """Return the exposure of a value in bits; one that is as likely ranks before it."""
    rank = 1 + sum(other >= true_log_prob for other in other_log_probs)
    return math.log2(len(other_log_probs) + 1) - math.log2(rank)


def canary_exposure(evidence: Evidence) -> MetricResult:
    """Mean exposure of the subject's facts among values of the same field, in bits.

    Interval: `bounded_mean` over facts, as shares of the largest exposure that any of
    the probes could show.
    """
    asked = tuple(
        score
        for score in of_group(evidence.after, Group.SUBJECT)
        if score.alternative_mean_log_probs
    )
    if not asked:
        message = "no wrong values beside the true ones"
        raise MissingEvidenceError(message)
    most = max(math.log2(1 + len(item.alternative_mean_log_probs)) for item in asked)
    facts = mean_per_fact(asked, _exposure)
    low, high = bounded_mean(
        [value / most for value in facts], confidence=evidence.confidence
    )
    return evidence.result(
        "canary_exposure",
        float(np.mean(facts)),
        most * low,
        most * high,
        count=len(facts),
    )


def _exposure(score: ProbeScore) -> float:
    return exposure(score.mean_log_prob, score.alternative_mean_log_probs)
