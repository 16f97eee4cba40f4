import pytest
import torch
from support.masks import evidence_of

from unlearn_core.training.masks.wagle import WeightAttribution


def test_weights_with_the_highest_score_are_chosen() -> None:
    """By hand, with mu = 2: |(theta - g_r / 2) g_f| is 3, 0, 4 and 1.5."""
    evidence = evidence_of(
        {"a": torch.tensor([2.0, 1.0]), "b": torch.tensor([[-1.0], [3.0]])},
        forget={"a": torch.tensor([3.0, 9.0]), "b": torch.tensor([[-2.0], [0.5]])},
        retain={"a": torch.tensor([2.0, 2.0]), "b": torch.tensor([[2.0], [0.0]])},
    )
    half = WeightAttribution(share=0.5, mu=2.0)(evidence)
    assert half["a"].tolist() == [True, False]
    assert half["b"].tolist() == [[True], [False]]
    more = WeightAttribution(share=0.75, mu=2.0)(evidence)
    assert more["b"].tolist() == [[True], [True]]


@pytest.mark.parametrize("values", [{"share": 0.0}, {"share": 1.1}, {"mu": 0.0}])
def test_hyperparameters_that_cannot_work_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        WeightAttribution(**values)
