"""The training loop of every scheme.

`optimise` trains a copy of a small model on whatever losses a `Stepper` gives it.
`train_unlearned` gives it those of ``delta``: the unlearned model starts as a copy of
the reference (or of the unlearned model in service) and is trained through the
ensemble. The loss is taken on the composed law, the gradient reaches the unlearned
model alone. The base and the reference enter as cached laws and are not resident in
the loop.

Between two reports nothing is read back from the device: whether every loss and every
gradient was a number is noted there, and looked at before a report, a checkpoint and
the end.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import (
    EmptyForgetSetError,
    IncompatibleBaseError,
    TrainingDivergedError,
)
from unlearn_core.training import processes
from unlearn_core.training.adapters import trainee_of
from unlearn_core.training.calibration import Reading, Settling
from unlearn_core.training.checkpoints import CheckpointStore, TrainingState
from unlearn_core.training.consolidation import Hold, Importance
from unlearn_core.training.duals import RetainWeight
from unlearn_core.training.ensemble import EnsembleStepper, TrainingTables
from unlearn_core.training.optimizers.base import Curved
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.selection import answering, choose_weights

CHECKPOINT_EVERY_STEPS = 50
LOOK_EVERY_STEPS = 20
FINAL_LEARNING_RATE_FRACTION = 0.02
NEVER = torch.iinfo(torch.long).max


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """What one step looked like.

    Attributes:
        step: Steps finished.
        steps: Steps in all.
        forget_loss: Value of the forget objective.
        retain_loss: Value of the retain term on the retain set.
        stranger_loss: Value of the retain term on strangers.
        learning_rate: Learning rate of the step.
        seconds: Time since the run, or its continuation, began.
        reading: How far training has come; None where nobody looked.
    """

    step: int
    steps: int
    forget_loss: float
    retain_loss: float
    stranger_loss: float
    learning_rate: float
    seconds: float
    reading: Reading | None = None


OnProgress = Callable[[TrainingProgress], None]
"""Listens to a training."""


class Stepper(Protocol):
    """Draws the batch of a step and computes its three losses."""

    retain_weight: RetainWeight

    def losses(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return forget, retain and stranger loss of a step, before weighting."""
        ...


@runtime_checkable
class Watching(Protocol):
    """A stepper that can say how far training has come."""

    def look(self) -> Reading | None:
        """Look; None where there is nothing to look at."""
        ...


def train_unlearned(
    start: PreTrainedModel,
    *,
    tables: TrainingTables,
    recipe: TrainingRecipe,
    pad_id: int,
    checkpoints: CheckpointStore,
    on_progress: OnProgress,
    report_every: int = 1,
    importance: Importance | None = None,
) -> PreTrainedModel:
    """Train the unlearned model of an offset pair.

    Args:
        start: Where training starts; left unchanged.
        tables: Cached laws of forget set, retain set and strangers.
        recipe: What is trained and how.
        pad_id: Id that fills up short rows.
        checkpoints: Where the state is kept; a kept one is continued.
        on_progress: Called with every so many steps, and with the last.
        report_every: How many.
        importance: How much each weight matters for earlier erasures, if known.

    Returns:
        The trained model, frozen.

    Raises:
        EmptyForgetSetError: There is nothing to forget.
        IncompatibleBaseError: Base and small model have different vocabularies.
        TrainingDivergedError: A loss or a gradient is not a number.
    """
    _check(start, tables)
    hold = None
    if importance is not None and recipe.hold_weight:
        hold = Hold(importance=importance, weight=recipe.hold_weight)
    return optimise(
        start,
        lambda model: EnsembleStepper(
            model, tables=tables, recipe=recipe, pad_id=pad_id
        ),
        recipe=recipe,
        checkpoints=checkpoints,
        on_progress=on_progress,
        report_every=report_every,
        hold=hold,
    )


def optimise(
    start: PreTrainedModel,
    stepper_of: Callable[[PreTrainedModel], Stepper],
    *,
    recipe: TrainingRecipe,
    checkpoints: CheckpointStore,
    on_progress: OnProgress,
    report_every: int = 1,
    hold: Hold | None = None,
) -> PreTrainedModel:
    """Train a copy of a small model on the losses of a stepper, until it has settled.

    Args:
        start: Where training starts; left unchanged.
        stepper_of: Gives the losses of a model's steps.
        recipe: Steps, learning rate and the like.
        checkpoints: Where the state is kept; a kept one is continued.
        on_progress: Called with every so many steps, and with the last.
        report_every: How many.
        hold: What is to stay near the start, and how strongly.

    Returns:
        The trained model, frozen.

    Raises:
        InvalidRecipeError: The recipe's adapters or mask do not fit the model, or mask
            or optimiser asks for what the stepper cannot show.
        TrainingDivergedError: A loss or a gradient is not a number.
    """
    trainee = trainee_of(start, recipe=recipe)
    model = trainee.model
    stepper = stepper_of(model)
    # Before a checkpoint is read: a resumed run has its mask from the same start.
    choose_weights(model, stepper, recipe.parameter_mask())
    optimizer, settling = _optimizer(model, recipe), Settling(limits=recipe.limits())
    state = TrainingState(model, optimizer, stepper.retain_weight, settling)
    reports = _Reports(stepper, recipe, every=report_every, tell=on_progress)
    for step in range(_finished_steps(state, checkpoints), recipe.steps):
        _show_curvature(optimizer, stepper, step=step)
        losses = stepper.losses(step)
        total = _total(losses, stepper.retain_weight.value, recipe, step=step)
        total += _held_back(model, hold, before=start)
        norm = _improve(model, optimizer, total, recipe=recipe, step=step)
        whole = processes.averaged(losses)
        stepper.retain_weight.follow(whole[1])
        if settling.note(reports.after(step, whole, norm)):
            break
        if _is_checkpoint(step + 1, recipe):
            _keep(state, checkpoints, reports, step=step + 1)
    return trainee.finish()


