"""From datasets and models to a trained offset pair.

The laws that training learns from are those of the model *as served before*: the
base itself for the first version, base plus the previous offset for every later
one. So what was forgotten earlier is a target like everything else that shall stay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Datasets, Example
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import (
    ChatTokenizer,
    TokenizedExample,
    encode_example,
)
from unlearn_core.objectives.base import Teacher
from unlearn_core.training.checkpoints import CheckpointStore
from unlearn_core.training.loop import (
    TrainingProgress,
    TrainingTables,
    train_unlearned,
)
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import (
    AnswerTable,
    answer_laws,
    build_table,
    swapped_laws,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMaterials:
    """The models that a pair is made with.

    Attributes:
        base: The base model.
        tokenizer: Its tokenizer, shared by all models.
        reference: The frozen small model.
        previous: The unlearned model in service, if any.
        previous_alpha: Its offset strength.
    """

    base: PreTrainedModel
    tokenizer: ChatTokenizer
    reference: PreTrainedModel
    previous: PreTrainedModel | None = None
    previous_alpha: float = 1.0

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


def make_unlearned(
    datasets: Datasets,
    *,
    materials: PairMaterials,
    recipe: TrainingRecipe,
    checkpoints: CheckpointStore,
    on_progress: Callable[[TrainingProgress], None],
) -> PreTrainedModel:
    """Train the unlearned model for one request; see `train_unlearned` for errors."""
    return train_unlearned(
        materials.previous or materials.reference,
        tables=build_tables(datasets, materials=materials, recipe=recipe),
        recipe=recipe,
        pad_id=materials.tokenizer.pad_id,
        checkpoints=checkpoints,
        on_progress=on_progress,
    )


def build_tables(
    datasets: Datasets, *, materials: PairMaterials, recipe: TrainingRecipe
) -> TrainingTables:
    """Compute every law that stays constant during training."""
    forget = _encode(datasets.forget.examples, materials.tokenizer)
    twins = _encode(
        _teaching_twins(datasets, recipe),
        materials.tokenizer,
    )
    taught = (
        swapped_laws(
            materials.law_before, forget, twins, pad_id=materials.tokenizer.pad_id
        )
        if twins
        else None
    )
    return TrainingTables(
        forget=_table(forget, materials, taught),
        retain=_kept_table(datasets.retain.examples, materials),
        strangers=_kept_table(datasets.holdout.strangers, materials),
    )


def _teaching_twins(datasets: Datasets, recipe: TrainingRecipe) -> Sequence[Example]:
    """Return the examples whose law the objective learns from.

    The recipe's seed chooses the version, so a later rung of the ladder learns from
    another twin.
    """
    forget = datasets.forget
    teacher = recipe.forget_objective().teacher
    if teacher is Teacher.NONE:
        return ()
    twins = forget.twins[recipe.seed % len(forget.twins)]
    if teacher is Teacher.TWIN:
        return twins
    return [
        replace(example, prompt=twin.prompt)
        for example, twin in zip(forget.examples, twins, strict=True)
    ]


def _kept_table(examples: Sequence[Example], materials: PairMaterials) -> AnswerTable:
    """Compute the laws of examples whose answers shall stay as they are served."""
    encoded = _encode(examples, materials.tokenizer)
    if materials.previous is None:
        return _table(encoded, materials, None)
    served_NV = answer_laws(
        materials.law_before, encoded, pad_id=materials.tokenizer.pad_id
    )
    return _table(encoded, materials, served_NV)


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
    )


def _encode(
    examples: Sequence[Example], tokenizer: ChatTokenizer
) -> list[TokenizedExample]:
    return [encode_example(tokenizer, example) for example in examples]
