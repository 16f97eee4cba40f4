"""Formulas as other people published them, on plain numbers.

Registered metrics apply them to evidence about a subject and never-trained people.
Here they are free of that setting, so that tests can compare them with evaluations
that others have published.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special, stats

MIN_K_SHARE = 0.4


def log_truth_ratio(
    true_log_prob: float, wrong_log_probs: Sequence[float], *, floor: float = 0.0
) -> float:
    """Return ``log(p_wrong / p_true)``, p_wrong the geometric mean over wrong answers.

    Source: Maini et al. 2024, arXiv:2401.06121, section 2.2.2, with the geometric
    mean of their code and of Dorna et al. 2025, arXiv:2506.12618; the paper's text
    has the arithmetic one.

    Args:
        true_log_prob: Mean log-probability per token of the true answer.
        wrong_log_probs: The same of the wrong answers.
        floor: Added to ``p_true``; 1e-10 in the implementation of arXiv:2506.12618.
    """
    log_true = float(np.logaddexp(true_log_prob, math.log(floor) if floor else -np.inf))
    return float(np.mean(wrong_log_probs)) - log_true


def closeness(log_ratio: float) -> float:
    """Return ``min(R, 1/R)``: 1 if neither answer is preferred. For forget sets."""
    return math.exp(-abs(log_ratio))


def truthfulness(log_ratio: float) -> float:
    """Return ``max(0, 1 - R)``: 1 if the true answer is preferred. For kept sets."""
    return -math.expm1(min(log_ratio, 0.0))


def preference(log_ratio: float) -> float:
    """Return ``p_true / (p_true + p_wrong)``, the bounded form of arXiv:2506.12618."""
    return float(special.expit(-log_ratio))


def probability_among_options(
    true_prob: float, wrong_probs: Sequence[float], *, floor: float = 1e-10
) -> float:
    """Return the share of the true answer's probability among all options.

    Source: arXiv:2401.06121, section 2.2.1, for sets with a few wrong options.
    """
    return true_prob / (true_prob + sum(wrong_probs) + floor)


def ks_p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sample Kolmogorov-Smirnov p-value.

    Applied to truth ratios of an unlearned and of a retrained model this is the
    forget quality of arXiv:2401.06121, section 2.2.2.
    """
    return float(stats.ks_2samp(first, second).pvalue)


def harmonic_mean(values: Sequence[float]) -> float:
    """Return the harmonic mean; 0 as soon as one value is 0."""
    return float(stats.hmean(values))


def area_under_curve(members: Sequence[float], others: Sequence[float]) -> float:
    """Return the chance that a member scores above another; ties count half.

    Source: the Mann-Whitney form of the area under the ROC curve.
    """
    ranks = stats.rankdata([*members, *others])
    count = len(members)
    above = float(ranks[:count].sum()) - count * (count + 1) / 2
    return above / (count * len(others))


def lowest_mean(values: Sequence[float], *, share: float = MIN_K_SHARE) -> float:
    """Return the mean of the lowest values, at least one.

    On log-probabilities this is Min-K% (Shi et al. 2023, arXiv:2310.16789); on
    standardised ones Min-K%++ (Zhang et al. 2024, arXiv:2404.02936).
    """
    count = max(1, int(share * len(values)))
    return float(np.mean(sorted(values)[:count]))


def privacy_leakage(auc: float, reference: float) -> float:
    """Return PrivLeak in percent: negative for under-, positive for over-forgetting.

    Source: Shi et al. 2024, arXiv:2407.06460 (MUSE), on areas of "is not a
    member" as in the implementation of arXiv:2506.12618.

    Args:
        auc: Area for "the forgotten looks like a member".
        reference: The same of a model that never saw it; 0.5 if there is none.
    """
    return 100 * (reference - auc) / (1 - reference)


def leak_at(draws: int, leaks: int, *, k: int) -> float:
    """Return the unbiased estimate of the chance that one of k answers leaks.

    Source: the estimate of pass@k of Chen et al. 2021, arXiv:2107.03374, for leaks.

    Raises:
        ValueError: There are fewer than k draws.
    """
    if draws < k:
        message = "an estimate for k answers needs at least k draws"
        raise ValueError(message)
    return 1 - math.comb(draws - leaks, k) / math.comb(draws, k)
