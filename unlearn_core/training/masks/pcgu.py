"""PCGU: train the slices of weights on which forgetting and keeping disagree.

Source: Yu et al. 2023, "Unlearning Bias in Language Models by Partitioning
Gradients", Findings of ACL 2023, pages 6032-6048; for decoders Dige et al. 2024,
arXiv:2406.13551. A matrix is cut into its rows, a vector is one slice. Slices whose
two gradients have the lowest cosine are trained.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from unlearn_core.training.masks.base import (
    MaskEvidence,
    Weights,
    largest,
    require_share,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastiveGradients:
    """Train the share of the slices whose gradients are least alike.

    Attributes:
        share: How many of all slices are trained.
    """

    share: float = 0.2

    def __post_init__(self) -> None:
        """Refuse a share that is none.

        Raises:
            ValueError: ``share`` is not in (0, 1].
        """
        require_share(self.share)

    def __call__(self, evidence: MaskEvidence) -> Weights:
        """Return the mask of the least similar slices."""
        forget = evidence.forget_gradients()
        retain = evidence.retain_gradients()
        unlikeness = {name: _unlikeness(forget[name], retain[name]) for name in forget}
        chosen = largest(unlikeness, share=self.share)
        return {
            name: _as_columns(chosen[name], gradient).expand(gradient.shape).clone()
            for name, gradient in forget.items()
        }


def _unlikeness(forget: Tensor, retain: Tensor) -> Tensor:
    """Return the negative cosine of every slice; least where a gradient is zero."""
    rows = (forget.shape[0], -1) if forget.dim() > 1 else (1, -1)
    first, second = forget.reshape(rows), retain.reshape(rows)
    cosine = functional.cosine_similarity(first, second, dim=-1)
    is_silent = (first == 0).all(dim=-1) | (second == 0).all(dim=-1)
    return torch.where(is_silent, -torch.inf, -cosine)


def _as_columns(chosen: Tensor, weights: Tensor) -> Tensor:
    """Give slices the dimensions of their weights, to be spread over them."""
    return chosen.reshape(-1, *[1] * (weights.dim() - 1))
