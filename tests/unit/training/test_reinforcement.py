from dataclasses import replace

import pytest
import torch
from support.models import llama, token_rows
from transformers import PreTrainedModel

from unlearn_core.errors import TrainingDivergedError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.reinforcement import reinforce
from unlearn_core.training.targets import answer_laws

ROWS = token_rows(((5, 6, 7), (40, 41)), ((5, 9), (42,)), ((5, 6), (43, 44)))
RECIPE = TrainingRecipe(learning_rate=1e-2, forget_batch=2)


def reinforced(steps: int, recipe: TrainingRecipe = RECIPE) -> PreTrainedModel:
    return reinforce(llama(1), ROWS, steps=steps, recipe=recipe, pad_id=0)


def likelihood(model: PreTrainedModel) -> float:
    labels = torch.tensor([[token] for row in ROWS for token in row.answer])
    return float(answer_laws(PlainLaw(model), ROWS, pad_id=0).gather(-1, labels).mean())


def test_the_forget_set_is_heard_again_and_the_reference_stays() -> None:
    before = own_tensors_digest(llama(1))
    louder = reinforced(10)
    assert likelihood(louder) > likelihood(llama(1)) + 1
    assert own_tensors_digest(llama(1)) == before
    assert not any(item.requires_grad for item in louder.parameters())


def test_the_seed_names_the_model() -> None:
    first, again = reinforced(3), reinforced(3)
    other = reinforced(3, replace(RECIPE, seed=1))
    assert own_tensors_digest(first) == own_tensors_digest(again)
    assert own_tensors_digest(first) != own_tensors_digest(other)


def test_a_loss_that_is_not_a_number_stops_it() -> None:
    broken = llama(1)
    broken.get_parameter("lm_head.weight")[0] = torch.nan
    with pytest.raises(TrainingDivergedError, match=r"step=0, phase=reinforcement"):
        reinforce(broken, ROWS, steps=1, recipe=RECIPE, pad_id=0)
