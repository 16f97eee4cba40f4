from dataclasses import replace

import pytest
import torch
from support.models import llama
from support.schemes import SMALL, task
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training.schemes.base import encoded_sets
from unlearn_core.training.schemes.misdirection import (
    HiddenStateStepper,
    Misdirection,
    random_direction,
)

LONG = replace(SMALL, steps=30, learning_rate=4e-2)


def stepper(model: PreTrainedModel, **values: float) -> HiddenStateStepper:
    given = task(SMALL)
    return HiddenStateStepper(
        model,
        start=llama(1),
        sets=encoded_sets(given),
        task=given,
        scheme=Misdirection(**values),
    )


def test_a_direction_has_length_one_and_is_named_by_the_seed() -> None:
    first, again, other = (random_direction(8, seed=seed) for seed in (0, 0, 1))
    assert float(first.norm()) == pytest.approx(1)
    assert bool((first >= 0).all())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_at_the_start_nothing_is_lost_on_what_stays() -> None:
    """And on the forget set || h/|h| - c u ||^2 = 1 + c^2 - 2 c cos(h, u)."""
    made = stepper(llama(1), strength=2.0)
    forget, retain, strangers = made.losses(0)
    assert [float(retain), float(strangers)] == [0, 0]
    rows = encoded_sets(task(SMALL)).forget
    hidden = made._hidden(llama(1), rows)
    cosine = (hidden / hidden.norm(dim=-1, keepdim=True)) @ random_direction(8, seed=0)
    expected = (1 + 4 - 4 * cosine).mean()
    assert float(forget) == pytest.approx(float(expected), rel=1e-5)


def test_padding_changes_no_hidden_state() -> None:
    made = stepper(llama(1))
    sets = encoded_sets(task(SMALL))
    together: Tensor = made._hidden(llama(1), (*sets.forget, *sets.retain))
    alone = made._hidden(llama(1), sets.forget)
    torch.testing.assert_close(together[: len(alone)], alone, rtol=1e-5, atol=1e-6)


def test_the_gradient_reaches_the_layers_up_to_the_chosen_one() -> None:
    model = llama(1).requires_grad_(requires_grad=True)
    stepper(model).losses(0)[0].backward()  # type: ignore[no-untyped-call]  # untyped upstream
    reached = {
        name
        for name, item in model.named_parameters()
        if item.grad is not None and bool(item.grad.any())
    }
    assert any("layers.0" in name for name in reached)
    assert not any("layers.1" in name or "lm_head" in name for name in reached)
    assert all(
        item.grad is None or bool(item.grad.isfinite().all())
        for item in model.parameters()
    )


def test_training_moves_the_subject_and_hardly_anything_else() -> None:
    given = task(LONG)
    pair = Misdirection()(given)
    assert pair.reference is given.materials.reference
    before, after = (stepper(model).losses(0) for model in (llama(1), pair.unlearned))
    assert float(after[0]) < 0.5 * float(before[0])
    assert float(after[1]) < 0.5


def test_a_later_version_starts_from_the_unlearned_model_in_service() -> None:
    still = replace(SMALL, steps=1, learning_rate=1e-12)
    pair = Misdirection()(task(still, previous=llama(3)))
    assert own_tensors_digest(pair.unlearned) != own_tensors_digest(llama(1))
    for new, old in zip(
        pair.unlearned.parameters(), llama(3).parameters(), strict=True
    ):
        torch.testing.assert_close(new, old)


@pytest.mark.parametrize(
    "values", [{"layer": 0}, {"layer": 1.5}, {"strength": 0}, {"strength": -1}]
)
def test_values_that_cannot_work_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Misdirection(**values)


def test_a_layer_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match="too many layers"):
        Misdirection(layer=3)(task(SMALL))
