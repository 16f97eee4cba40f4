"""Negative preference optimisation: gradient ascent that levels off.

Source: Zhang et al. 2024, arXiv:2404.05868. The reference policy is the
base model, not the small reference model: the ensemble is what is being tuned.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from unlearn_core.objectives.base import AnswerLaws, Teacher


@dataclass(frozen=True, slots=True, kw_only=True)
class NegativePreference:
    """Push whole answers below their likelihood under the base model.

    Attributes:
        beta: Inverse temperature; towards 0 the loss becomes gradient ascent.
    """

    beta: float = 0.1
    teacher: ClassVar[Teacher] = Teacher.NONE

    def __post_init__(self) -> None:
        """Refuse a temperature that is none.

        Raises:
            ValueError: ``beta`` is not positive.
        """
        if not self.beta > 0:
            message = "beta must be positive"
            raise ValueError(message)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return ``-2/beta * mean log sigmoid(-beta log(p_served / p_base))``."""
        ratio_E = laws.sequence_log_probs(laws.served_NV) - laws.sequence_log_probs(
            laws.base_NV
        )
        return -2 / self.beta * functional.logsigmoid(-self.beta * ratio_E).mean()
