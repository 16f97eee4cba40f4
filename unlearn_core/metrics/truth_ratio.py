"""Is the true value preferred to wrong ones of the same field?

Source: Maini et al. 2024, arXiv:2401.06121 (TOFU), in the bounded form
``p_true / (p_true + p_wrong)`` that Dorna et al. 2025, arXiv:2506.12618 report;
probabilities are length-normalised, ``p_wrong`` is the mean over wrong values.
"""

import math

import numpy as np
from scipy import special

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.answers import mean_over_facts
from unlearn_core.metrics.base import (
    Evidence,
    MissingEvidenceError,
    ProbeScore,
    Scores,
    mean_per_fact,
    of_group,
)
from unlearn_core.metrics.memorization import difference_to_controls
from unlearn_core.metrics.published import (
    closeness,
    ks_p_value,
    log_truth_ratio,
    preference,
)


def truth_ratio(score: ProbeScore) -> float:
    """Return the preference for the true value, 0 to 1; NaN without alternatives."""
    if not score.alternative_mean_log_probs:
        return math.nan
    # In logarithms, because both probabilities may be too small for a float.
    wrong = np.asarray(score.alternative_mean_log_probs)
    log_mean_wrong = float(special.logsumexp(wrong)) - math.log(len(wrong))
    return float(special.expit(score.mean_log_prob - log_mean_wrong))


def truth_ratio_excess(evidence: Evidence) -> MetricResult:
    """Preference for the true value, subject minus never-trained people.

    Interval: `difference_of_means` of the subject's facts and the control people.
    """
    probed = Evidence(
        before=(),
        after=tuple(
            score for score in evidence.after if score.alternative_mean_log_probs
        ),
        confidence=evidence.confidence,
        seed=evidence.seed,
    )
    return difference_to_controls(probed, "truth_ratio_excess", truth_ratio)


def truth_ratio_closeness(evidence: Evidence) -> MetricResult:
    """Closeness of the subject's truth ratio to 1: ``min(R, 1/R)``, mean over facts.

    Interval: `bounded_mean` over facts.
    """
    return mean_over_facts(
        evidence,
        "truth_ratio",
        lambda score: closeness(_log_ratio(score)),
        scores=_with_alternatives(evidence, Group.SUBJECT),
    )


def truth_preference(evidence: Evidence) -> MetricResult:
    """Preference for the true answer: ``p_true / (p_true + p_wrong)`` over facts.

    Interval: `bounded_mean` over facts.
    """
    return mean_over_facts(
        evidence,
        "truth_preference",
        lambda score: preference(_log_ratio(score)),
        scores=_with_alternatives(evidence, Group.SUBJECT),
    )


def forget_quality(evidence: Evidence) -> MetricResult:
    """P-value of a KS test between truth ratios of subject and never-trained people.

    The published form compares with a retrained model on the same questions; here
    people whom no model saw take its place.
    """
    subject, controls = (
        mean_per_fact(_with_alternatives(evidence, group), _log_ratio)
        for group in (Group.SUBJECT, Group.CONTROL)
    )
    p_value = ks_p_value(subject, controls)
    return evidence.result(
        "forget_quality",
        p_value,
        p_value,
        p_value,
        count=len(subject) + len(controls),
    )


def _log_ratio(score: ProbeScore) -> float:
    return log_truth_ratio(score.mean_log_prob, score.alternative_mean_log_probs)


def _with_alternatives(evidence: Evidence, group: Group) -> Scores:
    chosen = tuple(
        score
        for score in of_group(evidence.after, group)
        if score.alternative_mean_log_probs
    )
    if not chosen:
        message = "no wrong answers to compare with"
        raise MissingEvidenceError(message)
    return chosen
