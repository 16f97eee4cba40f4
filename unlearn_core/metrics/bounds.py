"""Intervals that hold for any distribution on [0, 1], however small the sample.

A percentile bootstrap has no width where nothing varies: twenty people who all kept
their answers would "prove" that nobody loses any. These intervals do not do that.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import optimize

from unlearn_core.metrics.base import Floats


def bounded_mean(values: Sequence[float], *, confidence: float) -> tuple[float, float]:
    """Return an interval of the mean of independent values in [0, 1].

    Each end errs with probability at most ``(1 - confidence) / 2``. Where all values
    are 0 it is as short as any valid interval: that of Clopper and Pearson. Source:
    Hoeffding 1963, JASA 58(301), theorem 1: the mean lies below x with probability at
    most ``exp(-n KL(x || mu))``; the values need not have the same distribution.
    """
    mean, count = float(np.mean(values)), len(values)
    reach = math.log(2 / (1 - confidence)) / count
    return 1 - _highest(1 - mean, reach), _highest(mean, reach)


def change_of_shares(
    changes: Sequence[float], *, confidence: float
) -> tuple[float, float]:
    """Return an interval of the mean of changes in [-1, 1].

    The lower end is what may have been lost, the upper end what may have been gained,
    each by `bounded_mean` and without setting one off against the other. That is
    conservative, and what "nobody may lose" asks for.
    """
    lost = bounded_mean([max(0.0, -value) for value in changes], confidence=confidence)
    won = bounded_mean([max(0.0, value) for value in changes], confidence=confidence)
    return -lost[1], won[1]


def area_interval(
    area: float, members: int, others: int, *, confidence: float
) -> tuple[float, float]:
    """Return an interval of an area under the ROC curve.

    Source: Hoeffding 1963, section 5b: a two-sample U-statistic concentrates like a
    mean of as many values as the smaller sample has.
    """
    reach = math.sqrt(math.log(2 / (1 - confidence)) / (2 * min(members, others)))
    return max(0.0, area - reach), min(1.0, area + reach)


def mean_of_draws(values: Sequence[float], *, confidence: float) -> tuple[float, float]:
    """Return an interval of the mean of equally distributed draws in [0, 1].

    Source: Scholten et al. 2024, arXiv:2410.03523, expectation bound: integrate the
    band of Dvoretzky, Kiefer and Wolfowitz (Massart 1990) around the empirical
    distribution. Both ends hold together.
    """
    grid, low_cdf, high_cdf = _band(values, confidence=confidence)
    widths = np.diff(grid)
    return 1 - float(widths @ high_cdf), 1 - float(widths @ low_cdf)


def deviation_of_draws(
    values: Sequence[float], *, confidence: float
) -> tuple[float, float]:
    """Return 0 and an upper bound of the standard deviation of draws in [0, 1].

    A bound of ``E(X - c)^2`` for every distribution inside the band of
    `mean_of_draws`, minimised over c; no variance inside the band is larger. Source:
    the deviation bound of arXiv:2410.03523, which follows Romano and Wolf 2002,
    Communications in Statistics 31(8).
    """
    grid, low_cdf, high_cdf = _band(values, confidence=confidence)

    def largest(centre: float) -> float:
        below = np.minimum(grid, centre)
        above = np.maximum(grid, centre)
        left = np.diff(-((centre - below) ** 2)) @ high_cdf
        right = np.diff((above - centre) ** 2) @ (1 - low_cdf)
        return float(left + right)

    found = optimize.minimize_scalar(largest, bounds=(0, 1), method="bounded")
    return 0.0, min(0.5, math.sqrt(max(0.0, float(found.fun))))


def spent_error(total: float, number: int) -> float:
    """Return the error that the n-th verification of the same claim may spend.

    ``6 total / (pi n)^2``: all of them together, however many follow, spend no more
    than the total, because the inverse squares sum to ``pi^2 / 6``.

    Raises:
        ValueError: Verifications are counted from 1.
    """
    if number < 1:
        message = "verifications are counted from 1"
        raise ValueError(message)
    return 6 * total / (math.pi * number) ** 2


def _highest(mean: float, reach: float) -> float:
    """Return the largest mu with ``KL(mean || mu) <= reach``."""
    if mean >= 1 - 1e-9:
        return 1.0
    if mean <= 0:
        return -math.expm1(-reach)

    def excess(mu: float) -> float:
        return (
            mean * math.log(mean / mu)
            + (1 - mean) * math.log((1 - mean) / (1 - mu))
            - reach
        )

    nearly_one = 1 - 1e-13
    if excess(nearly_one) <= 0:
        return 1.0
    return float(optimize.brentq(excess, mean, nearly_one))


def _band(
    values: Sequence[float], *, confidence: float
) -> tuple[Floats, Floats, Floats]:
    """Return grid points from 0 to 1 and the band's steps between them."""
    sample = np.sort(np.clip(np.asarray(values, dtype=float), 0, 1))
    reach = math.sqrt(math.log(2 / (1 - confidence)) / (2 * len(sample)))
    grid = np.concatenate([[0.0], sample, [1.0]])
    steps = np.arange(len(sample) + 1) / len(sample)
    return grid, np.maximum(steps - reach, 0), np.minimum(steps + reach, 1)
