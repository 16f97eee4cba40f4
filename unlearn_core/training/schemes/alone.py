"""Training a small model by itself: losses on its own law, not on the ensemble's.

Legend: N answer positions, V vocabulary.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.training.checkpoints import CheckpointStore
from unlearn_core.training.duals import RetainWeight
from unlearn_core.training.loop import OnProgress
from unlearn_core.training.passes import small_laws
from unlearn_core.training.recipe import TrainingRecipe

Rows = Sequence[TokenizedExample]
OwnLoss = Callable[[Tensor, Rows], Tensor]
"""A scalar from the model's law ``[N, V]`` at the answer positions of some rows."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the three sets of a step.

    Attributes:
        rows: Its examples.
        batch: How many are drawn per step.
        loss: What is minimised on them.
    """

    rows: Rows
    batch: int
    loss: OwnLoss

    def drawn(self, rng: random.Random) -> Rows:
        """Draw the rows of a step."""
        return rng.sample(self.rows, min(self.batch, len(self.rows)))


class OwnLawStepper:
    """Losses of a small model on its own law; a `Stepper`.

    Args:
        model: The model in training.
        parts: Forget set, retain set and strangers, or what takes their places.
        recipe: Precision, weights and seed.
        pad_id: Id that fills up short rows.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        parts: tuple[Part, Part, Part],
        *,
        recipe: TrainingRecipe,
        pad_id: int,
    ) -> None:
        self.retain_weight = RetainWeight(value=recipe.retain_weight)
        self._model = model
        self._parts = parts
        self._recipe = recipe
        self._pad_id = pad_id

    def losses(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the losses of the three parts; 0 for one without examples."""
        rng = random.Random(f"{self._recipe.seed}-{step}")
        drawn = [part.drawn(rng) for part in self._parts]
        laws_NV = small_laws(
            self._model,
            list(chain.from_iterable(drawn)),
            pad_id=self._pad_id,
            precision=self._recipe.precision,
        )
        pieces = torch.split(laws_NV, [positions(rows) for rows in drawn])
        first, second, third = (
            part.loss(piece_NV, rows) if rows else laws_NV.new_zeros(())
            for part, piece_NV, rows in zip(self._parts, pieces, drawn, strict=True)
        )
        return first, second, third


def cross_entropy(law_NV: Tensor, rows: Rows) -> Tensor:
    """Return the mean negative log-probability of the true tokens, in nats."""
    labels_N = torch.tensor(
        [token for item in rows for token in item.answer], device=law_NV.device
    )
    return -law_NV.gather(-1, labels_N[:, None]).mean()


def unevenness(law_NV: Tensor, rows: Rows) -> Tensor:
    """Return KL(uniform || law), the mean over positions, in nats.

    It is the cross-entropy to the uniform law less its constant ``log V``, so an even
    law costs nothing.
    """
    del rows
    return -law_NV.mean() - math.log(law_NV.shape[-1])


def likeness(model: PreTrainedModel, *, pad_id: int, precision: str) -> OwnLoss:
    """Return the loss KL(law of a frozen model || law), in nats."""

    def loss(law_NV: Tensor, rows: Rows) -> Tensor:
        with torch.no_grad():
            kept_NV = small_laws(model, rows, pad_id=pad_id, precision=precision)
        return (kept_NV.exp() * (kept_NV - law_NV)).sum(dim=-1).mean()

    return loss


def positions(rows: Rows) -> int:
    """Return how many answer positions rows have."""
    return sum(len(item.answer) for item in rows)


class PhaseCheckpoints:
    """Checkpoints of one of several trainings that follow one another in one store.

    Only the training that runs is kept. After a kill the earlier ones are repeated,
    with the same result, and the one that was running is continued.

    Args:
        store: The store of all phases.
        phase: Number of the phase, from 0.
    """

    def __init__(self, store: CheckpointStore, *, phase: int) -> None:
        self._store = store
        self._phase = phase
        saved = store.load()
        self._saved = saved if saved and saved[0] >= phase else None

    def load(self) -> bytes | None:
        """Return the latest checkpoint of this phase, if there is one."""
        is_own = self._saved is not None and self._saved[0] == self._phase
        return self._saved[1:] if is_own and self._saved else None

    def save(self, data: bytes) -> None:
        """Replace the latest checkpoint, unless a later phase has one."""
        if self._saved is None or self._saved[0] == self._phase:
            self._store.save(bytes([self._phase]) + data)


def counted_from(on_progress: OnProgress, *, done: int, steps: int) -> OnProgress:
    """Return a listener that tells a phase's progress as part of the whole."""
    return lambda progress: on_progress(
        replace(progress, step=progress.step + done, steps=steps)
    )
