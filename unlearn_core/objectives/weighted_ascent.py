"""Gradient ascent whose tokens are weighed by how well they are known.

- ``wga``: Wang et al. 2025, arXiv:2502.19301.
- ``satimp``: Yang et al. 2025, arXiv:2505.11953.

Weights are constants: no gradient flows through them.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unlearn_core.objectives.base import AnswerLaws, Teacher, require_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedAscent:
    """Push tokens down in proportion to a power of their probability.

    Attributes:
        beta: The power; 0 is gradient ascent.
    """

    beta: float = 1.0
    teacher: ClassVar[Teacher] = Teacher.NONE

    def __post_init__(self) -> None:
        """Refuse a power that would chase forgotten tokens.

        Raises:
            ValueError: ``beta`` is below zero.
        """
        require_weights(beta=self.beta)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return ``mean p^beta log p`` over the true tokens."""
        log_probs_N = laws.label_log_probs(laws.served_NV)
        weights_N = (self.beta * log_probs_N).exp().detach()
        return (weights_N * log_probs_N).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class SaturationImportance:
    """Push hardest where a token is well known but not certain.

    Attributes:
        saturation: Power of the probability.
        importance: Power of what is missing to certainty.
    """

    saturation: float = 5.0
    importance: float = 1.0
    teacher: ClassVar[Teacher] = Teacher.NONE

    def __post_init__(self) -> None:
        """Refuse powers that would chase forgotten or certain tokens.

        Raises:
            ValueError: One is below zero.
        """
        require_weights(saturation=self.saturation, importance=self.importance)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return ``mean p^saturation (1 - p)^importance log p``."""
        log_probs_N = laws.label_log_probs(laws.served_NV)
        known_N = log_probs_N.detach()
        missing_N = torch.expm1(known_N).neg()
        weights_N = (self.saturation * known_N).exp() * missing_N**self.importance
        return (weights_N * log_probs_N).mean()
