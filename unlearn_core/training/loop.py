"""The training loop, and the losses of the ``delta`` scheme.

Legend: N answer positions, V vocabulary.

`optimise` trains a copy of a small model on whatever losses a `Stepper` gives it.
`train_unlearned` gives it those of ``delta``: the unlearned model starts as a copy of
the reference (or of the unlearned model in service) and is trained through the
ensemble. The loss is taken on the composed law, the gradient reaches the unlearned
model alone. The base and the reference enter as cached laws and are not resident in
the loop.
"""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import (
    EmptyForgetSetError,
    IncompatibleBaseError,
    TrainingDivergedError,
)
from unlearn_core.modeling.offset import compose_log_probs
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.objectives.base import AnswerLaws
from unlearn_core.training.adapters import trainee_of
from unlearn_core.training.calibration import Watched
from unlearn_core.training.checkpoints import CheckpointStore, TrainingState
from unlearn_core.training.duals import RetainWeight, retain_weight_of
from unlearn_core.training.optimizers.base import Curved
from unlearn_core.training.passes import small_laws
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.selection import answering, choose_weights
from unlearn_core.training.targets import AnswerTable

CHECKPOINT_EVERY_STEPS = 50
FINAL_LEARNING_RATE_FRACTION = 0.02
EVIDENCE_EXAMPLES = 512
"""How many examples of a set a parameter mask looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTables:
    """The cached laws that one run trains on.

    Attributes:
        forget: The forget set.
        retain: The retain set.
        strangers: Questions about invented people.
        watched: What tells how far training has come; None without twins.
    """

    forget: AnswerTable
    retain: AnswerTable
    strangers: AnswerTable
    watched: Watched | None = None


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
    """

    step: int
    steps: int
    forget_loss: float
    retain_loss: float
    stranger_loss: float
    learning_rate: float
    seconds: float


