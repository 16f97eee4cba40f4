"""Intervals that hold for any distribution, however small the sample.

A percentile bootstrap has no width where nothing varies: twenty people who all kept
their answers would "prove" that nobody loses any. These intervals do not do that.
"""

import math
from bisect import bisect_left
from collections.abc import Collection, Sequence

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
    if math.isnan(mean):
        return mean, mean
    reach = math.log(2 / (1 - confidence)) / count
    return 1 - _highest(1 - mean, reach), _highest(mean, reach)


def difference_of_means(
    first: Sequence[float], second: Sequence[float], *, confidence: float
) -> tuple[float, float]:
    """Return an interval of the difference of two means of values in [0, 1].

    Each mean gets `bounded_mean` at half the error, so the difference is covered by
    Bonferroni's inequality.
    """
    each = 1 - (1 - confidence) / 2
    low_1, high_1 = bounded_mean(first, confidence=each)
    low_2, high_2 = bounded_mean(second, confidence=each)
    return low_1 - high_2, high_1 - low_2


def quantile_over_people(
    people: Collection[Sequence[float]], *, share: float, confidence: float
) -> tuple[float, float]:
    """Return an interval of a quantile of values that belong to independent people.

    A value lies inside unless `bounded_mean`, over people, of the share of a person's
    values up to it says that it is no such quantile. So values of one person may
    depend on each other, and few people leave the upper end open: infinity. Values
    that are not numbers have no quantile.

    Args:
        people: The values of every person.
        share: Which quantile, such as 0.99.
        confidence: Level of the interval.
    """
    points = sorted({value for values in people for value in values})
    if any(map(math.isnan, points)):
        return math.nan, math.nan

    def up_to(point: float) -> tuple[float, float]:
        shares = [float(np.mean(np.asarray(values) <= point)) for values in people]
        return bounded_mean(shares, confidence=confidence)

    first = bisect_left(points, share, key=lambda point: up_to(point)[1])
    last = bisect_left(points, share, key=lambda point: up_to(point)[0])
    return points[first], points[last] if last < len(points) else math.inf


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
