import pytest
import torch
from torch import Tensor

from unlearn_core.modeling.low_rank import LowRankLinear, factors_of


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def adapted(weight_OI: Tensor, *, ranks: int, spread: float = 0.1) -> Tensor:
    """Return a matrix with adapters of so many ranks added in."""
    outputs, inputs = weight_OI.shape
    up_OR, down_RI = normal(outputs, ranks, seed=1), normal(ranks, inputs, seed=2)
    return weight_OI + spread * up_OR @ down_RI


@pytest.mark.parametrize("ranks", [1, 3, 6])
@pytest.mark.parametrize("shape", [(48, 64), (200, 40)])
@pytest.mark.parametrize("spread", [1e-3, 1.0])
def test_adapters_are_found_again_from_the_weights_that_they_were_added_to(
    shape: tuple[int, int], ranks: int, spread: float
) -> None:
    reference_OI = normal(*shape)
    unlearned_OI = adapted(reference_OI, ranks=ranks, spread=spread)
    factors = factors_of(unlearned_OI, reference_OI)
    assert factors is not None
    assert factors.up_OR.shape == (shape[0], ranks)
    assert factors.down_RI.shape == (ranks, shape[1])
    torch.testing.assert_close(
        reference_OI + factors.up_OR @ factors.down_RI, unlearned_OI, rtol=0, atol=1e-5
    )


def test_adapters_of_one_erasure_after_another_add_up() -> None:
    reference_OI = normal(64, 64)
    once_OI = adapted(reference_OI, ranks=3)
    twice_OI = once_OI + 0.1 * normal(64, 2, seed=3) @ normal(2, 64, seed=4)
    factors = factors_of(twice_OI, reference_OI)
    assert factors is not None
    assert factors.up_OR.shape == (64, 5)


def test_a_difference_of_many_ranks_has_no_factors() -> None:
    """Of 64 x 64 at most 8 ranks are small enough: 4 * 8 * (64 + 64) = 64 * 64."""
    reference_OI = normal(64, 64)
    assert factors_of(normal(64, 64, seed=5), reference_OI) is None
    assert factors_of(adapted(reference_OI, ranks=9), reference_OI) is None
    assert factors_of(adapted(reference_OI, ranks=8), reference_OI) is not None


@pytest.mark.parametrize(("maximum", "is_enough"), [(0, False), (2, False), (3, True)])
def test_ranks_are_limited_whatever_the_size(maximum: int, *, is_enough: bool) -> None:
    reference_OI = normal(64, 64)
    factors = factors_of(
        adapted(reference_OI, ranks=3), reference_OI, maximum_ranks=maximum
    )
    assert (factors is not None) is is_enough


def test_ranks_outside_of_the_corner_are_not_overlooked() -> None:
    """The first rows and columns are alike, so they do not tell how many differ."""
    reference_OI = normal(64, 64)
    unlearned_OI = reference_OI.clone()
    unlearned_OI[40:, 40:] += normal(24, 24, seed=6)
    assert factors_of(unlearned_OI, reference_OI) is None


def test_one_entry_that_no_factor_explains_is_enough() -> None:
    reference_OI = normal(64, 64)
    unlearned_OI = adapted(reference_OI, ranks=8)
    unlearned_OI[63, 63] += 1e-3
    assert factors_of(unlearned_OI, reference_OI) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_has_no_factors(value: float) -> None:
    reference_OI = normal(64, 64)
    unlearned_OI = adapted(reference_OI, ranks=1)
    unlearned_OI[5, 5] = value
    assert factors_of(unlearned_OI, reference_OI) is None


def test_a_shorter_type_keeps_no_factors() -> None:
    reference_OI = normal(64, 64)
    unlearned_OI = adapted(reference_OI, ranks=1)
    assert factors_of(unlearned_OI.bfloat16(), reference_OI.bfloat16()) is None


@pytest.mark.parametrize("has_bias", [False, True])
def test_rows_get_their_own_layer_in_turn(*, has_bias: bool) -> None:
    reference = torch.nn.Linear(64, 48, bias=has_bias)
    unlearned = torch.nn.Linear(64, 48, bias=has_bias)
    with torch.no_grad():
        unlearned.weight.copy_(adapted(reference.weight, ranks=2))
        if has_bias:
            unlearned.bias.copy_(reference.bias)
        factors = factors_of(unlearned.weight, reference.weight)
        assert factors is not None
        hidden = normal(6, 5, 64, seed=7)
        found = LowRankLinear(reference, factors)(hidden)
        torch.testing.assert_close(
            found[0::2], unlearned(hidden[0::2]), rtol=0, atol=1e-4
        )
        assert torch.equal(found[1::2], reference(hidden)[1::2])


def test_the_matrix_that_both_share_is_not_copied() -> None:
    reference = torch.nn.Linear(64, 48)
    weight_OI = reference.weight.detach()
    factors = factors_of(adapted(weight_OI, ranks=1), weight_OI)
    assert factors is not None
    assert LowRankLinear(reference, factors).weight is reference.weight
