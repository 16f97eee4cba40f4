"""Gradient ascent: make the forgotten answers less likely, without bound.

Source: Jang et al. 2023, arXiv:2210.01504, written on the ensemble as in
Huang et al. 2024, arXiv:2404.11045. With the retain term ``kl`` it is GA+KL, with
``descent`` it is gradient difference.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from unlearn_core.objectives.base import AnswerLaws, Teacher


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientAscent:
    """Minimise the mean log-probability of the true tokens."""

    teacher: ClassVar[Teacher] = Teacher.NONE

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean log-probability of the true tokens, in nats."""
        return laws.label_log_probs(laws.served_NV).mean()
