"""Can the subject be told from people whom the model never saw?

The statistic of a person is the mean log-probability of their true answers, fields
weighing the same. It is fixed beforehand; a two-sided conformal test compares the
subject's with the control group's. Too likely means remembered, too unlikely means
over-forgotten, and both expose the person.
"""

from collections.abc import Mapping

import numpy as np

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import (
    Evidence,
    ProbeScore,
    Scores,
    mean_per_person,
    of_group,
)
from unlearn_core.metrics.intervals import clopper_pearson, conformal_p_value


def answer_likelihood(score: ProbeScore) -> float:
    """Return the statistic of one probe, in nats per token."""
    return score.mean_log_prob


def person_statistics(scores: Scores, group: Group) -> Mapping[str, float]:
    """Return the statistic of every person of a group, by ref.

    Raises:
        MissingEvidenceError: The group has no scores.
    """
    return mean_per_person(of_group(scores, group), answer_likelihood)


def two_sided_p(evidence: Evidence) -> MetricResult:
    """P-value of the two-sided conformal test; exact under exchangeability."""
    subject = person_statistics(evidence.after, Group.SUBJECT)
    controls = list(person_statistics(evidence.after, Group.CONTROL).values())
    p_value = conformal_p_value(next(iter(subject.values())), controls)
    return evidence.result(
        "two_sided_p", p_value, p_value, p_value, count=len(controls)
    )


def two_sided_power(evidence: Evidence) -> MetricResult:
    """Share of retained people whom the same test flags as known, at its level.

    Non-rejection alone proves nothing; this says how surely the test would have
    seen a person who is still remembered. Somebody whose answers are too unlikely is
    flagged as well, but not as known. Interval: Clopper-Pearson over people.
    """
    controls = list(person_statistics(evidence.after, Group.CONTROL).values())
    retained = person_statistics(evidence.after, Group.RETAINED)
    typical = float(np.median(controls))
    flagged = sum(
        value > typical and conformal_p_value(value, controls) <= evidence.level
        for value in retained.values()
    )
    low, high = clopper_pearson(flagged, len(retained), confidence=evidence.confidence)
    return evidence.result(
        "two_sided_power", flagged / len(retained), low, high, count=len(retained)
    )
