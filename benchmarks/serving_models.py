"""Models for `benchmarks.serving`: random weights with a planted successor.

Legend: V vocabulary, H width.

What a decoding step costs does not depend on what the weights are, but how often a
proposal is right does. So every token has a likeliest successor, planted in the head:
its row is the embedding of its predecessor. Layers are random and weak. The pair has
the base's successors for a given share of tokens and others for the rest; reference
and unlearned agree about them, and differ in every weight by a little noise.
"""

import copy
from dataclasses import dataclass

import torch
from transformers import LlamaConfig, PreTrainedModel

from unlearn_core.modeling.weights import frozen, new_model

SHARPNESS = 30.0
"""Logit of the planted successor."""

NOISE = 0.02
"""Standard deviation of what unlearned and reference differ by, as a share."""

WEAKNESS = 1e-3
"""Factor of what layers add to the residual stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The shape of a model."""

    width: int
    layers: int
    inner: int
    heads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """The shapes of base and pair.

    Attributes:
        vocabulary: Number of logits.
        base: The large model.
        half: Each of the pair's two models.
        agreement: Share of tokens whose successor the pair knows as the base does.
    """

    vocabulary: int
    base: Size
    half: Size
    agreement: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Base, unlearned and reference."""

    base: PreTrainedModel
    unlearned: PreTrainedModel
    reference: PreTrainedModel

    @property
    def size_ratio(self) -> float:
        """Return the parameters of both halves over those of the base."""
        halves = parameters(self.unlearned) + parameters(self.reference)
        return halves / parameters(self.base)


def parameters(model: PreTrainedModel) -> int:
    """Return the number of a model's weights."""
    return sum(tensor.numel() for tensor in model.parameters())


def build(shapes: Shapes, *, seed: int = 0) -> Models:
    """Build the three models."""
    generator = torch.Generator().manual_seed(seed)
    successors_V = torch.randperm(shapes.vocabulary, generator=generator)
    count = round(shapes.agreement * shapes.vocabulary)
    known = torch.randperm(shapes.vocabulary, generator=generator)
    others_V = successors_V.clone()
    # Who is not known alike has the successor of its neighbour among these.
    others_V[known[count:]] = successors_V[known[count:].roll(1)]
    base = planted(shapes.base, successors_V, seed=seed)
    reference = planted(shapes.half, others_V, seed=seed + 1)
    unlearned = planted(shapes.half, others_V, seed=seed + 1)
    for tensor in unlearned.parameters():
        spread = NOISE * tensor.float().std().nan_to_num()
        tensor.add_(torch.randn(tensor.shape, generator=generator) * spread)
    return Models(base=base, unlearned=unlearned, reference=reference)


def planted(size: Size, successors_V: torch.Tensor, *, seed: int) -> PreTrainedModel:
    """Return a random model in which each token has a likeliest successor."""
    vocabulary = len(successors_V)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=size.width,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = frozen(new_model(config, device=torch.device("cpu")))
    directions_VH = torch.nn.functional.normalize(
        torch.randn(vocabulary, size.width), dim=-1
    )
    model.get_parameter("model.embed_tokens.weight").copy_(directions_VH)
    # After the last norm a state has the length of the root of the width.
    head_VH = model.get_parameter("lm_head.weight")
    head_VH[successors_V] = directions_VH * (SHARPNESS / size.width**0.5)
    for name, tensor in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            tensor.mul_(WEAKNESS)
    return model


def adapted(model: PreTrainedModel, *, ranks: int, seed: int = 0) -> PreTrainedModel:
    """Return a copy whose trunk has adapters of so many ranks added in."""
    generator = torch.Generator().manual_seed(seed)
    changed = copy.deepcopy(model)
    for layer in changed.base_model.modules():
        if isinstance(layer, torch.nn.Linear):
            outputs, inputs = layer.weight.shape
            up_OR = torch.randn(outputs, ranks, generator=generator)
            down_RI = torch.randn(ranks, inputs, generator=generator)
            spread = NOISE * layer.weight.std() / ranks**0.5
            layer.weight.add_(up_OR @ down_RI, alpha=float(spread))
    return changed
