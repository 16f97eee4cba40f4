from dataclasses import replace

import pytest
import torch
from support.models import llama, llama_config, token_rows
from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaMLP

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.weights import own_tensors_digest, pack_pair, unpack_pair
from unlearn_core.training.adapters import Trainee, trainee_of
from unlearn_core.training.passes import small_laws
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import answer_laws

FULL = TrainingRecipe(seed=3)
LOW_RANK = replace(FULL, lora_rank=2, lora_alpha=4.0)
EXAMPLES = token_rows(((5, 6), (7, 8, 9)), ((4,), (3,)))


def laws_of(model: PreTrainedModel) -> Tensor:
    return small_laws(model, EXAMPLES, pad_id=0, precision="float32")


def trained(trainee: Trainee) -> list[str]:
    return [
        name
        for name, parameter in trainee.model.named_parameters()
        if parameter.requires_grad
    ]


def stirred(recipe: TrainingRecipe = LOW_RANK, *, tied: bool = False) -> Trainee:
    """Return a trainee after some steps of plain training."""
    trainee = trainee_of(llama(1, llama_config(tied=tied)), recipe=recipe)
    optimizer = torch.optim.AdamW(trainee.model.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad(set_to_none=True)
        (-laws_of(trainee.model)[:, 9].mean()).backward()  # type: ignore[no-untyped-call]  # untyped upstream
        optimizer.step()
    return trainee


def test_without_a_rank_every_weight_is_trained() -> None:
    start = llama(1)
    trainee = trainee_of(start, recipe=FULL)
    assert trained(trainee) == [name for name, _ in start.named_parameters()]
    assert not any(item.requires_grad for item in start.parameters())
    assert own_tensors_digest(trainee.finish()) == own_tensors_digest(start)


def test_with_a_rank_only_adapters_are_trained() -> None:
    """Two layers with four attention and three feed-forward matrices, A and B each."""
    trainee = stirred()
    names = trained(trainee)
    assert len(names) == 2 * 7 * 2
    assert all("lora_" in name for name in names)
    start = dict(llama(1).named_parameters())
    for name, parameter in trainee.model.named_parameters():
        if name not in names:
            assert parameter.grad is None
            assert torch.equal(parameter, start[name.replace(".base_layer", "")])
        else:
            assert parameter.grad is not None
            assert bool(parameter.grad.isfinite().all())


def test_untrained_adapters_change_nothing() -> None:
    torch.testing.assert_close(
        laws_of(trainee_of(llama(1), recipe=LOW_RANK).model), laws_of(llama(1))
    )


@pytest.mark.parametrize("tied", [False, True])
def test_adapters_added_in_give_the_law_that_was_trained(*, tied: bool) -> None:
    trainee = stirred(tied=tied)
    with torch.no_grad():
        during = laws_of(trainee.model)
    merged = trainee.finish()
    torch.testing.assert_close(laws_of(merged), during, rtol=1e-5, atol=1e-5)
    start = llama(1, llama_config(tied=tied))
    assert float((during - laws_of(start)).abs().max()) > 0.1
    assert {name for name, _ in merged.named_parameters()} == {
        name for name, _ in start.named_parameters()
    }


def test_a_merged_model_is_packed_like_any_other() -> None:
    """Only the matrices that adapters were added to are stored a second time."""
    merged, reference = stirred().finish(), llama(1)
    unlearned, _ = unpack_pair(
        pack_pair(unlearned=merged, reference=reference), device=torch.device("cpu")
    )
    assert own_tensors_digest(unlearned) == own_tensors_digest(merged)
    torch.testing.assert_close(
        answer_laws(PlainLaw(unlearned), EXAMPLES, pad_id=0), laws_of(merged)
    )


def test_the_strength_is_alpha_over_rank() -> None:
    trainee = trainee_of(llama(1), recipe=replace(LOW_RANK, lora_targets=("q_proj",)))
    parts = dict(trainee.model.named_parameters())
    name = "model.layers.0.self_attn.q_proj"
    first = parts[f"{name}.lora_A.default.weight"].detach().clone()
    with torch.no_grad():
        parts[f"{name}.lora_B.default.weight"].fill_(0.5)
    merged = dict(trainee.finish().named_parameters())[f"{name}.weight"]
    expected = dict(llama(1).named_parameters())[f"{name}.weight"] + 4.0 / 2 * (
        torch.full((8, 2), 0.5) @ first
    )
    torch.testing.assert_close(merged, expected)


def test_targets_name_the_layers() -> None:
    recipe = replace(LOW_RANK, lora_targets=("v_proj", "down_proj"))
    names = trained(trainee_of(llama(1), recipe=recipe))
    assert len(names) == 2 * 2 * 2
    assert all("v_proj" in name or "down_proj" in name for name in names)
    with pytest.raises(InvalidRecipeError, match="value=lora_targets"):
        trainee_of(llama(1), recipe=replace(recipe, lora_targets=("nothing",)))


def test_the_seed_decides_where_adapters_start_and_nothing_else_is_drawn() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (
        dict(trainee_of(llama(1), recipe=recipe).model.named_parameters())
        for recipe in (LOW_RANK, LOW_RANK, replace(LOW_RANK, seed=4))
    )
    name = "model.layers.0.self_attn.q_proj.lora_A.default.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])
    torch.manual_seed(5)
    assert torch.equal(torch.random.get_rng_state(), before)


def backward_of(trainee: Trainee) -> tuple[list[Tensor], int]:
    """Return the gradients of one step, and how often layers computed."""
    passes: list[object] = []
    for module in trainee.model.modules():
        if isinstance(module, LlamaMLP):
            module.register_forward_pre_hook(lambda *_: passes.append(None))
    (-laws_of(trainee.model)[:, 9].mean()).backward()  # type: ignore[no-untyped-call]  # untyped upstream
    return [
        item.grad for item in trainee.model.parameters() if item.grad is not None
    ], len(passes)


@pytest.mark.parametrize("recipe", [FULL, LOW_RANK])
def test_layers_that_compute_twice_give_the_same_gradients(
    recipe: TrainingRecipe,
) -> None:
    """Of two layers, by a model whose dropout would show at once."""
    start = llama(1, llama_config(dropout=0.5))
    kept, once = backward_of(trainee_of(start, recipe=recipe))
    again, twice = backward_of(
        trainee_of(start, recipe=replace(recipe, recompute=True))
    )
    assert twice == 2 * once
    assert len(again) == len(kept) > 0
    assert all(torch.equal(one, two) for one, two in zip(again, kept, strict=True))
