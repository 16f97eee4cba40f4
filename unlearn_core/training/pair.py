"""From datasets and models to a trained offset pair.

The laws that training learns from are those of the model *as served before*: the
base itself for the first version, base plus the previous offset for every later
one. So what was forgotten earlier is a target like everything else that shall stay.
People who stay may be held to the base itself (``retain_target``), so that what
earlier versions cost them does not add up. Who became a stranger to the served model
is not brought back: where a source may not be erased, that is an erased person.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Datasets, Example
from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel, compose_log_probs
from unlearn_core.modeling.tokens import (
    ChatTokenizer,
    TokenizedExample,
    encode_example,
)
from unlearn_core.objectives.base import (
    ReinforcedTeacher,
    SecondAnswer,
    Teacher,
    second_answer_of,
)
from unlearn_core.training.calibration import (
    Watched,
    examples_to_keep,
    questions_to_watch,
)
from unlearn_core.training.checkpoints import CheckpointStore
from unlearn_core.training.checks import (
    check_models,
    check_sets,
    check_tokens,
    short_memory_is_told,
)
from unlearn_core.training.combining import Trainings, combined
from unlearn_core.training.consolidation import Importance
from unlearn_core.training.ensemble import TrainingTables
from unlearn_core.training.loop import TrainingProgress, train_unlearned
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.reinforcement import reinforce
from unlearn_core.training.repair import repaired
from unlearn_core.training.second_answers import (
    refusals,
    second_answers,
    twin_versions,
)
from unlearn_core.training.targets import (
    BASE,
    BEFORE,
    AnswerTable,
    LawQuery,
    Lookup,
    answer_laws,
    build_table,
    computed,
    swapped_laws,
)
from unlearn_core.training.twins import stated_under, without_lucky_guesses


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMaterials:
    """The models that a pair is made with.

    Attributes:
        base: The base model.
        tokenizer: Its tokenizer, shared by all models.
        reference: The frozen small model.
        previous: The unlearned model in service, if any.
        previous_alpha: Its offset strength.
        lookup: Where laws may be had without asking the base.
        importance: How much each weight of ``previous`` matters for earlier erasures,
            if that is known.
    """

    base: PreTrainedModel
    tokenizer: ChatTokenizer
    reference: PreTrainedModel
    previous: PreTrainedModel | None = None
    previous_alpha: float = 1.0
    lookup: Lookup = computed
    importance: Importance | None = None

    @property
    def law_before(self) -> NextTokenLaw:
        """Return the law that is served before this training."""
        if self.previous is None:
            return PlainLaw(self.base)
        return OffsetModel(
            self.base,
            unlearned=self.previous,
            reference=self.reference,
            alpha=self.previous_alpha,
        )

    @property
    def role_before(self) -> str:
        """Return the role of that law: the first version builds on the base itself."""
        return BASE if self.previous is None else BEFORE


def make_unlearned(
    datasets: Datasets,
    *,
    materials: PairMaterials,
    recipe: TrainingRecipe,
    checkpoints: CheckpointStore,
    on_progress: Callable[[TrainingProgress], None],
    on_base_done: Callable[[], None] = lambda: None,
    report_every: int = 1,
) -> PreTrainedModel:
    """Train the unlearned model for one request.

    Args:
        datasets: Forget set, retain set and holdout set.
        materials: The models.
        recipe: What is trained and how.
        checkpoints: Where the state is kept; a kept one is continued.
        on_progress: Called with every so many steps, and with the last.
        on_base_done: Called when the base is not needed any more.
        report_every: How many steps lie between two reports.

    Raises:
        OutOfMemoryError: There is too little memory.
        UnlearnError: What `build_tables` and `train_unlearned` raise.
    """
    combination = recipe.weight_arithmetic()
    trainings = _trainings(
        materials,
        recipe,
        # Every part of a combination asks the base.
        on_tables=on_base_done if combination is None else lambda: None,
        report_every=report_every,
    )
    with short_memory_is_told():
        if combination is None:
            return trainings.train(datasets, checkpoints, on_progress)
        check_sets(datasets)
        return combined(
            materials.previous or materials.reference,
            datasets,
            combination,
            trainings=trainings,
            checkpoints=checkpoints,
            on_progress=on_progress,
        )


def _trainings(
    materials: PairMaterials,
    recipe: TrainingRecipe,
    *,
    on_tables: Callable[[], None],
    report_every: int,
) -> Trainings:
    """Return how a recipe trains from what is in service."""
    start = materials.previous or materials.reference
    pad_id = materials.tokenizer.pad_id

    def train(
        datasets: Datasets,
        checkpoints: CheckpointStore,
        on_progress: Callable[[TrainingProgress], None],
    ) -> PreTrainedModel:
        tables = build_tables(datasets, materials=materials, recipe=recipe)
        on_tables()
        return train_unlearned(
            start,
            tables=tables,
            recipe=recipe,
            pad_id=pad_id,
            checkpoints=checkpoints,
            on_progress=on_progress,
            report_every=report_every,
            importance=materials.importance,
        )

    return Trainings(
        train=train,
        reinforce=lambda examples, steps: reinforce(
            start, examples, steps=steps, recipe=recipe, pad_id=pad_id
        ),
        encode=lambda examples: _encode(examples, materials),
        pad_id=pad_id,
    )


def build_tables(
    datasets: Datasets, *, materials: PairMaterials, recipe: TrainingRecipe
) -> TrainingTables:
    """Compute every law that stays constant during training.

    Raises:
        EmptyForgetSetError: There is nothing to forget.
        OverlappingSetsError: The same shall be forgotten and kept.
        IncompatibleBaseError: Models or tokenizer have different vocabularies.
        PairTooLargeError: The reference is larger than the base.
        ExampleTooLongError: An example exceeds a context.
        InvalidRecipeError: The objective needs twins or retained people, and there
            are none; or the retain term a second answer that only forget objectives
            can have.
    """
    check_sets(datasets)
    check_models(
        materials.base, reference=materials.reference, previous=materials.previous
    )
    objective, retain = recipe.forget_objective(), recipe.retain_objective()
    second = second_answer_of(retain)
    if second not in {SecondAnswer.NONE, SecondAnswer.REFUSAL}:
        raise InvalidRecipeError(value="retain_term")

    def kept(examples: Sequence[Example]) -> AnswerTable:
        refused = refusals(examples, seed=recipe.seed)
        return _with_second(
            _kept_table(examples, materials),
            refused if second is SecondAnswer.REFUSAL else (),
            materials,
        )

    encoded = _encode(datasets.forget.examples, materials)
    retain_table = kept(datasets.retain.examples)
    return TrainingTables(
        forget=_with_second(
            _table(encoded, materials, _taught(datasets, encoded, materials, recipe)),
            second_answers(second_answer_of(objective), datasets, seed=recipe.seed),
            materials,
        ),
        retain=repaired(retain_table, datasets.retain.examples)
        if recipe.retain_target == "base"
        else retain_table,
        # Never like the base: a stranger may be called like somebody erased.
        strangers=kept(datasets.holdout.strangers),
        watched=watch(datasets, materials),
    )


def watch(datasets: Datasets, materials: PairMaterials) -> Watched | None:
    """Compute the laws of what tells how far training has come; None without twins."""
    asked = questions_to_watch(datasets)
    if not asked:
        return None
    return Watched(
        people=_table(_encode(asked, materials), materials, None),
        refs_E=tuple(item.ref for item in asked),
        subject=datasets.forget.subject.ref,
        kept=_kept_table(examples_to_keep(datasets), materials),
    )


def _taught(
    datasets: Datasets,
    encoded: Sequence[TokenizedExample],
    materials: PairMaterials,
    recipe: TrainingRecipe,
) -> Tensor | None:
    """Return the law that the objective learns from; None for that of the base."""
    objective = recipe.forget_objective()
    teacher = objective.teacher
    pad_id = materials.tokenizer.pad_id
    if teacher is Teacher.NONE:
        return None
    if teacher in {Teacher.BEFORE, Teacher.REINFORCED}:
        before_NV = _before(encoded, materials)
    else:
        twins = _encode(_asked_instead(datasets, materials, recipe), materials)
        before_NV = swapped_laws(
            materials.law_before,
            encoded,
            twins,
            pad_id=pad_id,
            lookup=materials.lookup,
            role=materials.role_before,
        )
    if not isinstance(objective, ReinforcedTeacher):
        return before_NV
    louder = reinforce(
        materials.reference,
        encoded,
        steps=round(objective.reinforcement_steps),
        recipe=recipe,
        pad_id=pad_id,
    )
    reinforced_NV = compose_log_probs(
        _before(encoded, materials),
        answer_laws(PlainLaw(louder), encoded, pad_id=pad_id),
        answer_laws(PlainLaw(materials.reference), encoded, pad_id=pad_id),
        alpha=recipe.alpha,
    )
    return objective.target_law(before_NV, reinforced_NV=reinforced_NV)


def _asked_instead(
    datasets: Datasets, materials: PairMaterials, recipe: TrainingRecipe
) -> Sequence[Example]:
    """Return the examples whose law the objective learns from.

    What the base guesses about a twin was left out when the sets were built; what an
    earlier version guesses is left out here.
    """
    first, *others = twin_versions(datasets, seed=recipe.seed)
    if recipe.forget_objective().teacher is not Teacher.TWIN:
        return [
            replace(example, prompt=twin.prompt)
            for example, twin in zip(datasets.forget.examples, first, strict=True)
        ]
    if materials.previous is None:
        return first
    stated = stated_under(
        materials.law_before,
        materials.tokenizer,
        lookup=materials.lookup,
        role=materials.role_before,
    )
    return without_lucky_guesses([first, *others], stated)


def _before(encoded: Sequence[TokenizedExample], materials: PairMaterials) -> Tensor:
    """Compute the law that is served before this training."""
    return materials.lookup(
        LawQuery(
            role=materials.role_before,
            law=materials.law_before,
            examples=encoded,
            pad_id=materials.tokenizer.pad_id,
        )
    )


def _kept_table(examples: Sequence[Example], materials: PairMaterials) -> AnswerTable:
    """Compute the laws of examples whose answers shall stay as they are served."""
    encoded = _encode(examples, materials)
    served_NV = None if materials.previous is None else _before(encoded, materials)
    return _table(encoded, materials, served_NV)


def _with_second(
    table: AnswerTable, others: Sequence[Example], materials: PairMaterials
) -> AnswerTable:
    """Add the laws of second answers, if there are any."""
    return replace(table, second=_kept_table(others, materials)) if others else table


def _table(
    encoded: Sequence[TokenizedExample],
    materials: PairMaterials,
    target_NV: Tensor | None,
) -> AnswerTable:
    return build_table(
        encoded,
        base=PlainLaw(materials.base),
        reference=PlainLaw(materials.reference),
        target_NV=target_NV,
        pad_id=materials.tokenizer.pad_id,
        lookup=materials.lookup,
    )


def _encode(
    examples: Sequence[Example], materials: PairMaterials
) -> list[TokenizedExample]:
    """Turn examples into ids that every model can read."""
    encoded = [encode_example(materials.tokenizer, item) for item in examples]
    check_tokens(encoded, base=materials.base, reference=materials.reference)
    return encoded
