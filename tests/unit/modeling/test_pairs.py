import copy
import gc
import weakref
from typing import Any

import pytest
import torch
from support.models import CPU, llama, llama_config
from transformers import (
    Gemma2Config,
    GPTNeoXConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
)

from unlearn_core.modeling.low_rank import LowRankLinear
from unlearn_core.modeling.pairs import FusedPair, PairedLayer, PairedLinear, fuse
from unlearn_core.modeling.weights import frozen, new_model
from unlearn_core.training.adapters import trainee_of
from unlearn_core.training.recipe import TrainingRecipe

SHAPE: dict[str, Any] = {
    "vocab_size": 272,
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "initializer_range": 0.5,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def model(config: PretrainedConfig, seed: int) -> PreTrainedModel:
    torch.manual_seed(seed)
    made = new_model(config, device=CPU)
    for name, tensor in made.named_parameters():
        if "norm" in name or "bias" in name:  # as training would leave them
            tensor.data.uniform_(0.5, 1.5)
    return frozen(made)


def head_difference(pair: FusedPair, ids_BT: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        hidden = pair.trunk(input_ids=ids_BT.repeat_interleave(2, dim=0))
        return pair.head_difference(hidden.last_hidden_state)


@pytest.mark.parametrize(
    "config",
    [
        llama_config(),
        llama_config(tied=True),
        Qwen2Config(**SHAPE, num_key_value_heads=1),
        GPTNeoXConfig(**SHAPE),
    ],
    ids=["llama", "tied", "qwen2", "neox"],
)
def test_a_fused_pair_gives_the_difference_of_its_halves(
    config: PretrainedConfig,
) -> None:
    """Biases, norms with and without them, tied and untied heads."""
    unlearned, reference = model(config, 1), model(config, 2)
    pair = fuse(unlearned, reference)
    assert pair is not None
    ids_BT = torch.tensor([[5, 9, 200], [17, 4, 4]])
    expected = unlearned(input_ids=ids_BT).logits - reference(input_ids=ids_BT).logits
    found = head_difference(pair, ids_BT)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_layers_that_are_equal_are_held_once() -> None:
    reference = llama(1)
    unlearned = copy.deepcopy(reference)
    weight = unlearned.get_parameter("model.layers.0.mlp.up_proj.weight")
    weight.data += torch.rand_like(weight)
    pair = fuse(unlearned, reference)
    assert pair is not None
    one = sum(tensor.numel() for tensor in reference.parameters())
    assert pair.parameters == one + 8 * 16


def test_a_pair_that_was_trained_by_adapters_is_one_model_and_thin_matrices() -> None:
    """The head and what is no linear layer are not adapted, so both halves share them.

    A layer of 8 x 8 has factors of 8 + 8 weights; keys and values are 4 x 8 and too
    small for factors, so only queries, outputs and the MLP (16 x 8) are adapted.
    """
    reference = llama(1)
    targets = ("q_proj", "o_proj", "up_proj", "gate_proj", "down_proj")
    recipe = TrainingRecipe(lora_rank=1, lora_targets=targets)
    trainee = trainee_of(reference, recipe=recipe)
    for name, tensor in trainee.model.named_parameters():
        if "lora_B" in name:  # as training would leave it
            tensor.data.normal_()
    unlearned = trainee.finish()
    pair = fuse(unlearned, reference)
    assert pair is not None
    one = sum(tensor.numel() for tensor in reference.parameters())
    assert pair.parameters == one + 2 * (2 * (8 + 8) + 3 * (8 + 16))
    ids_BT = torch.tensor([[5, 9, 200], [17, 4, 4]])
    expected = unlearned(input_ids=ids_BT).logits - reference(input_ids=ids_BT).logits
    found = head_difference(pair, ids_BT)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_layers_whose_biases_differ_have_full_matrices() -> None:
    reference = model(Qwen2Config(**SHAPE, num_key_value_heads=1), 1)
    unlearned = copy.deepcopy(reference)
    layer = "model.layers.0.self_attn.q_proj"
    unlearned.get_parameter(f"{layer}.weight").data += torch.outer(
        torch.randn(8), torch.randn(8)
    )
    assert isinstance(fused_layer(unlearned, reference, layer), LowRankLinear)
    unlearned.get_parameter(f"{layer}.bias").data += 0.1
    assert isinstance(fused_layer(unlearned, reference, layer), PairedLinear)


def fused_layer(
    unlearned: PreTrainedModel, reference: PreTrainedModel, name: str
) -> torch.nn.Module:
    pair = fuse(unlearned, reference)
    assert pair is not None
    return pair.trunk.get_submodule(name.removeprefix("model."))


def test_what_is_different_everywhere_is_held_twice() -> None:
    pair = fuse(model(llama_config(), 1), model(llama_config(), 2))
    assert pair is not None
    assert pair.parameters == 2 * sum(t.numel() for t in llama(1).parameters())


def test_the_separate_models_are_not_kept() -> None:
    unlearned, reference = model(llama_config(), 1), model(llama_config(), 2)
    kept = [weakref.ref(item) for item in (unlearned, reference)]
    pair = fuse(unlearned, reference)
    del unlearned, reference
    gc.collect()
    assert pair is not None
    assert [item() for item in kept] == [None, None]


def test_the_given_models_are_not_altered() -> None:
    unlearned, reference = llama(2), llama(1)
    ids_BT = torch.tensor([[5, 9, 200]])
    before = unlearned(input_ids=ids_BT).logits
    assert fuse(unlearned, reference) is not None
    assert torch.equal(unlearned(input_ids=ids_BT).logits, before)


@pytest.mark.parametrize(
    "other",
    [
        llama_config(width=16),
        llama_config(tied=True),
        Qwen2Config(**SHAPE, num_key_value_heads=1),
    ],
    ids=["width", "layers", "architecture"],
)
def test_models_of_unlike_shape_are_not_fused(other: PretrainedConfig) -> None:
    if other.tie_word_embeddings and isinstance(other, type(llama_config())):
        other.num_hidden_layers = 1
    assert fuse(model(llama_config(), 1), model(other, 2)) is None


def test_a_head_that_is_not_linear_is_not_fused() -> None:
    """A soft cap bends the logits, so no product gives their difference."""
    config = Gemma2Config(
        **SHAPE, num_key_value_heads=1, head_dim=4, final_logit_softcapping=2.0
    )
    assert fuse(model(config, 1), model(config, 2)) is None


def test_a_layer_of_any_kind_is_called_with_its_own_rows() -> None:
    layers = torch.nn.LayerNorm(4), torch.nn.LayerNorm(4)
    layers[1].bias.data += 7
    hidden = torch.randn(6, 2, 4)
    found = PairedLayer(*layers)(hidden)
    torch.testing.assert_close(found[0::2], layers[0](hidden[0::2]))
    torch.testing.assert_close(found[1::2], layers[1](hidden[1::2]))
