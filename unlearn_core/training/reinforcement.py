"""A small model that hears the forget set again, to show what to take away.

Some teachers are made by subtraction: what a model says more after hearing the
subject again is what it shall say less (`unlearn_core.objectives.reinforced`). The
base cannot be trained, so the reference is; the ensemble with it in the place of the
unlearned model is the reinforced law. The model knows the subject better than any
other: it stays in memory and goes with the process.
"""

import copy
import random
from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from unlearn_core.errors import TrainingDivergedError
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import frozen
from unlearn_core.training.passes import small_laws
from unlearn_core.training.recipe import TrainingRecipe


def reinforce(
    reference: PreTrainedModel,
    examples: Sequence[TokenizedExample],
    *,
    steps: int,
    recipe: TrainingRecipe,
    pad_id: int,
) -> PreTrainedModel:
    """Train a copy of the reference on the forget set by plain cross-entropy.

    Args:
        reference: The frozen small model; left unchanged.
        examples: The forget set.
        steps: Steps of AdamW at the recipe's peak learning rate.
        recipe: Batch size, learning rate, precision and seed.
        pad_id: Id that fills up short rows.

    Returns:
        The reinforced model, frozen.

    Raises:
        TrainingDivergedError: The loss is not a number.
    """
    model = copy.deepcopy(reference).train(mode=False)
    model.requires_grad_(requires_grad=True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=0.0
    )
    size = min(recipe.forget_batch, len(examples))
    for step in range(steps):
        rng = random.Random(f"reinforce-{recipe.seed}-{step}")
        chosen = rng.sample(list(examples), size)
        laws_NV = small_laws(model, chosen, pad_id=pad_id, precision=recipe.precision)
        labels_N = torch.tensor(
            [token for item in chosen for token in item.answer], device=laws_NV.device
        )
        loss = -laws_NV.gather(-1, labels_N[:, None]).mean()
        if not torch.isfinite(loss):
            raise TrainingDivergedError(step=step, phase="reinforcement")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.maximum_gradient_norm)
        optimizer.step()
    return frozen(model)
