"""Confidence intervals and tests, each by a method that a reader can look up."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from unlearn_core.metrics.base import Floats

RESAMPLES = 2000
NOTHING = 1e-12
"""A spread below this share of what it belongs to is a matter of rounding."""


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


def bootstrap_mean(
    values: Sequence[float], *, confidence: float, seed: int
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean.

    Source: Efron and Tibshirani 1993, chapter 13. It covers less than it says where
    there are few values, and has no width where nothing varies: no new metric should
    use it. `studentised_mean` or the intervals of `bounds` hold.
    """
    rng = np.random.default_rng(seed)
    means = _resampled(np.asarray(values), rng).mean(axis=1)
    if not np.isfinite(means).all():
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def studentised_mean(
    values: Sequence[float], *, confidence: float, seed: int
) -> tuple[float, float]:
    """Return an interval of the mean of values without bounds.

    The wider of two at each end: that of Student, exact for normal values, and the
    bootstrap of his statistic (Efron and Tibshirani 1993, chapter 12), which follows
    skewed ones. Values that do not vary tell nothing about how far others lie, so
    their interval has no ends.
    """
    sample, count = np.asarray(values, dtype=float), len(values)
    mean = float(sample.mean())
    spread = float(sample.std(ddof=1)) if count > 1 else 0.0
    if not spread > NOTHING * max(1.0, abs(mean)):
        return (-math.inf, math.inf) if math.isfinite(mean) else (math.nan, math.nan)
    resampled = _resampled(sample, np.random.default_rng(seed))
    spreads = resampled.std(axis=1, ddof=1)
    varied = spreads > NOTHING * spread
    statistics = (resampled.mean(axis=1)[varied] - mean) / spreads[varied]
    tail = (1 - confidence) / 2
    below, above = np.quantile(statistics, [tail, 1 - tail])
    reach = float(stats.t.isf(tail, count - 1)) / math.sqrt(count)
    return (
        mean - max(float(above), reach) * spread,
        mean - min(float(below), -reach) * spread,
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


def _resampled(sample: Floats, rng: np.random.Generator) -> Floats:
    """Return samples of the same size, drawn with replacement, one a row."""
    drawn: Floats = sample[rng.integers(0, len(sample), size=(RESAMPLES, len(sample)))]
    return drawn
