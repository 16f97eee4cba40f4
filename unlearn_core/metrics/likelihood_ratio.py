"""Can somebody who knows the procedure tell forgotten facts from facts never seen?

U-LiRA, at the scale of a handful of models. Somebody runs the whole procedure with
other seeds: models that learned the person and forgot them again, and models that were
retrained without. For every fact the likelihood of the true answer has a law among the
first and another among the second; the ratio of the two says of a model which it is.

Normal laws are fitted to one half of the models and tried on the other half, so that no
model is judged by a law that it took part in. The measure of a fact is the area under
the ROC curve of the tried ones: 0.5 says that nobody can tell. Attacks on everybody at
once overstate privacy, so facts are looked at one by one and the worst is a metric of
its own.

Source: as in Hayes et al. 2024, arXiv:2403.01218 (U-LiRA), with the logit and the ratio
of Carlini et al. 2022, arXiv:2112.03570 (LiRA); looking at the most vulnerable fact
follows Naderloui et al. 2025, arXiv:2506.13009 (RULI).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import Evidence, Floats, MissingEvidenceError
from unlearn_core.metrics.bounds import area_interval
from unlearn_core.metrics.published import area_under_curve

FEWEST_MODELS = 4
SMALLEST_DEVIATION = 1e-3


def unlearning_lira(evidence: Evidence) -> MetricResult:
    """Area under the curve of the likelihood-ratio attack, mean over facts.

    Interval: `area_interval`, the tried models being the units.
    """
    areas, tried = _areas(evidence)
    area = float(np.mean(list(areas.values())))
    low, high = area_interval(area, *tried, confidence=evidence.confidence)
    return evidence.result("unlearning_lira", area, low, high, count=sum(tried))


def unlearning_lira_worst(evidence: Evidence) -> MetricResult:
    """The same of the fact that gives itself away most.

    Interval: as above, each fact with its part of the error.
    """
    areas, tried = _areas(evidence)
    area = max(areas.values())
    each = 1 - (1 - evidence.confidence) / len(areas)
    low, high = area_interval(area, *tried, confidence=each)
    return evidence.result("unlearning_lira_worst", area, low, high, count=sum(tried))


def confidence_logit(mean_log_prob: float) -> float:
    """Return ``log(p / (1 - p))`` of a length-normalised probability."""
    certain = -np.expm1(min(mean_log_prob, -1e-9))
    return float(mean_log_prob - np.log(certain))


def log_ratio(value: float, first: Sequence[float], second: Sequence[float]) -> float:
    """Return the log-ratio of a value under normal laws fitted to two samples."""
    return _log_density(value, first) - _log_density(value, second)


def _log_density(value: float, sample: Sequence[float]) -> float:
    deviation = max(float(np.std(sample, ddof=1)), SMALLEST_DEVIATION)
    return float(stats.norm.logpdf(value, np.mean(sample), deviation))


def _areas(
    evidence: Evidence,
) -> tuple[Mapping[tuple[str, str], float], tuple[int, int]]:
    """Return the area of every fact of the subject, and how many models were tried."""
    forgotten = _per_fact(evidence, evidence.shadows)
    retrained = _per_fact(evidence, evidence.retrained)
    areas = {}
    tried = (0, 0)
    for fact, of_forgotten in forgotten.items():
        (fit, members), (other_fit, others) = (
            _halves(values) for values in (of_forgotten, retrained[fact])
        )
        tried = (len(members), len(others))
        areas[fact] = area_under_curve(
            [log_ratio(value, fit, other_fit) for value in members],
            [log_ratio(value, fit, other_fit) for value in others],
        )
    return areas, tried


def _halves(values: Floats) -> tuple[list[float], list[float]]:
    return values[::2].tolist(), values[1::2].tolist()


def _per_fact(
    evidence: Evidence, models: tuple[tuple[float, ...], ...]
) -> Mapping[tuple[str, str], Floats]:
    """Return for every fact of the subject its logit under each model, ``[M]``.

    Raises:
        MissingEvidenceError: There are too few models, or they were asked otherwise.
    """
    if len(models) < FEWEST_MODELS:
        message = f"fewer than {FEWEST_MODELS} models"
        raise MissingEvidenceError(message)
    if any(len(model) != len(evidence.after) for model in models):
        message = "a model was not asked the same"
        raise MissingEvidenceError(message)
    rows: dict[tuple[str, str], list[int]] = {}
    for row, score in enumerate(evidence.after):
        if score.group is Group.SUBJECT:
            rows.setdefault((score.ref, score.field), []).append(row)
    if not rows:
        raise MissingEvidenceError(Group.SUBJECT)
    return {
        fact: np.array(
            [np.mean([confidence_logit(model[row]) for row in own]) for model in models]
        )
        for fact, own in rows.items()
    }
