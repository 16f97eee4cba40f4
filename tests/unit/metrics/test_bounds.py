import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from unlearn_core.metrics.bounds import (
    area_interval,
    bounded_mean,
    change_of_shares,
    deviation_of_draws,
    difference_of_means,
    mean_of_draws,
    quantile_over_people,
    spent_error,
)
from unlearn_core.metrics.intervals import bootstrap_mean, clopper_pearson
from unlearn_core.metrics.published import area_under_curve


@pytest.mark.parametrize("count", [1, 20, 25, 40, 183])
def test_where_nothing_was_lost_the_interval_is_that_of_clopper_pearson(
    count: int,
) -> None:
    low, high = bounded_mean([0.0] * count, confidence=0.95)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / count))
    exact = clopper_pearson(0, count, confidence=0.95)
    assert (low, high) == pytest.approx(exact)
    assert bootstrap_mean([0.0] * count, confidence=0.95, seed=0) == (0.0, 0.0)


def test_a_mean_by_the_divergence_that_defines_it() -> None:
    """KL(0.25 || high) over 10 values is ln 40 / 10."""
    _, high = bounded_mean([0.0, 0.5] * 5, confidence=0.95)
    divergence = 0.25 * math.log(0.25 / high) + 0.75 * math.log(0.75 / (1 - high))
    assert divergence == pytest.approx(math.log(40) / 10)


@pytest.mark.parametrize("chance", [0.02, 0.1, 0.3, 0.5])
def test_questions_about_one_fact_count_once_and_the_interval_holds(
    chance: float,
) -> None:
    """Exactly, for seven facts, each asked four times and answered alike.

    An interval over the 28 questions says 95% and holds the truth less often.
    """
    of_facts = of_questions = 0.0
    for known, weight in enumerate(stats.binom.pmf(range(8), 7, chance)):
        shares = [1.0] * known + [0.0] * (7 - known)
        low, high = bounded_mean(shares, confidence=0.95)
        of_facts += weight * (low <= chance <= high)
        low, high = clopper_pearson(4 * known, 28, confidence=0.95)
        of_questions += weight * (low <= chance <= high)
    assert of_questions < 0.95 <= of_facts


FEWER = settings(max_examples=40)
_shares = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@FEWER
@given(_shares, st.floats(0.5, 0.999))
def test_every_interval_contains_its_value_and_stays_in_range(
    values: list[float], confidence: float
) -> None:
    for interval in (bounded_mean, mean_of_draws):
        low, high = interval(values, confidence=confidence)
        assert -1e-9 <= low <= np.mean(values) + 1e-9
        assert np.mean(values) - 1e-9 <= high <= 1 + 1e-9
    low, high = deviation_of_draws(values, confidence=confidence)
    assert low == 0.0
    assert np.std(values) - 1e-6 <= high <= 0.5


@FEWER
@given(_shares)
def test_a_mean_turns_around(values: list[float]) -> None:
    low, high = bounded_mean(values, confidence=0.9)
    turned = bounded_mean([1 - value for value in values], confidence=0.9)
    assert turned == pytest.approx((1 - high, 1 - low), abs=1e-6)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.9])
def test_a_mean_is_covered_at_least_as_often_as_it_says(share: float) -> None:
    """Exactly, over all outcomes of 40 people who lose half or nothing."""
    chances = stats.binom.pmf(range(41), 40, share)
    sure = [
        bounded_mean([0.5] * lost + [0.0] * (40 - lost), confidence=0.9)
        for lost in range(41)
    ]
    true = share / 2
    assert sum(p for p, (low, _) in zip(chances, sure, strict=True) if low > true) <= (
        0.05
    )
    missed = sum(p for p, (_, high) in zip(chances, sure, strict=True) if high < true)
    assert missed <= 0.05


@pytest.mark.parametrize("interval", [mean_of_draws, deviation_of_draws])
def test_bounds_of_draws_cover_a_model_that_rarely_tells_everything(
    interval: object,
) -> None:
    rng = np.random.default_rng(2)
    truth = 0.03 if interval is mean_of_draws else math.sqrt(0.03 * 0.97)
    assert callable(interval)
    missed = 0
    for _ in range(200):
        low, high = interval((rng.uniform(size=60) < 0.03).tolist(), confidence=0.9)
        missed += not low <= truth <= high
    assert missed <= 0.1 * 200 + 3 * math.sqrt(0.1 * 0.9 * 200)


def test_the_bounds_of_draws_by_hand() -> None:
    """200 zeros at 95%: epsilon is sqrt(ln 40 / 400) = 0.096.

    At most this share is 1, so E(X - c)^2 is at most c^2 + (1 - c)^2 epsilon; the best
    c is epsilon / (1 + epsilon), where it equals c.
    """
    reach = math.sqrt(math.log(40) / 400)
    assert mean_of_draws([0.0] * 200, confidence=0.95) == pytest.approx((0.0, reach))
    _, high = deviation_of_draws([0.0] * 200, confidence=0.95)
    assert high == pytest.approx(math.sqrt(reach / (1 + reach)), abs=1e-5)


