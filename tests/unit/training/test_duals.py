import pytest
import torch

from unlearn_core.training.duals import RetainWeight, retain_weight_of
from unlearn_core.training.recipe import TrainingRecipe


@pytest.mark.parametrize(
    ("loss", "expected"), [(0.5, 3.6), (0.2, 3.0), (0.0, 2.6), (-9.0, 0.0)]
)
def test_the_weight_rises_above_the_budget_and_falls_below(
    loss: float, expected: float
) -> None:
    """3 + 2 (loss - 0.2), but never below zero."""
    weight = RetainWeight(value=3.0, budget=0.2, rate=2.0)
    weight.follow(torch.tensor(loss))
    assert weight.value == pytest.approx(expected)
    assert not weight.is_fixed


def test_a_weight_without_a_budget_stays() -> None:
    weight = RetainWeight(value=3.0)
    weight.follow(torch.tensor(100.0))
    assert weight.value == 3.0
    assert weight.is_fixed


def test_the_objective_says_whether_there_is_a_budget() -> None:
    parameters = {"retain_budget": 0.4, "dual_rate": 0.5}
    recipe = TrainingRecipe(
        objective="pdu", objective_parameters=parameters, retain_weight=7.0
    )
    assert retain_weight_of(recipe) == RetainWeight(value=7.0, budget=0.4, rate=0.5)
    assert retain_weight_of(TrainingRecipe()) == RetainWeight(value=3.0)
