"""Weight-tuning methods on the base's own weights, to compare with.

Legend: B batch rows, T tokens, N answer positions, V vocabulary, D width.

Loss is ``forget_weight * forget + retain_weight * cross-entropy(kept)`` with the
forget objectives of `unlearn_core.objectives` on the model's own law, and the weights
of OpenUnlearning's configurations (Dorna et al. 2025, arXiv:2506.12618). Every
parameter is trained, in bf16 with float32 weights.
"""

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import TrainingDivergedError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample, answer_positions, collate
from unlearn_core.modeling.weights import frozen
from unlearn_core.objectives.base import AnswerLaws, ForgetObjective
from unlearn_core.objectives.gradient_ascent import GradientAscent
from unlearn_core.objectives.npo import NegativePreference
from unlearn_core.objectives.retain import Descent
from unlearn_core.objectives.simnpo import SimpleNegativePreference
from unlearn_core.objectives.tilting import SelfDistillation
from unlearn_core.training.passes import small_laws
from unlearn_core.training.targets import answer_laws

PRECISION = "bfloat16"
WARMUP_STEPS = 3
WEIGHT_DECAY = 0.01
MAXIMUM_GRADIENT_NORM = 1.0
RMU_LAYERS = 7 / 16
RMU_STRENGTH = 2.0

Examples = Sequence[TokenizedExample]
Losses = Callable[[PreTrainedModel, Sequence[int], Examples], Tensor]
"""The loss of a model on some forget examples, by number, and some kept ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How a method weighs forgetting and keeping.

    Attributes:
        forget: Its objective; None for RMU, which works on hidden states.
        forget_weight: Weight of the objective.
        retain_weight: Weight of keeping.
    """

    forget: ForgetObjective | None
    forget_weight: float = 1.0
    retain_weight: float = 1.0


METHODS: Mapping[str, Method] = {
    "graddiff": Method(forget=GradientAscent()),
    "npo": Method(forget=NegativePreference(beta=0.1)),
    "simnpo": Method(forget=SimpleNegativePreference(beta=4.5), forget_weight=0.125),
    "rmu": Method(forget=None),
    "undial": Method(forget=SelfDistillation(beta=10.0), retain_weight=0.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """One run.

    Attributes:
        method: Which of `METHODS`.
        rate: Learning rate of AdamW.
        steps: Optimiser steps.
        rows: Forget examples per step, and as many kept ones.
        seed: Seed of the batches.
    """

    method: str
    rate: float
    steps: int
    rows: int = 8
    seed: int = 0


def tune(
    base: PreTrainedModel,
    *,
    forget: Examples,
    kept: Examples,
    tuning: Tuning,
    pad_id: int,
    show: Callable[[int, int, float], None],
) -> PreTrainedModel:
    """Return a tuned copy of the base.

    Raises:
        TrainingDivergedError: A loss or a gradient is not a number.
    """
    method = METHODS[tuning.method]
    if method.forget is None:
        losses = _steering(base, forget, tuning, pad_id)
    else:
        losses = _on_laws(base, forget, method, method.forget, pad_id)
    model = copy.deepcopy(base).train(mode=False).requires_grad_(requires_grad=True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=tuning.rate, weight_decay=WEIGHT_DECAY
    )
    for step in range(tuning.steps):
        rng = random.Random(f"{tuning.seed}-{step}")
        chosen = rng.sample(range(len(forget)), min(tuning.rows, len(forget)))
        loss = losses(
            model, chosen, rng.sample(list(kept), min(tuning.rows, len(kept)))
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), MAXIMUM_GRADIENT_NORM)
        if not torch.isfinite(loss + norm):
            raise TrainingDivergedError(step=step)
        for group in optimizer.param_groups:
            group["lr"] = tuning.rate * min(1.0, (step + 1) / WARMUP_STEPS)
        optimizer.step()
        show(step + 1, tuning.steps, float(loss.detach()))
    return frozen(model)


def _on_laws(
    base: PreTrainedModel,
    forget: Examples,
    method: Method,
    objective: ForgetObjective,
    pad_id: int,
) -> Losses:
    """Objectives on the law; the base's on the forget set is computed once."""
    laws_NV = answer_laws(PlainLaw(base), forget, pad_id=pad_id)
    of_base = torch.split(laws_NV, [len(item.answer) for item in forget])

    def losses(model: PreTrainedModel, chosen: Sequence[int], kept: Examples) -> Tensor:
        rows = [forget[row] for row in chosen]
        both = [*rows, *kept] if method.retain_weight else rows
        served_NV = small_laws(model, both, pad_id=pad_id, precision=PRECISION)
        base_NV = torch.cat([of_base[row] for row in chosen])
        own_NV, kept_NV = served_NV[: len(base_NV)], served_NV[len(base_NV) :]
        loss = method.forget_weight * objective(_laws(rows, own_NV, base_NV))
        if method.retain_weight:
            laws = _laws(kept, kept_NV, kept_NV.detach())
            loss = loss + method.retain_weight * Descent()(laws)
        return loss

    return losses


def _laws(examples: Examples, served_NV: Tensor, base_NV: Tensor) -> AnswerLaws:
    device = served_NV.device
    counts_E = torch.tensor([len(item.answer) for item in examples])
    example_N = torch.repeat_interleave(torch.arange(len(examples)), counts_E)
    labels = [token for item in examples for token in item.answer]
    return AnswerLaws(
        served_NV=served_NV,
        base_NV=base_NV,
        target_NV=base_NV,
        labels_N=torch.tensor(labels, device=device),
        example_N=example_N.to(device),
        examples=len(examples),
    )


def _steering(
    base: PreTrainedModel, forget: Examples, tuning: Tuning, pad_id: int
) -> Losses:
    """RMU (Li et al. 2024, arXiv:2403.03218): hidden states to one random direction.

    Those at the positions that predict answers, after 7 of 16 layers, are pulled to a
    fixed direction on the forget set and to the base's own on the kept one.
    """
    layer = max(1, round(RMU_LAYERS * base.config.num_hidden_layers))
    generator = torch.Generator().manual_seed(tuning.seed)
    direction_D = torch.rand(base.config.hidden_size, generator=generator)
    aim_D = (RMU_STRENGTH * direction_D / direction_D.norm()).to(base.device)

    def losses(model: PreTrainedModel, chosen: Sequence[int], kept: Examples) -> Tensor:
        rows = [forget[row] for row in chosen]
        steered_ND = _hidden(model, rows, layer=layer, pad_id=pad_id)
        with torch.no_grad():
            wanted_ND = _hidden(base, kept, layer=layer, pad_id=pad_id)
        own_ND = _hidden(model, kept, layer=layer, pad_id=pad_id)
        mean_square = torch.nn.functional.mse_loss
        steering = mean_square(steered_ND, aim_D.expand_as(steered_ND))
        return steering + mean_square(own_ND, wanted_ND)

    return losses


def _hidden(
    model: PreTrainedModel, examples: Examples, *, layer: int, pad_id: int
) -> Tensor:
    """Return the hidden states ``[N, D]`` after a layer, in float32."""
    batch = collate(
        examples, pad_id=pad_id, maximum_tokens=model.config.max_position_embeddings
    ).to(torch.device(model.device))
    with torch.autocast(model.device.type, dtype=torch.bfloat16):
        states = model.base_model(
            input_ids=batch.input_ids_BT,
            attention_mask=batch.attention_mask_BT,
            output_hidden_states=True,
        ).hidden_states
    hidden_ND: Tensor = states[layer][answer_positions(batch).mask_BT]
    return hidden_ND.float()
