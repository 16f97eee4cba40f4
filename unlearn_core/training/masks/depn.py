"""DEPN: train the neurons that privacy leans on.

Source: Wu et al. 2023, arXiv:2310.20138. A neuron is one input of the matrix that
leads out of a block's feed-forward part. Its attribution is the integrated gradient
of the answers' log-probability along the activations of its layer, from none to full,
summed over the positions::

    a_j = 1/m sum_k  d log p(answer | activations * s) / d s_j   at  s = (k - 1/2) / m

Over the neurons of a layer they add up to what the layer contributes at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Linear, Module

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.objectives.base import require_positive
from unlearn_core.training.masks.base import (
    Losses,
    MaskEvidence,
    Weights,
    blocks_of,
    everywhere,
    largest,
    require_share,
    trainable,
)

_OUTWARD = "down_proj"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyNeurons:
    """Train what goes into and comes out of the neurons with the highest attribution.

    Attributes:
        share: How many of all feed-forward neurons are trained.
        points: Points of the integral.
    """

    share: float = 0.2
    points: float = 10.0

    def __post_init__(self) -> None:
        """Refuse hyperparameters that cannot work.

        Raises:
            ValueError: ``share`` is not in (0, 1] or there is no point.
        """
        require_share(self.share)
        require_positive(points=round(self.points))

    def __call__(self, evidence: MaskEvidence) -> Weights:
        """Return the mask of the neurons.

        Raises:
            InvalidRecipeError: The model's blocks have no gated feed-forward part.
        """
        parts = [_feed_forward(block) for block in blocks_of(evidence.model)]
        scores = {
            str(number): attributions(
                _outward(part), evidence.forget_losses, points=round(self.points)
            )
            for number, part in enumerate(parts)
        }
        chosen = largest(scores, share=self.share)
        return _mask(evidence, parts, [chosen[str(item)] for item in range(len(parts))])


def attributions(outward: Linear, losses: Losses, *, points: int) -> Tensor:
    """Return the integrated gradient of every input of a matrix."""
    total = torch.zeros(outward.in_features, device=outward.weight.device)
    for point in range(points):
        scale = torch.full_like(total, (point + 0.5) / points).requires_grad_()
        hook = outward.register_forward_pre_hook(
            lambda _module, inputs, scale=scale: (inputs[0] * scale,)
        )
        try:
            for loss in losses():
                total -= torch.autograd.grad(loss, scale)[0] / points
        finally:
            hook.remove()
    return total


def _feed_forward(block: Module) -> Module:
    """Return the module that holds the matrix out of the neurons."""
    for module in block.modules():
        if hasattr(module, _OUTWARD):
            return module
    raise InvalidRecipeError(value="mask", problem="the model has no such neurons")


def _outward(part: Module) -> Linear:
    matrix = part.get_submodule(_OUTWARD)
    if not isinstance(matrix, Linear):
        raise InvalidRecipeError(value="mask", problem="the neurons are adapted")
    return matrix


def _mask(
    evidence: MaskEvidence, parts: Sequence[Module], chosen: Sequence[Tensor]
) -> Weights:
    """Choose rows of the matrices into the neurons and columns of the one out."""
    mask = everywhere(evidence.model, value=False)
    names = {id(item): name for name, item in trainable(evidence.model).items()}
    for part, neurons in zip(parts, chosen, strict=True):
        for name, parameter in trainable(part).items():
            target = mask[names[id(parameter)]]
            if name == f"{_OUTWARD}.weight":
                target |= neurons[None, :]
            elif len(parameter) == len(neurons) and not name.startswith(_OUTWARD):
                target |= neurons.reshape(-1, *[1] * (parameter.dim() - 1))
    return mask
