"""``assistant``: take away a small model that knows the subject and nothing else.

Source: ULD, Ji et al. 2024, arXiv:2406.08607, eqs. 2 to 5. An assistant is trained to
state what shall be forgotten and to be even about everything else; the served law is
the base less the assistant. As a pair: the assistant is the reference, and the
unlearned side is the same network with its output layer at zero, whose law is uniform.
So the served law is the paper's, and pair, manifest and serving are those of any other
scheme.

Where we differ from the published code: both laws are log-probabilities before they
are subtracted, so no arbitrary zero point of the logits moves anything; the whole
vocabulary is used, with no filter and no infinity, so what is scored is what is
generated; evenness is KL(uniform || assistant) on the retain set and on strangers.
"""

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
from transformers import PreTrainedModel

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.weights import frozen, new_model, output_head
from unlearn_core.objectives.base import require_weights, require_whole
from unlearn_core.training.loop import optimise
from unlearn_core.training.schemes.alone import (
    OwnLawStepper,
    Part,
    cross_entropy,
    unevenness,
)
from unlearn_core.training.schemes.base import OffsetPair, PairTask, encoded_sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """Train the reference side; the unlearned side stays uniform.

    Attributes:
        layers: How many layers of the base the assistant begins with, for an open
            base, with adapters as the recipe says; 0 begins with the reference.
    """

    objective: ClassVar[str | None] = "cross_entropy_uniform"
    layers: float = 0

    def __post_init__(self) -> None:
        """Refuse what is no number of layers.

        Raises:
            ValueError: It is below zero or not whole.
        """
        require_weights(layers=self.layers)
        require_whole(layers=self.layers)

    def __call__(self, task: PairTask) -> OffsetPair:
        """Return a uniform law beside the trained assistant."""
        sets, recipe = encoded_sets(task), task.recipe
        parts = (
            Part(sets.forget, recipe.forget_batch, cross_entropy),
            Part(sets.retain, recipe.retain_batch, unevenness),
            Part(sets.strangers, recipe.stranger_batch, unevenness),
        )
        start = self._start(task)
        task.on_base_done()
        assistant = optimise(
            start,
            lambda model: OwnLawStepper(
                model, parts, recipe=recipe, pad_id=task.materials.tokenizer.pad_id
            ),
            recipe=recipe,
            checkpoints=task.checkpoints,
            on_progress=task.on_progress,
            report_every=task.report_every,
        )
        return OffsetPair(unlearned=silenced(assistant), reference=assistant)

    def _start(self, task: PairTask) -> PreTrainedModel:
        """Return where the assistant begins: the one in service, if there is one."""
        materials = task.materials
        if materials.previous is not None:
            if not is_silent(materials.previous):
                raise InvalidRecipeError(
                    value="scheme", problem="another scheme's version is in service"
                )
            return materials.reference
        return first_layers(materials.base, round(self.layers)) or materials.reference


def silenced(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy whose output layer is zero, so that its law is uniform."""
    quiet = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in output_head(quiet).parameters():
            parameter.zero_()
    return frozen(quiet)


def is_silent(model: PreTrainedModel) -> bool:
    """Tell whether a model's output layer is zero."""
    return not any(bool(item.any()) for item in output_head(model).parameters())


def first_layers(base: PreTrainedModel, layers: int) -> PreTrainedModel | None:
    """Return the base with its first layers only, in float32; None for no layers.

    Raises:
        InvalidRecipeError: The base has fewer layers.
    """
    if not layers:
        return None
    config = copy.deepcopy(base.config)
    if layers > config.num_hidden_layers:
        raise InvalidRecipeError(value="scheme_parameters", problem="too many layers")
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    model = new_model(config, device=base.device)
    own = base.state_dict()
    model.load_state_dict({name: own[name] for name in model.state_dict()})
    return frozen(model)
