import pytest
from support.models import llama

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.training.masks.structural import Layers
from unlearn_core.training.masks.wagle import WeightAttribution
from unlearn_core.training.selection import answering, choose_weights


def test_a_mask_that_asks_for_nothing_works_with_every_stepper() -> None:
    model = llama(0)
    model.requires_grad_(requires_grad=True)
    choose_weights(model, object(), Layers())
    trained = {name for name, item in model.named_parameters() if item.requires_grad}
    assert trained
    assert all(name.startswith("model.layers.0.") for name in trained)


def test_a_stepper_without_a_served_law_cannot_be_asked_about_it() -> None:
    model = llama(0)
    model.requires_grad_(requires_grad=True)
    with pytest.raises(InvalidRecipeError, match="value=mask"):
        choose_weights(model, object(), WeightAttribution())
    with pytest.raises(InvalidRecipeError, match="value=optimizer"):
        answering(object(), "optimizer")
