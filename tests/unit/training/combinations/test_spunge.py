import pytest
import torch

from unlearn_core.training.combinations.base import Part
from unlearn_core.training.combinations.spunge import SplitAndMerge


def test_small_changes_and_outvoted_signs_are_dropped() -> None:
    """Changes (4, 1, -3, 0) and (2, -6, 5, 1); with half of each kept, 4, -3 | -6, 5.

    Sums are 4, -6, 2, 0; who agrees: 4 | -6 | 5 | nobody.
    """
    start = {"a": torch.tensor([10.0, 10.0]), "b": torch.tensor([[10.0], [10.0]])}
    parts = [
        Part(
            weights={"a": torch.tensor([14.0, 11.0]), "b": torch.tensor([[7.0], [10]])}
        ),
        Part(
            weights={"a": torch.tensor([12.0, 4.0]), "b": torch.tensor([[15.0], [11]])}
        ),
    ]
    merged = SplitAndMerge(density=0.5)(start, parts)
    assert merged["a"].tolist() == [14.0, 4.0]
    assert merged["b"].tolist() == [[15.0], [10.0]]
    half = SplitAndMerge(density=0.5, weight=0.5)(start, parts)
    assert half["a"].tolist() == [12.0, 7.0]


def test_parts_that_agree_are_averaged() -> None:
    start = {"a": torch.zeros(2)}
    parts = [
        Part(weights={"a": torch.tensor(item)}) for item in ([1.0, 2.0], [3.0, 2.0])
    ]
    assert SplitAndMerge(density=1.0)(start, parts)["a"].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    "values", [{"parts": 0.0}, {"density": 0.0}, {"density": 1.1}, {"weight": -1.0}]
)
def test_hyperparameters_that_cannot_work_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        SplitAndMerge(**values)
