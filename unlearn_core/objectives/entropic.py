"""Objectives that speak of the entropy of the answer instead of the answer.

- ``maximum_entropy``: Yuan et al. 2024, arXiv:2410.08109 (ME).
- ``npo_entropy``: the entropy term of Scholten et al. 2024, arXiv:2410.03523,
  on top of NPO.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from unlearn_core.objectives.base import AnswerLaws, Teacher, require_weights
from unlearn_core.objectives.divergences import entropy
from unlearn_core.objectives.npo import NegativePreference


@dataclass(frozen=True, slots=True, kw_only=True)
class MaximumEntropy:
    """Minimise KL(uniform || served): every token shall be as likely as any other."""

    teacher: ClassVar[Teacher] = Teacher.NONE

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean divergence, in nats."""
        vocabulary = laws.served_NV.shape[-1]
        return -laws.served_NV.mean() - math.log(vocabulary)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropicNegativePreference:
    """NPO that also narrows what is answered instead, so that samples leak less.

    Attributes:
        beta: Inverse temperature of NPO.
        entropy_weight: Weight of the entropy on the forget set.
    """

    beta: float = 0.1
    entropy_weight: float = 1.0
    teacher: ClassVar[Teacher] = Teacher.NONE

    def __post_init__(self) -> None:
        """Refuse hyperparameters that cannot be.

        Raises:
            ValueError: ``beta`` is not positive, or the weight is below zero.
        """
        NegativePreference(beta=self.beta)
        require_weights(entropy_weight=self.entropy_weight)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the NPO loss plus the weighted mean entropy."""
        preference = NegativePreference(beta=self.beta)(laws)
        return preference + self.entropy_weight * entropy(laws.served_NV)
