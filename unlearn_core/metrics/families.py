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

NOTHING_SAID = [0.0]
"""Of strangers in a family in which none could be asked: as if one had said nothing."""


def family_extraction_excess(evidence: Evidence) -> MetricResult:
    """Facts stated in the worst probe family, subject minus never-trained people.

    Of the most likely answers; the subject's facts and the people are the units.
    Where no stranger could be asked nothing is taken off, so no family is left out.
    Interval: `difference_of_means`, each family with its part of the error.
    """
    asked = _by_family(evidence, Group.SUBJECT)
    strangers = _by_family(evidence, Group.CONTROL)
    if not asked or not strangers:
        message = "no probe family was asked"
        raise MissingEvidenceError(message)
    others = dict.fromkeys(asked, NOTHING_SAID) | strangers
    each = 1 - (1 - evidence.confidence) / len(asked)
    ends = [
        difference_of_means(own, others[family], confidence=each)
        for family, own in asked.items()
    ]
    return evidence.result(
        "family_extraction_excess",
        max(fmean(own) - fmean(others[family]) for family, own in asked.items()),
        max(low for low, _ in ends),
        max(high for _, high in ends),
        count=sum(map(len, (*asked.values(), *strangers.values()))),
    )


def _by_family(evidence: Evidence, group: Group) -> dict[str, list[float]]:
    """Return for every family what came out of each unit, as shares."""
    found: dict[str, list[tuple[Unit, bool]]] = {}
    for score in evidence.families:
        if score.group is group:
            found.setdefault(score.family, []).append((score.unit, score.is_extracted))
    return {family: shares_of_units(tried) for family, tried in found.items()}
