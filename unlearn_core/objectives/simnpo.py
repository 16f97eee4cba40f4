"""SimNPO: negative preference without a reference, answers weighed by their length.

Source: Fan et al. 2024, arXiv:2410.07163.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from unlearn_core.objectives.base import AnswerLaws, Teacher, require_positive


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleNegativePreference:
    """Push the mean log-probability of a token down, whatever the base says.

    Attributes:
        beta: Inverse temperature.
        margin: How far beyond the turning point the loss still pulls.
    """

    beta: float = 4.5
    margin: float = 0.0
    teacher: ClassVar[Teacher] = Teacher.NONE

    def __post_init__(self) -> None:
        """Refuse a temperature that is none.

        Raises:
            ValueError: ``beta`` is not positive.
        """
        require_positive(beta=self.beta)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return ``-2/beta * mean log sigmoid(-beta/|y| log p_served - margin)``."""
        length_E = laws.sum_per_example(torch.ones_like(laws.served_NV[:, 0]))
        mean_E = laws.sequence_log_probs(laws.served_NV) / length_E
        turned_E = functional.logsigmoid(-self.beta * mean_E - self.margin)
        return -2 / self.beta * turned_E.mean()
