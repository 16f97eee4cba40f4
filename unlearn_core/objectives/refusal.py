"""Objectives that teach a second answer: a refusal, or a plausible other value.

- ``idk``: Maini et al. 2024, arXiv:2401.06121 (IDK); with the retain term
  ``answer_preservation`` it is IDK+AP of Yuan et al. 2024, arXiv:2410.08109.
- ``idk_dpo``: Rafailov et al. 2023, arXiv:2305.18290, eq. 7, with a refusal preferred,
  as Maini et al. use it.
- ``altpo``: Mekala et al. 2024, arXiv:2409.13474.
- ``jensun``: Singh et al. 2025, arXiv:2509.02820.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from unlearn_core.objectives.base import (
    AnswerLaws,
    SecondAnswer,
    Teacher,
    require_positive,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Make a refusal likely: plain cross-entropy."""

    teacher: ClassVar[Teacher] = Teacher.NONE
    second_answer: ClassVar[SecondAnswer] = SecondAnswer.REFUSAL

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean negative log-probability of the refusal, in nats."""
        refusal = laws.second_answers
        return -refusal.label_log_probs(refusal.served_NV).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalPreference:
    """Prefer a refusal to the truth, compared with the law served before.

    Attributes:
        beta: Inverse temperature.
    """

    beta: float = 0.1
    teacher: ClassVar[Teacher] = Teacher.BEFORE
    second_answer: ClassVar[SecondAnswer] = SecondAnswer.REFUSAL

    def __post_init__(self) -> None:
        """Refuse a temperature that is none.

        Raises:
            ValueError: ``beta`` is not positive.
        """
        require_positive(beta=self.beta)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return ``-2/beta mean log sigmoid(beta (second's gain - truth's gain))``."""
        difference_E = _gains(laws.second_answers) - _gains(laws)
        return -2 / self.beta * functional.logsigmoid(self.beta * difference_E).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativePreference(RefusalPreference):
    """Prefer a plausible other answer to the truth; see `RefusalPreference`."""

    second_answer: ClassVar[SecondAnswer] = SecondAnswer.ALTERNATIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class JensenShannonRefusal:
    """Come close to a refusal, token by token, in a distance that is bounded."""

    teacher: ClassVar[Teacher] = Teacher.NONE
    second_answer: ClassVar[SecondAnswer] = SecondAnswer.REFUSAL

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean Jensen-Shannon divergence from certain refusal, in nats.

        Against a law that is certain of one token only that token's probability p
        counts: ``ln 2 + (p ln p - (1 + p) ln(1 + p)) / 2``.
        """
        refusal = laws.second_answers
        log_probs_N = refusal.label_log_probs(refusal.served_NV)
        probs_N = log_probs_N.exp()
        return (
            math.log(2)
            + 0.5
            * (probs_N * log_probs_N - (1 + probs_N) * torch.log1p(probs_N)).mean()
        )


def _gains(laws: AnswerLaws) -> Tensor:
    """Return by how much whole answers became likelier than they were."""
    return laws.sequence_log_probs(laws.served_NV) - laws.sequence_log_probs(
        laws.target_NV
    )
