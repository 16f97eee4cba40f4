"""``divergence``: a small model with the subject beside the same one without.

Source: Divergence Decoding, arXiv:2605.31293, linear variant, and UCD,
arXiv:2506.12097. The side without the subject is trained on the retain set; the side
with the subject is warm-started from it and trained on both sets, so that the two
differ in little but the subject. Both are trained by plain cross-entropy, by
themselves; the base is not involved. Additions of ours: the two sides may not grow
apart about strangers, and a later version continues both sides of the one before.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from transformers import PreTrainedModel

from unlearn_core.modeling.weights import frozen, new_model
from unlearn_core.objectives.base import require_positive
from unlearn_core.training.loop import optimise
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.schemes.alone import (
    OwnLawStepper,
    Part,
    PhaseCheckpoints,
    counted_from,
    cross_entropy,
    likeness,
)
from unlearn_core.training.schemes.base import (
    EncodedSets,
    OffsetPair,
    PairTask,
    encoded_sets,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Train one side without the subject, then the other from it with the subject.

    Attributes:
        retain_steps: Steps on the retain set; those of the recipe follow on both sets.
        from_scratch: 1 if the first version begins with random weights of the
            reference's shape, because the reference knows the subject; 0 if it begins
            with the reference, because it does not.
    """

    objective: ClassVar[str | None] = "cross_entropy"
    retain_steps: float = 600
    from_scratch: float = 1

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: There are no steps, or ``from_scratch`` is neither 0 nor 1.
        """
        require_positive(retain_steps=self.retain_steps)
        if self.from_scratch not in {0, 1}:
            message = "from_scratch must be 0 or 1"
            raise ValueError(message)

    def __call__(self, task: PairTask) -> OffsetPair:
        """Return the side without the subject beside the side with the subject."""
        sets = encoded_sets(task)
        task.on_base_done()
        recipe = task.recipe
        steps = round(self.retain_steps)
        total = steps + recipe.steps
        unlearned = optimise(
            self._start(task),
            lambda model: _without_subject(model, sets, task),
            recipe=replace(recipe, steps=steps),
            checkpoints=PhaseCheckpoints(task.checkpoints, phase=0),
            on_progress=counted_from(task.on_progress, done=0, steps=total),
            report_every=task.report_every,
        )
        continued = task.materials.previous is not None
        reference = optimise(
            task.materials.reference if continued else unlearned,
            lambda model: _with_subject(model, sets, task, unlearned=unlearned),
            recipe=recipe,
            checkpoints=PhaseCheckpoints(task.checkpoints, phase=1),
            on_progress=counted_from(task.on_progress, done=steps, steps=total),
            report_every=task.report_every,
        )
        return OffsetPair(unlearned=unlearned, reference=reference)

    def _start(self, task: PairTask) -> PreTrainedModel:
        """Return where the side without the subject begins."""
        materials = task.materials
        if materials.previous is not None:
            return materials.previous
        if not self.from_scratch:
            return materials.reference
        with torch.random.fork_rng():
            torch.manual_seed(task.recipe.seed)
            config = materials.reference.config
            return frozen(new_model(config, device=materials.reference.device))


def _without_subject(
    model: PreTrainedModel, sets: EncodedSets, task: PairTask
) -> OwnLawStepper:
    recipe = task.recipe
    nothing = Part((), 0, cross_entropy)
    return OwnLawStepper(
        model,
        (nothing, Part(sets.retain, recipe.retain_batch, cross_entropy), nothing),
        recipe=replace(recipe, retain_weight=1.0),
        pad_id=task.materials.tokenizer.pad_id,
    )


def _with_subject(
    model: PreTrainedModel,
    sets: EncodedSets,
    task: PairTask,
    *,
    unlearned: PreTrainedModel,
) -> OwnLawStepper:
    recipe: TrainingRecipe = task.recipe
    pad_id = task.materials.tokenizer.pad_id
    alike = likeness(unlearned, pad_id=pad_id, precision=recipe.precision)
    return OwnLawStepper(
        model,
        (
            Part(sets.forget, recipe.forget_batch, cross_entropy),
            Part(sets.retain, recipe.retain_batch, cross_entropy),
            Part(sets.strangers, recipe.stranger_batch, alike),
        ),
        recipe=recipe,
        pad_id=pad_id,
    )
