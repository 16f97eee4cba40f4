"""Is the true value preferred to wrong ones of the same field?

Source: Maini et al. 2024, arXiv:2401.06121 (TOFU), in the bounded form
``p_true / (p_true + p_wrong)`` that Dorna et al. 2025, arXiv:2506.12618 report;
probabilities are length-normalised, ``p_wrong`` is the mean over wrong values.
"""

import math

import numpy as np
from scipy import special

from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import Evidence, ProbeScore
from unlearn_core.metrics.memorization import difference_to_controls


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

    Interval: percentile bootstrap over the subject's and the control facts.
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
