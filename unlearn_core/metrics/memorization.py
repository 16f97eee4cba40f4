"""How much of the answers' wording the model holds, token by token.

Both metrics are differences to never-trained people, because a model that never
saw a person still predicts the fixed parts of an answer. Intervals:
`difference_of_means` of the subject's facts and the control people.
"""

from collections.abc import Callable

import numpy as np

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import (
    Evidence,
    MissingEvidenceError,
    ProbeScore,
    mean_per_fact,
    mean_per_person,
    of_group,
)
from unlearn_core.metrics.bounds import difference_of_means


def exact_memorization(score: ProbeScore) -> float:
    """Return the share of answer tokens that are the most likely ones.

    Source: Tirumala et al. 2022, arXiv:2205.10770, as used by Dorna et al. 2025,
    arXiv:2506.12618. The end-of-turn token counts like any other.

    Raises:
        MissingEvidenceError: The answer has no tokens.
    """
    return float(np.mean(_hits(score)))


def extraction_strength(score: ProbeScore) -> float:
    """Return ``1 - k/n`` with k the shortest prefix after which all tokens follow.

    Source: Carlini et al. 2021, arXiv:2012.07805. Where even the last token does
    not follow, the value is 0; the implementation of arXiv:2506.12618 gives 1/n
    there.

    Raises:
        MissingEvidenceError: The answer has no tokens.
    """
    hits = _hits(score)
    suffix = 0
    for hit in reversed(hits):
        if not hit:
            break
        suffix += 1
    return suffix / len(hits)


def _hits(score: ProbeScore) -> tuple[bool, ...]:
    if not score.argmax_hits:
        message = "an answer without tokens"
        raise MissingEvidenceError(message)
    return score.argmax_hits


def exact_memorization_excess(evidence: Evidence) -> MetricResult:
    """Exact memorisation, subject minus never-trained people."""
    return difference_to_controls(
        evidence, "exact_memorization_excess", exact_memorization
    )


def extraction_strength_excess(evidence: Evidence) -> MetricResult:
    """Extraction strength, subject minus never-trained people."""
    return difference_to_controls(
        evidence, "extraction_strength_excess", extraction_strength
    )


def difference_to_controls(
    evidence: Evidence, name: str, value: Callable[[ProbeScore], float]
) -> MetricResult:
    """Compare the mean of a per-probe value in [0, 1] between subject and controls.

    What counts once is a fact of the subject, and a never-trained person (`unit_of`).
    """
    subject = mean_per_fact(of_group(evidence.after, Group.SUBJECT), value)
    others = mean_per_person(of_group(evidence.after, Group.CONTROL), value)
    control = list(others.values())
    low, high = difference_of_means(subject, control, confidence=evidence.confidence)
    difference = float(np.mean(subject) - np.mean(control))
    return evidence.result(
        name, difference, low, high, count=len(subject) + len(control)
    )