def test_a_difference_of_means_by_hand() -> None:
    """Each side at 97.5%: a nothing of 8 is below 1 - 0.0125 ** (1 / 8) = 0.4218."""
    edge = 1 - 0.0125 ** (1 / 8)
    found = difference_of_means([1.0] * 8, [0.0] * 8, confidence=0.95)
    assert found == pytest.approx((1 - 2 * edge, 1.0))
    turned = difference_of_means([0.0] * 8, [1.0] * 8, confidence=0.95)
    assert turned == pytest.approx((-1.0, 2 * edge - 1))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_difference_of_means_is_covered_as_often_as_it_says(share: float) -> None:
    """Exactly, over all outcomes of eight facts against twenty of a tenth."""
    covered = 0.0
    for hits, chance in enumerate(stats.binom.pmf(range(9), 8, share)):
        for others, beside in enumerate(stats.binom.pmf(range(21), 20, 0.1)):
            low, high = difference_of_means(
                [1.0] * hits + [0.0] * (8 - hits),
                [1.0] * others + [0.0] * (20 - others),
                confidence=0.8,
            )
            covered += chance * beside if low <= share - 0.1 <= high else 0.0
    assert covered >= 0.8


def test_a_mean_that_is_not_a_number_has_no_interval() -> None:
    assert all(map(math.isnan, bounded_mean([0.5, math.nan], confidence=0.9)))


def test_a_quantile_of_one_value_a_person_by_hand() -> None:
    """Ten people, the median at 80%: reach ln 10 / 10 = 0.2303.

    KL(0.2 || 0.5) is 0.193 and within it, KL(0.1 || 0.5) is 0.368 and beyond: from the
    second value to the ninth.
    """
    people = [[float(number)] for number in range(1, 11)]
    found = quantile_over_people(people, share=0.5, confidence=0.8)
    assert found == (2.0, 9.0)


@pytest.mark.parametrize(("people", "is_open"), [(367, True), (368, False)])
def test_few_people_leave_the_upper_end_of_a_high_quantile_open(
    people: int, *, is_open: bool
) -> None:
    """0.99 ** 367 = 0.02500 is just above 0.025."""
    values = [[float(number)] for number in range(people)]
    low, high = quantile_over_people(values, share=0.99, confidence=0.95)
    assert low < 0.99 * people
    assert high == (math.inf if is_open else people - 1.0)


def test_values_that_are_not_numbers_have_no_quantile() -> None:
    """As of a model that diverged: its gate fails, and the suite goes on."""
    people = [[math.nan]] * 3
    found = quantile_over_people(people, share=0.99, confidence=0.95)
    assert all(map(math.isnan, found))


def test_a_quantile_is_covered_although_a_person_s_values_are_alike() -> None:
    """Sixty people with five values each, all five the same: they count once."""
    rng = np.random.default_rng(8)
    missed = 0
    for _ in range(400):
        people = [[float(value)] * 5 for value in rng.uniform(size=60)]
        low, high = quantile_over_people(people, share=0.9, confidence=0.9)
        missed += not low <= 0.9 <= high
    assert missed <= 0.1 * 400


def test_gains_do_not_make_up_for_losses() -> None:
    """Half lose what the others gain: the mean is 0, the ends are those of 0.5."""
    lost = bounded_mean([1.0, 0.0] * 10, confidence=0.95)[1]
    found = change_of_shares([-1.0, 1.0] * 10, confidence=0.95)
    assert found == pytest.approx((-lost, lost))


def test_two_points_cannot_be_shown_with_forty_people() -> None:
    """0.025 ** (1 / n) - 1 reaches -0.02 with 183 people and -0.05 with 72."""
    assert change_of_shares([0.0] * 40, confidence=0.95)[0] == pytest.approx(
        -0.0881, abs=5e-5
    )
    for people, margin in ((183, -0.02), (72, -0.05)):
        assert change_of_shares([0.0] * people, confidence=0.95)[0] >= margin
        assert change_of_shares([0.0] * (people - 1), confidence=0.95)[0] < margin


def test_an_area_is_as_sure_as_the_smaller_group() -> None:
    """sqrt(ln 40 / 16) = 0.4802 with eight facts."""
    found = area_interval(0.6, 8, 300, confidence=0.95)
    assert found == pytest.approx((0.6 - 0.48016, 1.0), abs=1e-4)
    assert area_interval(0.5, 1000, 800, confidence=0.95) == pytest.approx(
        (0.45198, 0.54802), abs=1e-4
    )


