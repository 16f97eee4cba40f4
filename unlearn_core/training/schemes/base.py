"""What a scheme is given and what it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from transformers import PreTrainedModel

from unlearn_core.domain.artifacts import MAXIMUM_ALPHA
from unlearn_core.domain.datasets import Datasets, Example
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample, encode_example
from unlearn_core.training.calibration import (
    STRENGTHS,
    Limits,
    Watched,
    choose_alpha,
    own_laws,
    read_at,
)
from unlearn_core.training.checkpoints import CheckpointStore
from unlearn_core.training.checks import (
    check_models,
    check_sets,
    check_tokens,
    short_memory_is_told,
)
from unlearn_core.training.consolidation import (
    Importance,
    added,
    importance_of,
)
from unlearn_core.training.loop import OnProgress
from unlearn_core.training.pair import PairMaterials, watch
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import AnswerTable, build_table


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPair:
    """Two frozen small models whose difference is the offset.

    Attributes:
        unlearned: What is added to the base.
        reference: What is taken away from it; of the same shape.
        alpha: Offset strength to serve with; `make_pair` sets it.
    """

    unlearned: PreTrainedModel
    reference: PreTrainedModel
    alpha: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTask:
    """One pair to be made.

    Attributes:
        datasets: What to forget, what to keep, who is a stranger.
        materials: The base, and the pair or the small model to begin with.
        recipe: What is trained and how.
        checkpoints: Where the state is kept; a kept one is continued.
        on_progress: Called with every so many steps, and with the last.
        on_base_done: Called when the base is not needed any more.
        report_every: How many steps lie between two reports.
    """

    datasets: Datasets
    materials: PairMaterials
    recipe: TrainingRecipe
    checkpoints: CheckpointStore
    on_progress: OnProgress
    on_base_done: Callable[[], None] = lambda: None
    report_every: int = 1


class Scheme(Protocol):
    """Makes a pair; a frozen dataclass of hyperparameters.

    Attributes:
        objective: What the pair is trained for, as the manifest names it; None for the
            recipe's own objective. Only such a scheme minds the recipe's objective and
            retain term.
    """

    objective: ClassVar[str | None]

    def __call__(self, task: PairTask) -> OffsetPair:
        """Return the trained pair.

        Raises:
            TrainingDivergedError: A loss or a gradient is not a number.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedSets:
    """The three sets as token ids that every model can read."""

    forget: tuple[TokenizedExample, ...]
    retain: tuple[TokenizedExample, ...]
    strangers: tuple[TokenizedExample, ...]


def make_pair(
    datasets: Datasets,
    *,
    materials: PairMaterials,
    recipe: TrainingRecipe,
    checkpoints: CheckpointStore,
    on_progress: OnProgress,
    on_base_done: Callable[[], None] = lambda: None,
    report_every: int = 1,
) -> OffsetPair:
    """Make the pair for one request by the scheme of the recipe.

    The arguments are those of `PairTask`. A later version is trained as the recipe says
    of later requests, but has the strength of the version before: at another one what
    was forgotten earlier would come back, or stick out. Only the first version's
    strength is calibrated.

    Raises:
        OutOfMemoryError: There is too little memory.
        UnlearnError: Sets, models and recipe do not fit together, or training fails.
    """
    is_first = materials.previous is None
    if not is_first:
        recipe = recipe.for_later_requests()
    alpha = recipe.alpha if is_first else materials.previous_alpha
    task = PairTask(
        datasets=datasets,
        materials=materials,
        recipe=replace(recipe, alpha=alpha),
        checkpoints=checkpoints,
        on_progress=on_progress,
        on_base_done=on_base_done,
        report_every=report_every,
    )
    limits = recipe.limits()
    with short_memory_is_told():
        watched = watch(datasets, materials) if limits and is_first else None
        pair = recipe.pair_scheme()(task)
        if limits and watched:
            alpha = _calibrated(pair, watched, limits=limits, task=task)
    return replace(pair, alpha=alpha)


def importance_after(
    datasets: Datasets, pair: OffsetPair, *, materials: PairMaterials
) -> Importance:
    """Return how much each weight of a new pair matters for all erasures so far.

    Args:
        datasets: The sets that the pair was trained on.
        pair: The new pair.
        materials: What it was made of, the importance for earlier erasures included.
    """
    tokenizer = materials.tokenizer
    own = importance_of(
        pair.unlearned,
        build_table(
            [encode_example(tokenizer, item) for item in datasets.forget.examples],
            base=PlainLaw(materials.base),
            reference=PlainLaw(pair.reference),
            target_NV=None,
            pad_id=tokenizer.pad_id,
            lookup=materials.lookup,
        ),
        alpha=pair.alpha,
        pad_id=tokenizer.pad_id,
    )
    return added(materials.importance, own)


def _calibrated(
    pair: OffsetPair, watched: Watched, *, limits: Limits, task: PairTask
) -> float:
    """Return the strength at which the subject is found where strangers are."""
    preferred = task.recipe.alpha
    strengths = {round(part * preferred, 4) for part in STRENGTHS}
    readings = read_at(
        sorted({preferred, *(item for item in strengths if item <= MAXIMUM_ALPHA)}),
        pair.unlearned,
        _beside(watched, pair.reference, task=task),
        pad_id=task.materials.tokenizer.pad_id,
        precision=task.recipe.precision,
    )
    return choose_alpha(readings, limits=limits, preferred=preferred)


def _beside(watched: Watched, reference: PreTrainedModel, *, task: PairTask) -> Watched:
    """Return what is watched with the laws of another reference."""

    def table(before: AnswerTable) -> AnswerTable:
        laws_NV = own_laws(
            reference,
            before.examples,
            pad_id=task.materials.tokenizer.pad_id,
            precision=task.recipe.precision,
        )
        return replace(before, reference_NV=laws_NV)

    return replace(watched, people=table(watched.people), kept=table(watched.kept))


def encoded_sets(task: PairTask) -> EncodedSets:
    """Check and encode the sets of a scheme that trains small models by themselves.

    Raises:
        EmptyForgetSetError: There is nothing to forget.
        OverlappingSetsError: The same shall be forgotten and kept.
        IncompatibleBaseError: Models or tokenizer have different vocabularies.
        PairTooLargeError: The reference is larger than the base.
        ExampleTooLongError: An example exceeds a context.
    """
    materials, datasets = task.materials, task.datasets
    base, reference = materials.base, materials.reference
    check_sets(datasets)
    check_models(base, reference=reference, previous=materials.previous)

    def encoded(examples: Sequence[Example]) -> tuple[TokenizedExample, ...]:
        rows = tuple(encode_example(materials.tokenizer, item) for item in examples)
        check_tokens(rows, base=base, reference=reference)
        return rows

    return EncodedSets(
        forget=encoded(datasets.forget.examples),
        retain=encoded(datasets.retain.examples),
        strangers=encoded(datasets.holdout.strangers),
    )
