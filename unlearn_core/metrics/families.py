"""Does any other way of asking bring the facts back?"""

from statistics import fmean

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import (
    Evidence,
    MissingEvidenceError,
    Unit,
    shares_of_units,
)
from unlearn_core.metrics.bounds import difference_of_means


def family_extraction_excess(evidence: Evidence) -> MetricResult:
    """Facts stated in the worst probe family, subject minus never-trained people.

    Of the most likely answers; the subject's facts and the people are the units.
    Interval: `difference_of_means`, each family with its part of the error.
    """
    asked = _by_family(evidence, Group.SUBJECT)
    others = _by_family(evidence, Group.CONTROL)
    families = [family for family in asked if family in others]
    if not families:
        message = "no probe family was asked"
        raise MissingEvidenceError(message)
    each = 1 - (1 - evidence.confidence) / len(families)
    ends = [
        difference_of_means(asked[family], others[family], confidence=each)
        for family in families
    ]
    return evidence.result(
        "family_extraction_excess",
        max(fmean(asked[family]) - fmean(others[family]) for family in families),
        max(low for low, _ in ends),
        max(high for _, high in ends),
        count=sum(len(asked[family]) + len(others[family]) for family in families),
    )


def _by_family(evidence: Evidence, group: Group) -> dict[str, list[float]]:
    """Return for every family what came out of each unit, as shares."""
    found: dict[str, list[tuple[Unit, bool]]] = {}
    for score in evidence.families:
        if score.group is group:
            found.setdefault(score.family, []).append((score.unit, score.is_extracted))
    return {family: shares_of_units(tried) for family, tried in found.items()}
