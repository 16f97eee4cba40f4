import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.metrics.published import (
    area_under_curve,
    closeness,
    harmonic_mean,
    ks_p_value,
    leak_at,
    log_truth_ratio,
    lowest_mean,
    preference,
    privacy_leakage,
    probability_among_options,
    truthfulness,
)


def test_the_truth_ratio_takes_the_geometric_mean_of_wrong_answers() -> None:
    """sqrt(0.1 * 0.4) / 0.5 = 0.4; with a floor of 0.3 it is 0.2 / 0.8."""
    wrong = [math.log(0.1), math.log(0.4)]
    assert math.exp(log_truth_ratio(math.log(0.5), wrong)) == pytest.approx(0.4)
    floored = log_truth_ratio(math.log(0.5), wrong, floor=0.3)
    assert math.exp(floored) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("ratio", "close", "truthful", "preferred"),
    [
        (0.25, 0.25, 0.75, 0.8),  # 1 / (1 + 0.25)
        (1.0, 1.0, 0.0, 0.5),
        (4.0, 0.25, 0.0, 0.2),
    ],
)
def test_the_published_forms_of_a_truth_ratio(
    ratio: float, close: float, truthful: float, preferred: float
) -> None:
    assert closeness(math.log(ratio)) == pytest.approx(close)
    assert truthfulness(math.log(ratio)) == pytest.approx(truthful)
    assert preference(math.log(ratio)) == pytest.approx(preferred)


@pytest.mark.parametrize("log_ratio", [-2000.0, 2000.0])
def test_answers_beyond_floating_point_still_have_a_ratio(log_ratio: float) -> None:
    assert closeness(log_ratio) == 0.0
    assert truthfulness(log_ratio) == preference(log_ratio) == float(log_ratio < 0)


def test_a_probability_among_options() -> None:
    assert probability_among_options(0.2, [0.1, 0.1], floor=0) == pytest.approx(0.5)


def test_the_ks_test_of_separated_samples_by_counting() -> None:
    """Two orders of C(6, 3) = 20 separate three from three completely."""
    assert ks_p_value([1, 2, 3], [4, 5, 6]) == pytest.approx(0.1)
    assert ks_p_value([1, 2, 3], [1, 2, 3]) == pytest.approx(1.0)


def test_one_zero_spoils_a_harmonic_mean() -> None:
    """3 / (1 + 2 + 4) = 3/7."""
    assert harmonic_mean([1.0, 0.5, 0.25]) == pytest.approx(3 / 7)
    assert harmonic_mean([1.0, 0.0]) == 0.0


def test_an_area_counts_pairs() -> None:
    """Of (3, 1), (3, 3), (2, 1), (2, 3): won, tied, won, lost."""
    assert area_under_curve([3, 2], [1, 3]) == pytest.approx(2.5 / 4)


_scores = st.lists(st.integers(0, 5), min_size=1, max_size=12)


@given(_scores, _scores)
def test_an_area_is_the_mean_over_all_pairs(
    members: list[int], others: list[int]
) -> None:
    won = [(one > two) + 0.5 * (one == two) for one in members for two in others]
    expected = sum(won) / len(won)
    assert area_under_curve(members, others) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.4, -3.5), (0.2, -4.0), (0.05, -4.0), (1.0, -2.0)],
)
def test_the_lowest_share_of_tokens(share: float, expected: float) -> None:
    values = [0.0, -3.0, -1.0, -4.0, -2.0]
    assert lowest_mean(values, share=share) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("area", "reference", "expected"),
    [
        (1.0, 0.5, -100.0),
        (0.0, 0.5, 100.0),
        (0.4, 0.4, 0.0),
        # ((1 - 0.7) - (1 - 0.4)) / (1 - 0.4) = -0.5
        (0.7, 0.4, -50.0),
    ],
)
def test_privacy_leakage_by_hand(
    area: float, reference: float, expected: float
) -> None:
    assert privacy_leakage(area, reference) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("draws", "leaks", "k", "expected"),
    [
        (4, 1, 1, 0.25),
        # 1 - C(3, 2) / C(4, 2) = 1 - 3/6
        (4, 1, 2, 0.5),
        (4, 0, 2, 0.0),
        (4, 3, 2, 1.0),
    ],
)
def test_leaks_at_k_by_hand(draws: int, leaks: int, k: int, expected: float) -> None:
    assert leak_at(draws, leaks, k=k) == pytest.approx(expected)


def test_more_tries_than_draws_cannot_be_estimated() -> None:
    with pytest.raises(ValueError, match="at least k draws"):
        leak_at(3, 1, k=4)
