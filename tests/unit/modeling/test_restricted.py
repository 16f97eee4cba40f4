import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unlearn_core.modeling.offset import compose_difference
from unlearn_core.modeling.restricted import compose_restricted, excluded_bound

UNTOLD = -math.inf
numbers = st.floats(min_value=-6, max_value=6)


def told(law_V: Tensor, count: int) -> Tensor:
    """Return a law of which the likeliest tokens are told only."""
    best = law_V.topk(count)
    return torch.full_like(law_V, UNTOLD).scatter(0, best.indices, best.values)


def test_the_rest_goes_to_the_untold_tokens_with_the_largest_offset() -> None:
    """Told 1/2 and 1/8; of the rest of 3/8 no token may have more than 1/8.

    Weights of the untold tokens are 1, 8, 2 and 4, so at most 1/8 (8 + 4 + 2) = 7/4 is
    lost; 1/2 + 1/8 is kept, both with weight 1.
    """
    told_V = torch.tensor([1 / 2, 1 / 8, 0, 0, 0, 0]).log()
    offset_V = torch.tensor([1.0, 1, 1, 8, 2, 4]).log()
    bound = excluded_bound(told_V, offset_V)
    assert bound == pytest.approx(1.75 / (0.625 + 1.75), rel=1e-4)


def test_a_rest_smaller_than_the_smallest_told_token_goes_to_one_token() -> None:
    """Told 1/2 and 3/8; the rest of 1/8 has weight 4 at most: 1/2 against 7/8."""
    told_V = torch.tensor([1 / 2, 3 / 8, 0, 0]).log()
    offset_V = torch.tensor([1.0, 1, 2, 4]).log()
    assert excluded_bound(told_V, offset_V) == pytest.approx(0.5 / 1.375, rel=1e-4)


def test_nothing_is_lost_where_everything_is_told() -> None:
    law_V = torch.tensor([0.5, 0.25, 0.25]).log()
    assert excluded_bound(law_V, torch.tensor([0.0, 50.0, -50.0])) == 0.0


def test_a_told_token_of_no_probability_leaves_nothing_for_the_others() -> None:
    told_V = torch.tensor([0.0, -9999.0, UNTOLD])
    assert excluded_bound(told_V, torch.tensor([0.0, 0.0, 5.0])) == 0.0


@given(
    base=st.lists(numbers, min_size=9, max_size=9),
    offset=st.lists(numbers, min_size=9, max_size=9),
    count=st.integers(min_value=1, max_value=8),
)
@settings(max_examples=60, deadline=None)
def test_the_true_law_never_gives_more_to_untold_tokens_than_the_bound(
    base: list[float], offset: list[float], count: int
) -> None:
    law_V = torch.tensor(base).log_softmax(-1)
    offset_V = torch.tensor(offset)
    told_V = told(law_V, count)
    true_V = compose_difference(law_V, offset_V, alpha=1.0).exp()
    excluded = float(true_V[told_V == UNTOLD].sum())
    assert excluded <= excluded_bound(told_V, offset_V) + 1e-6


def test_no_smaller_number_is_a_bound() -> None:
    """Of all ways to spread the rest, the worst one has the bound."""
    told_V = torch.tensor([0.5, 0.2, UNTOLD, UNTOLD, UNTOLD])
    told_V[:2] = told_V[:2].log()
    offset_V = torch.tensor([0.0, 1.0, 2.0, 0.5, -1.0])
    steps = [place / 20 for place in range(5)]
    worst = 0.0
    for first, second, third in product(steps, repeat=3):
        if abs(first + second + third - 0.3) > 1e-9:
            continue
        law_V = torch.tensor([0.5, 0.2, first, second, third])
        served_V = law_V * offset_V.exp()
        worst = max(worst, float(served_V[2:].sum() / served_V.sum()))
    assert excluded_bound(told_V, offset_V) == pytest.approx(worst, rel=1e-4)


def test_with_every_token_told_the_law_is_that_of_a_base_that_is_here() -> None:
    law_V = torch.randn(50).log_softmax(-1)
    difference_V = torch.randn(50)
    found = compose_restricted(law_V, difference_V, alpha=1.5, largest_excluded=0.0)
    torch.testing.assert_close(
        found, compose_difference(law_V, difference_V, alpha=1.5)
    )


def test_what_is_served_is_the_true_law_given_what_was_told() -> None:
    law_V = torch.tensor([0.5, 0.3, 0.1, 0.1]).log()
    difference_V = torch.tensor([0.0, math.log(2), 1.0, 0.5])
    found = compose_restricted(
        told(law_V, 2), difference_V, alpha=1.0, largest_excluded=1.0
    )
    # 1/2 and 3/10 times 2: 5 to 6.
    assert found.exp().flatten().tolist() == pytest.approx([5 / 11, 6 / 11, 0, 0])


def test_positions_are_refused_one_by_one() -> None:
    law_V = torch.tensor([0.5, 0.3, 0.1, 0.1]).log()
    told_BTV = told(law_V, 2).expand(2, 1, 4)
    difference_BTV = torch.zeros(2, 1, 4)
    difference_BTV[1, 0, 3] = 9.0
    found = compose_restricted(
        told_BTV, difference_BTV, alpha=1.0, largest_excluded=0.3
    )
    assert bool(torch.isfinite(found[0]).any())
    assert found[1].max() == -math.inf


def test_an_offset_too_large_to_bound_what_is_lost_is_refused() -> None:
    told_V = torch.tensor([0.0, -9999.0, UNTOLD])
    offset_V = torch.tensor([0.0, 0.0, 2000.0])
    assert math.isnan(excluded_bound(told_V, offset_V))
    found = compose_restricted(told_V, offset_V, alpha=1.0, largest_excluded=1.0)
    assert found.max() == -math.inf


def test_a_sum_above_one_tells_how_rough_the_numbers_are() -> None:
    """They add up to 1.0005, so the rest may be 0.0005: with weight 1000, a third."""
    told_V = torch.tensor([0.9005, 0.1, 0]).log()
    offset_V = torch.tensor([1.0, 1, 1000]).log()
    bound = excluded_bound(told_V, offset_V)
    assert bound == pytest.approx(0.5 / 1.5005, rel=1e-2)


def test_a_broken_pair_is_a_failure_and_no_refusal() -> None:
    told_V = told(torch.tensor([0.5, 0.3, 0.1, 0.1]).log(), 2)
    broken = torch.full((4,), math.nan)
    found = compose_restricted(told_V, broken, alpha=1.0, largest_excluded=0.3)
    assert bool(found.isnan().any())
