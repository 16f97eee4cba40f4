import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.training.combinations.base import Part
from unlearn_core.training.combinations.fusion import Fusion


def products(*rows: list[float]) -> torch.Tensor:
    inputs = torch.tensor(rows)
    return inputs.T @ inputs


def test_every_part_keeps_its_outputs_on_its_own_inputs() -> None:
    """Part one saw (1, 0) only and part two (0, 2): a column comes from each."""
    start = {"w": torch.zeros(1, 2), "b": torch.zeros(1)}
    parts = [
        Part(
            weights={"w": torch.tensor([[3.0, 5.0]]), "b": torch.tensor([1.0])},
            inputs_II={"w": products([1.0, 0.0])},
        ),
        Part(
            weights={"w": torch.tensor([[7.0, 9.0]]), "b": torch.tensor([3.0])},
            inputs_II={"w": products([0.0, 2.0])},
        ),
    ]
    fused = Fusion(ridge=1e-9)(start, parts)
    torch.testing.assert_close(fused["w"], torch.tensor([[3.0, 9.0]]))
    assert fused["b"].tolist() == [2.0]


def test_directions_that_no_input_took_are_averaged() -> None:
    parts = [
        Part(
            weights={"w": torch.tensor([[value, value]])},
            inputs_II={"w": products([2.0, 0.0])},
        )
        for value in (1.0, 5.0)
    ]
    fused = Fusion()({"w": torch.zeros(1, 2)}, parts)["w"]
    torch.testing.assert_close(fused, torch.tensor([[3.0, 3.0]]))


@given(st.integers(0, 99))
def test_equal_parts_are_left_as_they_are(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weights = {"w": torch.randn(3, 4, generator=generator)}
    parts = [
        Part(
            weights=weights,
            inputs_II={"w": products(*torch.randn(2, 4, generator=generator).tolist())},
        )
        for _ in range(2)
    ]
    fused = Fusion()({"w": torch.zeros(3, 4)}, parts)["w"]
    torch.testing.assert_close(fused, weights["w"])


def test_a_ridge_is_needed() -> None:
    with pytest.raises(ValueError, match="ridge"):
        Fusion(ridge=0.0)
