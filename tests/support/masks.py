"""Evidence for parameter masks, about weights whose gradients are given."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import Module, Parameter

from unlearn_core.training.masks.base import MaskEvidence


class Weights(Module):
    """Named weights and nothing else."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, values in weights.items():
            self.register_parameter(name, Parameter(values))


def evidence_of(
    weights: Mapping[str, Tensor],
    *,
    forget: Mapping[str, Tensor],
    retain: Mapping[str, Tensor],
) -> MaskEvidence:
    """Return evidence about some weights whose gradients are given.

    The losses are ``sum(gradient * weight)``, in two equal parts.
    """
    model = Weights(weights)

    def losses(gradients: Mapping[str, Tensor]) -> Iterator[Tensor]:
        for _ in range(2):
            yield torch.stack(
                [
                    (gradients[name] * item).sum() / 2
                    for name, item in model.named_parameters()
                ]
            ).sum()

    return MaskEvidence(
        model=model,  # type: ignore[arg-type]  # weights are all that is looked at
        forget_losses=lambda: losses(forget),
        retain_losses=lambda: losses(retain),
    )
