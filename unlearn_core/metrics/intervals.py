"""Confidence intervals and tests, each by a method that a reader can look up."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from unlearn_core.metrics.base import Floats

RESAMPLES = 2000


def clopper_pearson(
    successes: int, trials: int, *, confidence: float
) -> tuple[float, float]:
    """Return the exact two-sided interval of a proportion.

    Source: Clopper and Pearson 1934, Biometrika 26(4). Each end errs with
    probability at most ``(1 - confidence) / 2``.

    Raises:
        ValueError: There are no trials.
    """
    if trials < 1:
        message = "a proportion needs at least one trial"
        raise ValueError(message)
    tail = (1 - confidence) / 2
    low = (
        0.0
        if successes == 0
        else float(stats.beta.ppf(tail, successes, trials - successes + 1))
    )
    high = (
        1.0
        if successes == trials
        else float(stats.beta.ppf(1 - tail, successes + 1, trials - successes))
    )
    return low, high


def difference_of_proportions(
    first: tuple[int, int], second: tuple[int, int], *, confidence: float
) -> tuple[float, float]:
    """Return a conservative interval of ``p1 - p2``.

    Both proportions get Clopper-Pearson intervals at half the error, so the
    difference is covered by Bonferroni's inequality.

    Args:
        first: Successes and trials.
        second: Successes and trials.
        confidence: Level of the interval of the difference.
    """
    each = 1 - (1 - confidence) / 2
    low_1, high_1 = clopper_pearson(*first, confidence=each)
    low_2, high_2 = clopper_pearson(*second, confidence=each)
    return low_1 - high_2, high_1 - low_2


def bootstrap_difference(
    first: Sequence[float], second: Sequence[float], *, confidence: float, seed: int
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a difference of means.

    Source: Efron and Tibshirani 1993, chapter 13; both samples are resampled.
    """
    rng = np.random.default_rng(seed)
    means_1 = _resampled_means(np.asarray(first), rng)
    means_2 = _resampled_means(np.asarray(second), rng)
    return _percentiles(means_1 - means_2, confidence)


def bootstrap_mean(
    values: Sequence[float], *, confidence: float, seed: int
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean."""
    rng = np.random.default_rng(seed)
    return _percentiles(_resampled_means(np.asarray(values), rng), confidence)


def bootstrap_statistic(
    values: Sequence[float],
    statistic: Callable[[Floats], float],
    *,
    confidence: float,
    seed: int,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of any statistic."""
    rng = np.random.default_rng(seed)
    sample = np.asarray(values)
    draws = rng.integers(0, len(sample), size=(RESAMPLES, len(sample)))
    return _percentiles(
        np.array([statistic(sample[rows]) for rows in draws]), confidence
    )


def conformal_p_value(observed: float, controls: Sequence[float]) -> float:
    """Return the two-sided conformal p-value of one value among controls.

    With ``u`` the rank from above and ``v`` the rank from below, ties counted in
    both, ``p = min(1, 2 min(u, v))``. If the value is exchangeable with the
    controls, ``P(p <= a) <= a`` for every ``a``. Source: Vovk et al. 2005,
    chapter 2, applied to both tails with Bonferroni's inequality.
    """
    values = np.asarray(controls)
    total = len(values) + 1
    above = (1 + int((values >= observed).sum())) / total
    below = (1 + int((values <= observed).sum())) / total
    return min(1.0, 2 * min(above, below))


def smallest_conformal_p_value(controls: int) -> float:
    """Return the smallest p-value that so many controls can give."""
    return 2 / (controls + 1)


def _resampled_means(sample: Floats, rng: np.random.Generator) -> Floats:
    draws = rng.integers(0, len(sample), size=(RESAMPLES, len(sample)))
    means: Floats = sample[draws].mean(axis=1)
    return means


def _percentiles(values: Floats, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    if not np.isfinite(values).all():
        return math.nan, math.nan
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
