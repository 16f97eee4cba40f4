import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from unlearn_core.metrics import intervals
from unlearn_core.metrics.base import Floats
from unlearn_core.metrics.intervals import (
    bootstrap_mean,
    clopper_pearson,
    conformal_p_value,
    difference_of_proportions,
    smallest_conformal_p_value,
    studentised_mean,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Closed form at the edges: 1 - 0.025 ** (1 / n).
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (0, 1, 0.0, 0.975),
        (5, 10, 0.1871, 0.8129),
        (1, 20, 0.0013, 0.2487),
        # The worked example of Newcombe 1998, Statistics in Medicine 17.
        (81, 263, 0.2527, 0.3676),
    ],
)
def test_clopper_pearson_by_published_values(
    successes: int, trials: int, low: float, high: float
) -> None:
    found = clopper_pearson(successes, trials, confidence=0.95)
    assert found == pytest.approx((low, high), abs=6e-5)


@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.5, 0.999),
)
def test_clopper_pearson_is_that_of_scipy(
    counts: tuple[int, int], confidence: float
) -> None:
    successes, trials = counts
    low, high = clopper_pearson(successes, trials, confidence=confidence)
    expected = stats.binomtest(successes, trials).proportion_ci(confidence)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert 0 <= low <= successes / trials <= high <= 1


@pytest.mark.parametrize("share", [0.002, 0.01, 0.1, 0.5, 0.93])
def test_clopper_pearson_covers_at_least_as_often_as_it_says(share: float) -> None:
    """Exactly computed over all outcomes of 50 trials, and on each side alone."""
    outcomes = range(51)
    chances = stats.binom.pmf(outcomes, 50, share)
    intervals = [clopper_pearson(item, 50, confidence=0.9) for item in outcomes]
    too_high = sum(
        p for p, (low, _) in zip(chances, intervals, strict=True) if low > share
    )
    too_low = sum(
        p for p, (_, high) in zip(chances, intervals, strict=True) if high < share
    )
    assert too_high <= 0.05
    assert too_low <= 0.05


def test_the_upper_bound_holds_for_draws_of_unequal_chances() -> None:
    """Hoeffding 1956: nothing seen in unequal draws is rarer than in equal ones."""
    rng = np.random.default_rng(3)
    chances = rng.uniform(0, 0.08, size=100)
    leaks = (rng.uniform(size=(4000, 100)) < chances).sum(axis=1)
    highs = {
        count: clopper_pearson(int(count), 100, confidence=0.9)[1]
        for count in set(leaks)
    }
    missed = np.mean([highs[count] < chances.mean() for count in leaks])
    assert missed <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)


@pytest.mark.parametrize("trials", [0, -1])
def test_no_trials_have_no_proportion(trials: int) -> None:
    with pytest.raises(ValueError, match="at least one trial"):
        clopper_pearson(0, trials, confidence=0.95)


def test_a_difference_of_proportions_by_hand() -> None:
    """Each side at 97.5%, 0.0125 ** 0.1 = 0.6452: (0.6452, 1) minus (0, 0.3548)."""
    edge = 0.0125**0.1
    found = difference_of_proportions((10, 10), (0, 10), confidence=0.95)
    assert found == pytest.approx((edge - (1 - edge), 1.0))


_counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(_counts, _counts)
def test_a_difference_lies_in_its_interval_and_turns_around(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    low, high = difference_of_proportions(first, second, confidence=0.95)
    difference = first[0] / first[1] - second[0] / second[1]
    assert -1 <= low <= difference <= high <= 1
    turned = difference_of_proportions(second, first, confidence=0.95)
    assert turned == pytest.approx((-high, -low))


def test_a_difference_covers_at_least_as_often_as_it_says() -> None:
    """Exactly computed for 12 draws at 0.3 and 9 at 0.2."""
    covered = 0.0
    for first in range(13):
        for second in range(10):
            low, high = difference_of_proportions(
                (first, 12), (second, 9), confidence=0.9
            )
            chance = stats.binom.pmf(first, 12, 0.3) * stats.binom.pmf(second, 9, 0.2)
            covered += chance if low <= 0.1 <= high else 0.0
    assert covered >= 0.9


@cache
def differences(confidence: float) -> dict[tuple[int, int], tuple[float, float]]:
    """Return the interval after every outcome of five draws and of four."""
    return {
        (hits, others): difference_of_proportions(
            (hits, 5), (others, 4), confidence=confidence
        )
        for hits in range(6)
        for others in range(5)
    }


_chances = st.integers(0, 100).map(lambda percent: percent / 100)


@settings(max_examples=30)
@given(_chances, _chances, st.sampled_from([0.5, 0.8, 0.95]))
def test_a_difference_is_covered_whatever_the_chances(
    first: float, second: float, confidence: float
) -> None:
    """Exactly, over all outcomes of five draws and of four."""
    covered = 0.0
    for hits, chance in enumerate(stats.binom.pmf(range(6), 5, first)):
        for others, beside in enumerate(stats.binom.pmf(range(5), 4, second)):
            low, high = differences(confidence)[hits, others]
            is_in = low - 1e-9 <= first - second <= high + 1e-9
            covered += float(chance * beside) if is_in else 0.0
    assert covered >= confidence - 1e-9


def coverage(
    holds: Callable[[np.random.Generator, int], bool], *, rounds: int = 300
) -> float:
    """Return the share of rounds in which an interval holds the truth."""
    rng = np.random.default_rng(11)
    return float(np.mean([holds(rng, seed) for seed in range(rounds)]))


@pytest.mark.parametrize(
    ("size", "least", "most"),
    [
        # A percentile bootstrap promises its level for large samples only; of eight
        # normal values it holds nine times in ten where it says nineteen in twenty.
        (8, 0.84, 0.94),
        (40, 0.90, 0.99),
    ],
)
def test_what_the_percentile_bootstrap_covers_is_known(
    size: int, least: float, most: float
) -> None:
    def mean(rng: np.random.Generator, seed: int) -> bool:
        values = rng.normal(0, 1, size)
        low, high = bootstrap_mean(values.tolist(), confidence=0.95, seed=seed)
        return low <= 0 <= high

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "RESAMPLES", 400)  # time
        assert least <= coverage(mean) <= most


def student(rng: np.random.Generator, size: int) -> Floats:
    return rng.standard_t(4, size)


def even(rng: np.random.Generator, size: int) -> Floats:
    return rng.uniform(-1, 1, size)


def normal(rng: np.random.Generator, size: int) -> Floats:
    return rng.normal(0, 1, size)


def skewed(rng: np.random.Generator, size: int) -> Floats:
    return 1 - rng.exponential(1, size)


@pytest.mark.parametrize(
    ("drawn", "size"),
    [
        *((law, size) for law in (student, even, normal) for size in (5, 8, 40)),
        # The control group: 39 people at least, who may lose more than they gain.
        (skewed, 40),
        (skewed, 80),
    ],
)
def test_a_studentised_mean_is_covered_as_often_as_it_says(
    drawn: Callable[[np.random.Generator, int], Floats], size: int
) -> None:
    def holds(rng: np.random.Generator, seed: int) -> bool:
        values = drawn(rng, size).tolist()
        low, high = studentised_mean(values, confidence=0.95, seed=seed)
        return low <= 0 <= high

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "RESAMPLES", 400)  # time
        found = coverage(holds, rounds=1000)
    assert found >= 0.95 - chance_in(1000)


def chance_in(rounds: int) -> float:
    """Return three standard errors of a share of .95."""
    return 3 * math.sqrt(0.95 * 0.05 / rounds)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20), st.integers(0, 5))
def test_a_studentised_mean_is_seeded_and_holds_that_of_student(
    values: list[float], seed: int
) -> None:
    low, high = studentised_mean(values, confidence=0.95, seed=seed)
    assert (low, high) == studentised_mean(values, confidence=0.95, seed=seed)
    if math.isfinite(low):
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        first, last = stats.t.interval(
            0.95, len(values) - 1, loc=np.mean(values), scale=error
        )
        assert low <= first + 1e-6
        assert high >= last - 1e-6


