import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.training.combinations.base import Part
from unlearn_core.training.combinations.orthogonal import (
    Orthogonal,
    without_directions,
)


def test_a_later_change_keeps_out_of_earlier_directions() -> None:
    """The first change reads input 0 only, so the second loses its column 0."""
    start = {"w": torch.ones(2, 2), "b": torch.zeros(1)}
    parts = [
        Part(
            weights={
                "w": torch.tensor([[3.0, 1.0], [1.0, 1.0]]),
                "b": torch.tensor([1.0]),
            }
        ),
        Part(
            weights={
                "w": torch.tensor([[8.0, 5.0], [2.0, 1.0]]),
                "b": torch.tensor([2.0]),
            }
        ),
    ]
    added = Orthogonal()(start, parts)
    torch.testing.assert_close(added["w"], torch.tensor([[3.0, 5.0], [1.0, 1.0]]))
    assert added["b"].tolist() == [3.0]


@given(st.integers(0, 99), st.integers(1, 3))
def test_what_is_left_reads_nothing_of_the_strongest_directions(
    seed: int, rank: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    earlier = torch.randn(5, 3, generator=generator)
    change = torch.randn(5, 3, generator=generator)
    left = without_directions(change, earlier, rank=rank)
    strongest = torch.linalg.svd(earlier).Vh[:rank]
    torch.testing.assert_close(
        left @ strongest.T, torch.zeros(5, rank), atol=1e-5, rtol=0
    )


def test_without_an_earlier_change_nothing_is_taken() -> None:
    change = torch.ones(2, 2)
    assert without_directions(change, torch.zeros(2, 2), rank=8) is change


def test_at_least_one_direction_is_kept_free() -> None:
    with pytest.raises(ValueError, match="rank"):
        Orthogonal(rank=0.0)
