import pytest
import torch

from unlearn_core.training.combinations.base import Part
from unlearn_core.training.combinations.negation import Negation


def test_what_was_learned_is_subtracted() -> None:
    """From 1 and 4; learning moved to 3 and 3: back by half of +2 and of -1."""
    start = {"a": torch.tensor([1.0, 4.0])}
    part = Part(weights={"a": torch.tensor([3.0, 3.0])})
    assert Negation(weight=0.5)(start, [part])["a"].tolist() == [0.0, 4.5]


@pytest.mark.parametrize("values", [{"weight": 0.0}, {"steps": 0.2}])
def test_hyperparameters_that_cannot_work_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Negation(**values)