@pytest.mark.parametrize(
    ("shift", "true"), [(0.0, 0.5), (1.0, 0.76025), (3.0, 0.98305)]
)
def test_an_area_is_covered_at_least_as_often_as_it_says(
    shift: float, true: float
) -> None:
    """Eight facts against thirty; of two normal laws it is Phi(shift / sqrt 2)."""
    rng = np.random.default_rng(6)
    missed = 0
    for _ in range(300):
        members, others = rng.normal(shift, 1, 8), rng.normal(0, 1, 30)
        area = area_under_curve(members.tolist(), others.tolist())
        low, high = area_interval(area, 8, 30, confidence=0.8)
        missed += not low <= true <= high
    assert missed <= 0.2 * 300


@pytest.mark.parametrize(("lost", "won"), [(0.1, 0.0), (0.05, 0.2), (0.3, 0.3)])
def test_a_change_is_covered_at_least_as_often_as_it_says(
    lost: float, won: float
) -> None:
    """Exactly, over all outcomes of 14 people who lose all, gain all or stay."""
    people, covered = 14, 0.0
    law = stats.multinomial(people, [lost, won, 1 - lost - won])
    for losers in range(people + 1):
        for winners in range(people + 1 - losers):
            rest = people - losers - winners
            changes = [-1.0] * losers + [1.0] * winners + [0.0] * rest
            low, high = change_of_shares(changes, confidence=0.9)
            is_in = low <= won - lost <= high
            covered += float(law.pmf([losers, winners, rest])) if is_in else 0.0
    assert covered >= 0.9


@FEWER
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_mean_of_draws_is_the_best_of_all_laws_in_the_band(
    values: list[float],
) -> None:
    """Found again by linear programming: steps of a distribution, put at grid points.

    Up to each value the distribution function keeps to the band on either side.
    """
    points = np.unique([0.0, *values, 1.0])
    reach = math.sqrt(math.log(2 / 0.2) / (2 * len(values)))
    empirical = np.searchsorted(np.sort(values), points, side="right") / len(values)
    cumulative = np.tril(np.ones((len(points), len(points))))[:-1]
    band = empirical[:-1]
    found = mean_of_draws(values, confidence=0.8)
    highest = optimize.linprog(
        -points,
        A_ub=np.vstack([cumulative, -cumulative]),
        b_ub=np.concatenate([band + reach, reach - band]),
        A_eq=np.ones((1, len(points))),
        b_eq=[1.0],
        bounds=(0, 1),
    )
    assert -highest.fun == pytest.approx(found[1], abs=1e-6)
    # The low end is the high end of the mirrored draws.
    turned = mean_of_draws([1 - value for value in values], confidence=0.8)
    assert (1 - turned[1], 1 - turned[0]) == pytest.approx(found, abs=1e-9)


@FEWER
@given(_shares, st.integers(0, 99))
def test_no_law_inside_the_band_varies_more_than_the_bound(
    values: list[float], seed: int
) -> None:
    """Whatever the draws are mixed with, as long as the band admits it."""
    _, high = deviation_of_draws(values, confidence=0.9)
    reach = min(1.0, math.sqrt(math.log(2 / 0.1) / (2 * len(values))))
    rng = np.random.default_rng(seed)
    extra = rng.choice([0.0, 1.0, float(rng.uniform())], size=50)
    points = np.concatenate([values, extra])
    weights = np.concatenate(
        [np.full(len(values), (1 - reach) / len(values)), np.full(50, reach / 50)]
    )
    mean = float(weights @ points)
    assert math.sqrt(float(weights @ (points - mean) ** 2)) <= high + 1e-5


@pytest.mark.parametrize("interval", [mean_of_draws, deviation_of_draws])
@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.3, 0.3), (0.5, 6.0)])
def test_bounds_of_draws_cover_laws_without_steps(
    interval: Callable[..., tuple[float, float]], a: float, b: float
) -> None:
    rng = np.random.default_rng(8)
    law = stats.beta(a, b)
    truth = float(law.mean() if interval is mean_of_draws else law.std())
    missed = 0
    for _ in range(100):
        low, high = interval(rng.beta(a, b, size=50).tolist(), confidence=0.8)
        missed += not low <= truth <= high
    assert missed <= 0.2 * 100


def test_all_verifications_together_spend_no_more_than_the_total() -> None:
    """6/pi^2 of it for the first, a quarter of that for the second."""
    assert spent_error(0.05, 1) == pytest.approx(0.030396, abs=1e-6)
    assert spent_error(0.05, 2) == pytest.approx(0.007599, abs=1e-6)
    total = sum(spent_error(0.05, number) for number in range(1, 20001))
    assert total < 0.05
    assert total == pytest.approx(0.05, abs=1e-5)


def test_verifications_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        spent_error(0.05, 0)
