"""PDU: flatten the logits as far as a budget of the retain term allows.

Source: Entesari et al. 2025, arXiv:2506.05314: forget loss and dual ascent. The
function is pure; the multiplier of the retain term changes with every step and is
kept by the training loop, see `Budgeted`.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from unlearn_core.objectives.base import (
    AnswerLaws,
    Teacher,
    require_positive,
    require_weights,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimalDual:
    """Minimise the squared distance of the largest logit from the mean one.

    Attributes:
        retain_budget: What the retain term may cost, in its own unit.
        dual_rate: Step size of dual ascent.
    """

    retain_budget: float = 0.1
    dual_rate: float = 1.0
    teacher: ClassVar[Teacher] = Teacher.NONE

    def __post_init__(self) -> None:
        """Refuse a budget or a rate that cannot be.

        Raises:
            ValueError: The budget is below zero, or the rate not positive.
        """
        require_weights(retain_budget=self.retain_budget)
        require_positive(dual_rate=self.dual_rate)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean squared distance, in nats squared.

        Log-probabilities are logits but for a constant, which cancels.
        """
        spread_N = laws.served_NV.amax(-1) - laws.served_NV.mean(-1)
        return (spread_N**2).mean()
