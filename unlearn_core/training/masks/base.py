"""What a parameter mask is given, what it returns, and how it is put on a model.

A mask is a frozen dataclass of hyperparameters with a pure ``__call__``. It is asked
once, before the first step, about the model that training starts from; so a resumed
run computes the same mask again. Evidence is lazy: a mask that needs no gradient
costs none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import Module, ModuleList, Parameter
from transformers import PreTrainedModel

from unlearn_core.errors import InvalidRecipeError

Weights = Mapping[str, Tensor]
"""Tensors by parameter name: gradients, or masks of booleans."""

Losses = Callable[[], Iterator[Tensor]]
"""Yields parts that add up to the mean negative log-probability of true answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskEvidence:
    """What a mask may look at.

    Attributes:
        model: The model that training starts from; what may be trained has gradients.
        forget_losses: How unlikely the served law finds the forget set's answers.
        retain_losses: The same of the retain set.
    """

    model: PreTrainedModel
    forget_losses: Losses
    retain_losses: Losses

    def forget_gradients(self) -> Weights:
        """Return the gradient of the forget set's loss."""
        return gradients_of(self.forget_losses, self.model)

    def retain_gradients(self) -> Weights:
        """Return the gradient of the retain set's loss."""
        return gradients_of(self.retain_losses, self.model)


class ParameterMask(Protocol):
    """Chooses what is trained."""

    def __call__(self, evidence: MaskEvidence) -> Weights:
        """Return booleans for every `trainable` parameter: True is trained."""
        ...


def trainable(model: Module) -> dict[str, Parameter]:
    """Return the parameters that may be trained, by name."""
    return {name: item for name, item in model.named_parameters() if item.requires_grad}


def gradients_of(losses: Losses, model: Module) -> Weights:
    """Return the gradient of a loss that comes in parts, zero where none arrives."""
    parameters = trainable(model)
    sums = {
        name: torch.zeros_like(item, requires_grad=False)
        for name, item in parameters.items()
    }
    for part in losses():
        found = torch.autograd.grad(part, list(parameters.values()), allow_unused=True)
        for name, gradient in zip(parameters, found, strict=True):
            if gradient is not None:
                sums[name] += gradient
    return sums


def apply_mask(model: Module, mask: Weights) -> None:
    """Let only what a mask chooses be trained.

    A parameter of which nothing is chosen is frozen. Of one that is chosen in part,
    the gradient is zero elsewhere, in every backward pass from now on.

    Raises:
        InvalidRecipeError: The mask chooses nothing, or does not fit the model.
    """
    parameters = trainable(model)
    if {name: item.shape for name, item in mask.items()} != {
        name: item.shape for name, item in parameters.items()
    }:
        raise InvalidRecipeError(value="mask", problem="it does not fit the model")
    for name, parameter in parameters.items():
        chosen = mask[name].to(parameter.device)
        if not bool(chosen.any()):
            parameter.requires_grad = False
        elif not bool(chosen.all()):
            parameter.register_hook(chosen.mul)  # type: ignore[no-untyped-call]  # untyped upstream
    if not any(item.requires_grad for item in parameters.values()):
        raise InvalidRecipeError(value="mask", problem="it chooses nothing")


def everywhere(model: Module, *, value: bool) -> dict[str, Tensor]:
    """Return a mask that is the same everywhere."""
    return {
        name: torch.full(item.shape, value, device=item.device)
        for name, item in trainable(model).items()
    }


def largest(scores: Weights, *, share: float) -> dict[str, Tensor]:
    """Return the mask of the largest scores of all parameters together.

    Exactly ``round(share * count)`` are chosen, at least one.
    """
    flat = torch.cat([item.flatten() for item in scores.values()])
    chosen = torch.zeros_like(flat, dtype=torch.bool)
    chosen[flat.topk(max(1, round(share * len(flat)))).indices] = True
    parts = torch.split(chosen, [item.numel() for item in scores.values()])
    return {
        name: part.reshape(scores[name].shape)
        for name, part in zip(scores, parts, strict=True)
    }


def blocks_of(model: PreTrainedModel) -> ModuleList:
    """Return the transformer blocks of a model, lowest first.

    Raises:
        InvalidRecipeError: The model has no list of as many blocks as it says.
    """
    for module in model.modules():
        if (
            isinstance(module, ModuleList)
            and len(module) == model.config.num_hidden_layers
        ):
            return module
    raise InvalidRecipeError(value="mask", problem="the model has no blocks")


def require_share(share: float) -> None:
    """Refuse a share that is not in (0, 1].

    Raises:
        ValueError: It is not.
    """
    if not 0 < share <= 1:
        message = "share must be above 0 and at most 1"
        raise ValueError(message)
