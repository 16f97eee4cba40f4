"""Low-rank adapters: train little beside frozen weights, and add it to them at the end.

A matrix W of the model is used as ``W + (lora_alpha / r) B A`` with A of r rows and B
of r columns, B zero at the start (Hu et al. 2021, arXiv:2106.09685, section 4.1). Only
A and B are trained. The trained model has them added in, so it is stored, verified and
served like one that was trained in full.
"""

import copy
from dataclasses import dataclass

import torch
from peft import LoraConfig, LoraModel
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.weights import frozen
from unlearn_core.training.recipe import TrainingRecipe

EVERY_LINEAR_LAYER = "all-linear"
"""Every linear layer but the one that gives the logits."""


@dataclass(frozen=True, slots=True)
class Trainee:
    """A copy of a small model that is ready to be trained.

    Attributes:
        model: What is run; exactly what shall be trained requires gradients.
        adapted: The same with its adapters' bookkeeping; None when all is trained.
    """

    model: PreTrainedModel
    adapted: LoraModel | None

    def finish(self) -> PreTrainedModel:
        """Return the trained model, adapters added in, frozen."""
        if self.adapted is not None:
            # Puts the merged layers into the very model that was adapted.
            self.adapted.merge_and_unload(safe_merge=True)
        return frozen(self.model)


def trainee_of(start: PreTrainedModel, *, recipe: TrainingRecipe) -> Trainee:
    """Copy a model and choose what of it is trained: everything, or adapters.

    The copy is in evaluation mode: dropout would make a pair differ before it is
    trained, and a resumed run differ from an unbroken one.

    Raises:
        InvalidRecipeError: No layer has one of the names in ``lora_targets``.
    """
    model = copy.deepcopy(start).train(mode=False)
    if recipe.lora_rank:
        trainee = Trainee(model, _adapted(model, recipe))
    else:
        trainee = Trainee(model.requires_grad_(requires_grad=True), None)
    if recipe.recompute:
        _keep_no_activations(model)
    return trainee


def _adapted(model: PreTrainedModel, recipe: TrainingRecipe) -> LoraModel:
    """Put adapters into a model; they alone require gradients.

    Raises:
        InvalidRecipeError: No layer has one of the names in ``lora_targets``.
    """
    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,  # type: ignore[arg-type]  # a number is enough
        target_modules=list(recipe.lora_targets) or EVERY_LINEAR_LAYER,
        lora_dropout=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        try:
            adapted = LoraModel(model, config, "default")
        except ValueError:
            raise InvalidRecipeError(value="lora_targets") from None
    adapted.train(mode=False)
    return adapted


def _keep_no_activations(model: PreTrainedModel) -> None:
    """Make every layer compute its activations again when gradients want them.

    Chen et al. 2016, arXiv:1604.06174. The library does so for layers in training mode
    only; what is inside of them, dropout included, stays in evaluation mode.
    """
    model.activation_checkpointing_enable()
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.training = True
