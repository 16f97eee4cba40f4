import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.masks import Weights, evidence_of
from support.models import llama
from torch.nn import Identity

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.training.masks.base import apply_mask, blocks_of, largest


def test_gradients_of_parts_add_up() -> None:
    evidence = evidence_of(
        {"a": torch.zeros(2)},
        forget={"a": torch.tensor([1.0, -2.0])},
        retain={"a": torch.tensor([0.0, 4.0])},
    )
    assert evidence.forget_gradients()["a"].tolist() == [1.0, -2.0]
    assert evidence.retain_gradients()["a"].tolist() == [0.0, 4.0]


@given(st.integers(1, 40), st.floats(0.01, 1.0))
def test_exactly_the_share_is_chosen_even_among_equals(
    count: int, share: float
) -> None:
    mask = largest({"a": torch.zeros(count), "b": torch.zeros(count)}, share=share)
    chosen = int(mask["a"].sum() + mask["b"].sum())
    assert chosen == max(1, round(2 * count * share))


def test_a_gradient_reaches_what_is_chosen_alone() -> None:
    model = Weights({"a": torch.ones(2), "b": torch.ones(1), "c": torch.ones(1)})
    apply_mask(
        model,
        {
            "a": torch.tensor([True, False]),
            "b": torch.tensor([False]),
            "c": torch.tensor([True]),
        },
    )
    torch.cat([item * 3 for item in model.parameters()]).sum().backward()  # type: ignore[no-untyped-call]  # untyped upstream
    gradients = {name: item.grad for name, item in model.named_parameters()}
    assert gradients["a"] is not None
    assert gradients["a"].tolist() == [3.0, 0.0]
    assert gradients["b"] is None
    assert gradients["c"] is not None


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        ({"a": torch.tensor([False, False])}, "it chooses nothing"),
        ({"a": torch.tensor([True])}, "it does not fit"),
        ({"b": torch.tensor([True, True])}, "it does not fit"),
        ({}, "it does not fit"),
    ],
)
def test_a_mask_that_cannot_be_used_is_refused(
    mask: dict[str, torch.Tensor], problem: str
) -> None:
    with pytest.raises(InvalidRecipeError, match=problem):
        apply_mask(Weights({"a": torch.ones(2)}), mask)


def test_blocks_are_found_or_missed() -> None:
    model = llama(0)
    assert len(blocks_of(model)) == 2
    model.model.layers = Identity()
    with pytest.raises(InvalidRecipeError, match="no blocks"):
        blocks_of(model)