def test_a_studentised_mean_by_hand() -> None:
    """Of -1 and 1: deviation sqrt 2, error 1, and Student's 12.706 of one degree."""
    found = studentised_mean([-1.0, 1.0], confidence=0.95, seed=0)
    assert found == pytest.approx((-12.706, 12.706), abs=1e-3)


def test_a_skewed_sample_reaches_further_where_its_tail_is() -> None:
    """Sixty of an exponential law, which is 1 in the mean and skewed upwards."""
    values = np.random.default_rng(4).exponential(1, 60)
    low, high = studentised_mean(values.tolist(), confidence=0.95, seed=0)
    reach = stats.t.isf(0.025, 59) * values.std(ddof=1) / math.sqrt(60)
    assert values.mean() - low == pytest.approx(reach)
    assert high - values.mean() > 1.1 * reach


@pytest.mark.parametrize("values", [[0.0] * 40, [0.1] * 3, [7.0]])
def test_what_does_not_vary_has_an_interval_without_ends(values: list[float]) -> None:
    found = studentised_mean(values, confidence=0.95, seed=0)
    assert found == (-math.inf, math.inf)


def test_a_mean_that_is_not_a_number_has_no_interval() -> None:
    for interval in (bootstrap_mean, studentised_mean):
        found = interval([1.0, math.nan], confidence=0.95, seed=0)
        assert all(map(math.isnan, found))


def test_the_bootstrap_of_a_mean_is_close_to_that_of_scipy() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, size=80)
    found = bootstrap_mean(values.tolist(), confidence=0.9, seed=0)
    expected = stats.bootstrap(
        (values,), np.mean, confidence_level=0.9, method="percentile", rng=2
    ).confidence_interval
    assert found == pytest.approx((expected.low, expected.high), abs=0.05)


_samples = st.lists(st.floats(-100, 100), min_size=1, max_size=20)


@given(_samples, st.integers(0, 5))
def test_a_bootstrap_is_seeded_and_stays_within_the_sample(
    values: list[float], seed: int
) -> None:
    low, high = bootstrap_mean(values, confidence=0.95, seed=seed)
    assert (low, high) == bootstrap_mean(values, confidence=0.95, seed=seed)
    assert min(values) - 1e-9 <= low <= np.mean(values) + 1e-9
    assert np.mean(values) - 1e-9 <= high <= max(values) + 1e-9


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (5.0, 2 / 5),  # above all four: (1 + 0) / 5, twice
        (0.0, 2 / 5),  # below all four
        (3.5, 4 / 5),  # one above
        (2.5, 1.0),  # two above, two below: 6/5, capped
        (4.0, 4 / 5),  # a tie counts against it: (1 + 1) / 5, twice
    ],
)
def test_conformal_p_values_by_hand(observed: float, expected: float) -> None:
    assert conformal_p_value(observed, [1.0, 2.0, 3.0, 4.0]) == pytest.approx(expected)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=30), st.floats(0.01, 1))
def test_a_conformal_p_value_is_valid_even_with_ties(
    values: list[int], level: float
) -> None:
    """Whoever of them is taken as observed, at most a share of the level is flagged."""
    flagged = sum(
        conformal_p_value(value, values[:place] + values[place + 1 :]) <= level
        for place, value in enumerate(values)
    )
    assert flagged / len(values) <= level


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.floats(-5, 5))
def test_a_conformal_p_value_is_the_same_upside_down(
    controls: list[float], observed: float
) -> None:
    value = conformal_p_value(observed, controls)
    assert value == conformal_p_value(-observed, [-item for item in controls])
    assert smallest_conformal_p_value(len(controls)) <= value + 1e-12
    assert value <= 1


def test_a_statistic_that_is_not_a_number_is_flagged() -> None:
    """So a broken model is never indistinguishable from anybody."""
    assert conformal_p_value(math.nan, [1.0] * 39) == pytest.approx(0.05)


def test_five_percent_needs_39_controls() -> None:
    assert smallest_conformal_p_value(39) == 0.05
    assert smallest_conformal_p_value(38) > 0.05
