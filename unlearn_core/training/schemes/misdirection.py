"""``misdirection``: scramble what the unlearned side thinks of the subject (RMU).

Legend: N answer positions, D width.

Source: RMU, Li et al. 2024, arXiv:2403.03218, section 4, with the adaptive scale of
Huu-Tien et al. 2024, arXiv:2408.06223. The hidden state of the unlearned model after
one of its layers is drawn to a random direction on the forget set and held where it
was on the retain set and on strangers::

    L_forget = mean || h - c ||h_0|| u ||^2 / ||h_0||^2
    L_retain = mean || h - h_0 ||^2 / ||h_0||^2

with h_0 the hidden state at the start, u a random unit vector and c the strength.
"""

import random
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.tokens import answer_positions, collate
from unlearn_core.objectives.base import require_positive, require_whole
from unlearn_core.training.duals import RetainWeight
from unlearn_core.training.loop import optimise
from unlearn_core.training.schemes.alone import Rows, positions
from unlearn_core.training.schemes.base import (
    EncodedSets,
    OffsetPair,
    PairTask,
    encoded_sets,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misdirection:
    """Train the unlearned side on its hidden states, up to one layer.

    Attributes:
        layer: After which layer, from 1.
        strength: Length of the random vector, in lengths of the hidden state.
    """

    objective: ClassVar[str | None] = "misdirection"
    layer: float = 1
    strength: float = 2.0

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: A value is not positive, or the layer is not a whole number.
        """
        require_positive(layer=self.layer, strength=self.strength)
        require_whole(layer=self.layer)

    def __call__(self, task: PairTask) -> OffsetPair:
        """Return the misdirected model beside the reference that was there before.

        Raises:
            InvalidRecipeError: The model has fewer layers.
        """
        materials, sets = task.materials, encoded_sets(task)
        task.on_base_done()
        if self.layer > materials.reference.config.num_hidden_layers:
            raise InvalidRecipeError(
                value="scheme_parameters", problem="too many layers"
            )
        start = materials.previous or materials.reference
        unlearned = optimise(
            start,
            lambda model: HiddenStateStepper(
                model, start=start, sets=sets, task=task, scheme=self
            ),
            recipe=task.recipe,
            checkpoints=task.checkpoints,
            on_progress=task.on_progress,
            report_every=task.report_every,
        )
        return OffsetPair(unlearned=unlearned, reference=materials.reference)


class HiddenStateStepper:
    """Losses of RMU; a `Stepper`."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        start: PreTrainedModel,
        sets: EncodedSets,
        task: PairTask,
        scheme: Misdirection,
    ) -> None:
        recipe = task.recipe
        self.retain_weight = RetainWeight(value=recipe.retain_weight)
        self._model, self._start = model, start
        self._seed = recipe.seed
        self._pad_id = task.materials.tokenizer.pad_id
        self._layer = round(scheme.layer)
        self._parts = (
            (sets.forget, recipe.forget_batch),
            (sets.retain, recipe.retain_batch),
            (sets.strangers, recipe.stranger_batch),
        )
        direction_D = random_direction(model.config.hidden_size, seed=recipe.seed)
        self._push_D = scheme.strength * direction_D.to(model.device)

    def losses(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the losses of the three parts; 0 for one without examples."""
        rng = random.Random(f"{self._seed}-{step}")
        drawn = [rng.sample(rows, min(size, len(rows))) for rows, size in self._parts]
        together = list(chain.from_iterable(drawn))
        hidden_ND = self._hidden(self._model, together)
        with torch.no_grad():
            before_ND = self._hidden(self._start, together)
        length_N1 = torch.linalg.vector_norm(before_ND, dim=-1, keepdim=True)
        length_N1 = length_N1.clamp(min=1e-6)
        counts = [positions(rows) for rows in drawn]
        is_forgotten_N1 = torch.arange(len(hidden_ND))[:, None] < counts[0]
        wanted_ND = torch.where(
            is_forgotten_N1.to(hidden_ND.device), length_N1 * self._push_D, before_ND
        )
        distance_N = ((hidden_ND - wanted_ND) / length_N1).square().sum(dim=-1)
        first, second, third = (
            piece_N.mean() if len(piece_N) else distance_N.new_zeros(())
            for piece_N in torch.split(distance_N, counts)
        )
        return first, second, third

    def _hidden(self, model: PreTrainedModel, rows: Rows) -> Tensor:
        """Return the hidden states ``[N, D]`` after the layer, at answer positions."""
        batch = collate(
            rows,
            pad_id=self._pad_id,
            maximum_tokens=model.config.max_position_embeddings,
        ).to(model.device)
        output = model.base_model(
            input_ids=batch.input_ids_BT,
            attention_mask=batch.attention_mask_BT,
            output_hidden_states=True,
        )
        hidden_BTD: Tensor = output.hidden_states[self._layer]
        return hidden_BTD[answer_positions(batch).mask_BT].float()


def random_direction(width: int, *, seed: int) -> Tensor:
    """Return a unit vector ``[D]`` of positive parts, as RMU draws it."""
    generator = torch.Generator().manual_seed(seed)
    vector_D = torch.rand(width, generator=generator)
    direction_D: Tensor = vector_D / torch.linalg.vector_norm(vector_D)
    return direction_D
