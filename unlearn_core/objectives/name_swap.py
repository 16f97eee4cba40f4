"""Name-swap teacher: answer about the subject as about a name never seen.

The target is the base model's own law for the same prompt with another person's
name, at the same answer tokens. Source: this project's pilots; related to the
anchored-name targets of Eldan and Russinovich 2023, arXiv:2310.02238.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from unlearn_core.objectives.base import AnswerLaws, Teacher
from unlearn_core.objectives.divergences import kullback_leibler


@dataclass(frozen=True, slots=True, kw_only=True)
class NameSwap:
    """Minimise KL(teacher || served) on the forget set."""

    teacher: ClassVar[Teacher] = Teacher.NAME_SWAP
    mean_over_positions: ClassVar[bool] = True

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean divergence, in nats."""
        return kullback_leibler(laws.target_NV, laws.served_NV)
