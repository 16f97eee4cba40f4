"""Where a pair acts: causal tracing between its two models.

Legend: B batch rows, T tokens, N answer positions, V vocabulary, D width.

Source: Meng et al. 2022, arXiv:2202.05262, section 2.1. There a question is spoilt by
noise, and single hidden states of the clean run are put back to see which of them
bring the answer back. A pair needs no noise: the unlearned model is the run that has
lost the answer, the reference the clean one. For the outputs of one module at tokens
of one role::

    effect = (log p(answer | outputs put back) - log p(answer | pair))
             / (log p(answer | base) - log p(answer | pair))

with p the served law, which is that of the base where the pair does nothing. Zero: the
place has no part in forgetting. One: what the pair does happens there or passes
through it. Effects of several places do not add up.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Module
from transformers import PreTrainedModel

from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw, law_at_answers
from unlearn_core.modeling.offset import compose_log_probs
from unlearn_core.modeling.tokens import (
    Batch,
    TokenizedExample,
    answer_positions,
    collate,
)
from unlearn_core.training.masks.base import blocks_of
from unlearn_core.training.schemes.base import OffsetPair

BEFORE, NAME, AFTER, ASKED, ANSWER = (
    "before the name",
    "the name",
    "after the name",
    "last of the question",
    "the answer so far",
)
ROLES = (BEFORE, NAME, AFTER, ASKED, ANSWER)
_PARTS = {"block": "", "attention": "self_attn", "feed-forward": "mlp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What tracing found.

    Attributes:
        base: Mean log-probability of answer tokens under the base, in nats.
        served: The same under base and pair.
        effects: For every place, the effect of putting it back by role of token.
    """

    base: float
    served: float
    effects: Mapping[str, Mapping[str, float]]


def trace(
    pair: OffsetPair,
    examples: Sequence[TokenizedExample],
    *,
    name: Sequence[int],
    base: NextTokenLaw,
    alpha: float,
    pad_id: int,
) -> Trace:
    """Put the reference's states into the unlearned model, place by place.

    Args:
        pair: Two models of the same shape.
        examples: Questions about one person with the true answers; one batch.
        name: The person's name as the tokens it has in the questions.
        base: The base model.
        alpha: Offset strength.
        pad_id: Id that fills up short rows.

    Raises:
        InvalidRecipeError: The models have no list of transformer blocks.
        ValueError: The pair makes no difference for these answers.
    """
    batch = collate(examples, pad_id=pad_id, maximum_tokens=base.maximum_tokens)
    batch = batch.to(base.device)
    labels_N = answer_positions(batch).labels_N
    base_NV = _law(base, batch)
    with _recorded(places_of(pair.reference)) as states:
        reference_NV = _law(PlainLaw(pair.reference), batch)

    def likelihood() -> float:
        law_NV = _law(PlainLaw(pair.unlearned), batch)
        served_NV = compose_log_probs(base_NV, law_NV, reference_NV, alpha=alpha)
        return _mean(served_NV, labels_N)

    before, served = _mean(base_NV, labels_N), likelihood()
    if before == served:
        message = "the pair makes no difference for these answers"
        raise ValueError(message)
    effects: dict[str, dict[str, float]] = {}
    where = masks_of_roles(examples, name, batch)
    for place, module in places_of(pair.unlearned).items():
        effects[place] = {}
        for role, where_BT in where.items():
            with _put_back(module, states[place], where_BT):
                effects[place][role] = (likelihood() - served) / (before - served)
    return Trace(base=before, served=served, effects=effects)


def places_of(model: PreTrainedModel) -> dict[str, Module]:
    """Return the modules whose outputs are put back, lowest first in every kind.

    Raises:
        InvalidRecipeError: The model has no list of transformer blocks.
    """
    blocks = blocks_of(model)
    return {"embeddings": model.get_input_embeddings()} | {
        f"{part} {number}": block.get_submodule(path)
        for part, path in _PARTS.items()
        for number, block in enumerate(blocks)
    }


def masks_of_roles(
    examples: Sequence[TokenizedExample], name: Sequence[int], batch: Batch
) -> dict[str, Tensor]:
    """Return, for every role, where its tokens stand: ``[B, T]`` of booleans.

    The last token of the question is the one that predicts the first of the answer.
    In a question without the name everything before it counts as before the name.
    """
    masks = {
        role: torch.zeros_like(batch.input_ids_BT, dtype=torch.bool) for role in ROLES
    }
    for row, example in enumerate(examples):
        last = len(example.prompt) - 1
        begin, end = _span(example.prompt[:last], tuple(name))
        bounds = (0, begin, end, last, last + 1, len(example))
        for role, first, behind in zip(ROLES, bounds[:-1], bounds[1:], strict=True):
            masks[role][row, first:behind] = True
    return masks


def _span(ids: Sequence[int], name: tuple[int, ...]) -> tuple[int, int]:
    """Return where the name begins and ends; behind everything if it is not there."""
    for begin in range(len(ids) - len(name) + 1):
        if tuple(ids[begin : begin + len(name)]) == name:
            return begin, begin + len(name)
    return len(ids), len(ids)


def _law(law: NextTokenLaw, batch: Batch) -> Tensor:
    with torch.no_grad():
        return law_at_answers(law, batch)


def _mean(law_NV: Tensor, labels_N: Tensor) -> float:
    return float(law_NV.gather(-1, labels_N[:, None]).mean())


@contextmanager
def _recorded(places: Mapping[str, Module]) -> Iterator[dict[str, Tensor]]:
    """Keep what modules return while the context is open."""
    states: dict[str, Tensor] = {}

    def keep(place: str, output: Tensor | tuple[Tensor, ...]) -> None:
        states[place] = output[0] if isinstance(output, tuple) else output

    handles = [
        module.register_forward_hook(
            lambda _module, _inputs, output, place=place: keep(place, output)
        )
        for place, module in places.items()
    ]
    try:
        yield states
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _put_back(module: Module, state_BTD: Tensor, where_BT: Tensor) -> Iterator[None]:
    """Let a module return another state at some tokens while the context is open."""

    def hook(
        _module: Module, _inputs: object, output: Tensor | tuple[Tensor, ...]
    ) -> Tensor | tuple[Tensor, ...]:
        own_BTD = output[0] if isinstance(output, tuple) else output
        mixed_BTD = torch.where(where_BT[..., None], state_BTD, own_BTD)
        return (mixed_BTD, *output[1:]) if isinstance(output, tuple) else mixed_BTD

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
