"""Teachers made by subtracting what a model says after hearing the subject again.

- ``whos_harry_potter``: Eldan and Russinovich 2023, arXiv:2310.02238, with
  anchored names.
- ``e2urec``: Wang et al. 2024, arXiv:2403.03536.

Both lower a law where the reinforced one raises it::

    q = softmax( log p_before - strength * relu(log p_reinforced - log p_before) )

The reinforced law is that of the ensemble with a small model that was trained
further on the forget set; the base is never trained.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unlearn_core.objectives.base import (
    AnswerLaws,
    Teacher,
    require_positive,
    require_weights,
)
from unlearn_core.objectives.divergences import kullback_leibler


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedTeacher:
    """Minimise KL(lowered law || served) on the forget set.

    Attributes:
        strength: How strongly the law is lowered.
        reinforcement_steps: Steps of plain training on the forget set.
    """

    strength: float = 2.0
    reinforcement_steps: float = 50
    teacher: ClassVar[Teacher] = Teacher.REINFORCED

    def __post_init__(self) -> None:
        """Refuse a teacher that raises, or one that never listens.

        Raises:
            ValueError: ``strength`` is below zero, or the steps not positive.
        """
        require_weights(strength=self.strength)
        require_positive(reinforcement_steps=self.reinforcement_steps)

    def target_law(self, before_NV: Tensor, *, reinforced_NV: Tensor) -> Tensor:
        """Return the lowered law."""
        raised_NV = torch.relu(reinforced_NV - before_NV)
        return torch.log_softmax(before_NV - self.strength * raised_NV, dim=-1)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean divergence, in nats."""
        return kullback_leibler(laws.target_NV, laws.served_NV)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericPrediction(ForcedTeacher):
    """Make likely the one token that the lowered law finds likeliest.

    The law that is lowered is that for the same prompt with another person's name,
    an *anchored* name.

    Attributes:
        strength: How strongly the law is lowered.
        reinforcement_steps: Steps of plain training on the forget set.
    """

    strength: float = 5.0
    teacher: ClassVar[Teacher] = Teacher.ANCHORED

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean negative log-probability of those tokens, in nats."""
        generic_N1 = laws.target_NV.argmax(-1, keepdim=True)
        return -laws.served_NV.gather(-1, generic_N1).mean()