class Stepper(Protocol):
    """Draws the batch of a step and computes its three losses."""

    retain_weight: RetainWeight

    def losses(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return forget, retain and stranger loss of a step, before weighting."""
        ...


def train_unlearned(
    start: PreTrainedModel,
    *,
    tables: TrainingTables,
    recipe: TrainingRecipe,
    pad_id: int,
    checkpoints: CheckpointStore,
    on_progress: Callable[[TrainingProgress], None],
) -> PreTrainedModel:
    """Train the unlearned model of an offset pair.

    Args:
        start: Where training starts; left unchanged.
        tables: Cached laws of forget set, retain set and strangers.
        recipe: What is trained and how.
        pad_id: Id that fills up short rows.
        checkpoints: Where the state is kept; a kept one is continued.
        on_progress: Called after every step.

    Returns:
        The trained model, frozen.

    Raises:
        EmptyForgetSetError: There is nothing to forget.
        IncompatibleBaseError: Base and small model have different vocabularies.
        TrainingDivergedError: A loss or a gradient is not a number.
    """
    _check(start, tables)
    return optimise(
        start,
        lambda model: _Stepper(model, tables=tables, recipe=recipe, pad_id=pad_id),
        recipe=recipe,
        checkpoints=checkpoints,
        on_progress=on_progress,
    )


def optimise(
    start: PreTrainedModel,
    stepper_of: Callable[[PreTrainedModel], Stepper],
    *,
    recipe: TrainingRecipe,
    checkpoints: CheckpointStore,
    on_progress: Callable[[TrainingProgress], None],
) -> PreTrainedModel:
    """Train a copy of a small model on the losses of a stepper.

    Args:
        start: Where training starts; left unchanged.
        stepper_of: Gives the losses of a model's steps.
        recipe: Steps, learning rate and the like.
        checkpoints: Where the state is kept; a kept one is continued.
        on_progress: Called after every step.

    Returns:
        The trained model, frozen.

    Raises:
        InvalidRecipeError: No layer is called as the recipe's adapters want it, the
            mask does not fit the model, or mask or optimiser asks for what the
            stepper cannot show.
        TrainingDivergedError: A loss or a gradient is not a number.
    """
    trainee = trainee_of(start, recipe=recipe)
    model = trainee.model
    stepper = stepper_of(model)
    # Before a checkpoint is read: a resumed run has its mask from the same start.
    choose_weights(model, stepper, recipe.parameter_mask())
    optimizer = _optimizer(model, recipe)
    retain_weight = stepper.retain_weight
    state = TrainingState(model, optimizer, retain_weight)
    saved = checkpoints.load()
    first = state.unpack(saved) if saved else 0
    began = time.monotonic()
    for step in range(first, recipe.steps):
        rate = _learning_rate(recipe, step)
        _show_curvature(optimizer, stepper, step=step)
        losses = stepper.losses(step)
        weights = (1.0, retain_weight.value, recipe.stranger_weight)
        total = _total(losses, weights, step=step)
        _improve(model, optimizer, total, step=step, rate=rate, recipe=recipe)
        retain_weight.follow(losses[1])
        seconds = time.monotonic() - began
        on_progress(_progress(losses, recipe, step=step, rate=rate, seconds=seconds))
        if (step + 1) % CHECKPOINT_EVERY_STEPS == 0 and step + 1 < recipe.steps:
            checkpoints.save(state.pack(step=step + 1))
    return trainee.finish()


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


def _progress(
    losses: Sequence[Tensor],
    recipe: TrainingRecipe,
    *,
    step: int,
    rate: float,
    seconds: float,
) -> TrainingProgress:
    forget, retain, strangers = (float(loss.detach()) for loss in losses)
    return TrainingProgress(
        step=step + 1,
        steps=recipe.steps,
        forget_loss=forget,
        retain_loss=retain,
        stranger_loss=strangers,
        learning_rate=rate,
        seconds=seconds,
    )


def _total(losses: Sequence[Tensor], weights: Sequence[float], *, step: int) -> Tensor:
    """Return the weighted sum; refuse one that is not a number."""
    total = torch.stack(
        [weight * loss for weight, loss in zip(weights, losses, strict=True)]
    ).sum()
    if not torch.isfinite(total):
        raise TrainingDivergedError(step=step)
    return total


def _improve(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    total: Tensor,
    *,
    step: int,
    rate: float,
    recipe: TrainingRecipe,
) -> None:
    """Take one optimiser step; refuse a gradient that is not a number."""
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    norm = torch.nn.utils.clip_grad_norm_(
        model.parameters(), recipe.maximum_gradient_norm
    )
    if not torch.isfinite(norm):
        raise TrainingDivergedError(step=step)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()


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


class _Stepper:
    """The losses of the ensemble."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        tables: TrainingTables,
        recipe: TrainingRecipe,
        pad_id: int,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._pad_id = pad_id
        self._parts = (
            (tables.forget, recipe.forget_batch),
            (tables.retain, recipe.retain_batch),
            (tables.strangers, recipe.stranger_batch),
        )
        self.retain_weight = retain_weight_of(recipe)
        self._forget = recipe.forget_objective()
        self._retain = recipe.retain_objective()

    def losses(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return forget, retain and stranger loss of a step."""
        forget, *kept = (
            term(laws) if laws else torch.zeros((), device=self._model.device)
            for laws, term in zip(
                self._step_laws(step),
                (self._forget, self._retain, self._retain),
                strict=True,
            )
        )
        return forget, kept[0], kept[1]

    def drawn_loss(self, step: int) -> tuple[Tensor, int]:
        """Return the loss of tokens that the served law itself draws in a step."""
        served_NV = torch.cat(
            [laws.served_NV for laws in self._step_laws(step) if laws is not None]
        )
        generator = torch.Generator(served_NV.device)
        generator.manual_seed(
            random.Random(f"{self._recipe.seed}-{step}").getrandbits(32)
        )
        drawn_N1 = served_NV.detach().exp().multinomial(1, generator=generator)
        return -served_NV.gather(-1, drawn_N1).mean(), len(served_NV)

    def answer_losses(self, *, retained: bool) -> Iterator[Tensor]:
        """Yield parts of the mean negative log-probability of true answers."""
        table, size = self._parts[int(retained)]
        alone = replace(table, second=None)
        rows = range(0, len(table), 1 + len(table) // (EVIDENCE_EXAMPLES + 1))
        positions = int(table.counts_E[list(rows)].sum())
        for begin in range(0, len(rows), max(1, size)):
            some = rows[begin : begin + max(1, size)]
            small_NV = self._small_laws(_examples(alone, some))
            laws = self._laws(alone, some, small_NV)
            yield -laws.label_log_probs(laws.served_NV).sum() / positions

    def _step_laws(self, step: int) -> list[AnswerLaws | None]:
        """Return the laws of a step's batch; None for a part without examples."""
        rng = random.Random(f"{self._recipe.seed}-{step}")
        chosen = [
            rng.sample(range(len(table)), min(size, len(table)))
            for table, size in self._parts
        ]
        small_NV = self._small_laws(
            [
                item
                for (table, _), rows in zip(self._parts, chosen, strict=True)
                for item in _examples(table, rows)
            ]
        )
        found: list[AnswerLaws | None] = []
        begin = 0
        for (table, _), rows in zip(self._parts, chosen, strict=True):
            laws = self._laws(table, rows, small_NV[begin:]) if rows else None
            begin += _positions(laws) if laws else 0
            found.append(laws)
        return found

    def _small_laws(self, examples: Sequence[TokenizedExample]) -> Tensor:
        return small_laws(
            self._model,
            examples,
            pad_id=self._pad_id,
            precision=self._recipe.precision,
        )

    def _laws(
        self, table: AnswerTable, rows: Sequence[int], small_NV: Tensor
    ) -> AnswerLaws:
        positions_N = table.positions_of(rows).to(small_NV.device)
        base_NV = table.base_NV[positions_N]
        counts = table.counts_E[list(rows)]
        example_N = torch.repeat_interleave(torch.arange(len(rows)), counts)
        return AnswerLaws(
            served_NV=compose_log_probs(
                base_NV,
                small_NV[: len(positions_N)],
                table.reference_NV[positions_N],
                alpha=self._recipe.alpha,
            ),
            base_NV=base_NV,
            target_NV=table.target_NV[positions_N],
            labels_N=table.labels_N[positions_N],
            example_N=example_N.to(small_NV.device),
            examples=len(rows),
            second=self._laws(table.second, rows, small_NV[len(positions_N) :])
            if table.second
            else None,
        )


def _examples(table: AnswerTable, rows: Sequence[int]) -> list[TokenizedExample]:
    """Return some examples of a table, then the same with their second answers."""
    chosen = [table.examples[row] for row in rows]
    return chosen + (_examples(table.second, rows) if table.second else [])


def _positions(laws: AnswerLaws) -> int:
    """Return how many answer positions laws take, those of second answers too."""
    return len(laws.labels_N) + (_positions(laws.second) if laws.second else 0)