def _held_back(
    model: PreTrainedModel, hold: Hold | None, *, before: PreTrainedModel
) -> Tensor | float:
    """Return what leaving the start costs; nothing where nothing is held."""
    return hold.penalty(model, before=before) if hold else 0.0


def _is_checkpoint(done: int, recipe: TrainingRecipe) -> bool:
    return done % CHECKPOINT_EVERY_STEPS == 0 and done < recipe.steps


def _keep(
    state: TrainingState,
    checkpoints: CheckpointStore,
    reports: "_Reports",
    *,
    step: int,
) -> None:
    """Replace the latest checkpoint by a sound one; one process does it for all."""
    reports.check()
    if processes.is_first():
        checkpoints.save(state.pack(step=step))


def _finished_steps(state: TrainingState, checkpoints: CheckpointStore) -> int:
    """Restore the latest checkpoint, if there is one; return how many steps it has."""
    saved = checkpoints.load()
    return state.unpack(saved) if saved else 0


class _Reports:
    """Tells progress now and then, and notes on the device what went wrong between."""

    def __init__(
        self,
        stepper: Stepper,
        recipe: TrainingRecipe,
        *,
        every: int,
        tell: OnProgress,
    ) -> None:
        self._stepper = stepper
        self._recipe = recipe
        self._every = every
        self._tell = tell
        self._began = time.monotonic()
        self._bad: Tensor | None = None

    def after(
        self, step: int, losses: Sequence[Tensor], norm: Tensor
    ) -> Reading | None:
        """Note a step without waiting for it; look and report if that is due."""
        values = torch.stack([norm, *losses]).detach()
        here = torch.where(values.isfinite().all(), NEVER, step)
        self._bad = here if self._bad is None else torch.minimum(self._bad, here)
        done, steps = step + 1, self._recipe.steps
        reading = self._look(done)
        if reading is None and done % self._every and done != steps:
            return None
        self.check()
        _, forget, retain, strangers = values.tolist()
        progress = TrainingProgress(
            step=done,
            steps=steps,
            forget_loss=forget,
            retain_loss=retain,
            stranger_loss=strangers,
            learning_rate=_learning_rate(self._recipe, step),
            seconds=time.monotonic() - self._began,
            reading=reading,
        )
        if processes.is_first():
            self._tell(progress)
        return reading

    def _look(self, done: int) -> Reading | None:
        is_due = done % LOOK_EVERY_STEPS == 0 or done == self._recipe.steps
        if is_due and isinstance(self._stepper, Watching):
            return self._stepper.look()
        return None

    def check(self) -> None:
        """Wait for every step so far; refuse to go on after a bad one.

        Raises:
            TrainingDivergedError: A loss or a gradient was not a number.
        """
        first = NEVER if self._bad is None else int(self._bad)
        if first != NEVER:
            raise TrainingDivergedError(step=first)


def _optimizer(model: PreTrainedModel, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    trained = [item for item in model.parameters() if item.requires_grad]
    return recipe.optimizer_recipe().build(trained, learning_rate=recipe.learning_rate)


def _show_curvature(
    optimizer: torch.optim.Optimizer, stepper: Stepper, *, step: int
) -> None:
    """Let an optimiser that follows the curvature renew its estimate, when due."""
    if isinstance(optimizer, Curved) and step % optimizer.curvature_every == 0:
        drawn_loss, positions = answering(stepper, "optimizer").drawn_loss(step)
        optimizer.observe(drawn_loss, positions=positions)


def _total(
    losses: Sequence[Tensor],
    retain_weight: float | Tensor,
    recipe: TrainingRecipe,
    *,
    step: int,
) -> Tensor:
    forget, retain, strangers = losses
    others = retain_weight * retain + recipe.stranger_weight * strangers
    is_repair = step >= recipe.steps - recipe.repair_steps
    return others if is_repair else forget + others


def _improve(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    total: Tensor,
    *,
    recipe: TrainingRecipe,
    step: int,
) -> Tensor:
    """Take one optimiser step and return the norm of the gradient."""
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    processes.average_gradients(model)
    norm = torch.nn.utils.clip_grad_norm_(
        model.parameters(), recipe.maximum_gradient_norm
    )
    for group in optimizer.param_groups:
        group["lr"] = _learning_rate(recipe, step)
    optimizer.step()
    return norm


def _check(start: PreTrainedModel, tables: TrainingTables) -> None:
    if not len(tables.forget):
        raise EmptyForgetSetError
    if tables.forget.base_NV.shape[-1] != start.config.vocab_size:
        raise IncompatibleBaseError(part="vocabulary")


def _learning_rate(recipe: TrainingRecipe, step: int) -> float:
    """Return the rate of a step: linear warm-up, then a half cosine."""
    warm = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    floor = FINAL_LEARNING_RATE_FRACTION
    cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    return recipe.learning_rate * warm * (floor + (1 - floor) * cosine)
