"""Wrong answers as training material.

- ``random_mismatch``: Yao et al. 2023, arXiv:2310.10683: ascent on the truth
  and descent on answers that belong to other prompts.
- ``adversarial_sample``: Yao et al. 2024, arXiv:2402.15159: descent on the likeliest
  token that is not the truth.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from unlearn_core.objectives.base import (
    AnswerLaws,
    SecondAnswer,
    Teacher,
    require_weights,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomMismatch:
    """Make the truth unlikely and somebody else's answer likely.

    Attributes:
        ascent_weight: Weight of gradient ascent on the true answers.
        mismatch_weight: Weight of cross-entropy on the mismatched ones.
    """

    ascent_weight: float = 0.5
    mismatch_weight: float = 1.0
    teacher: ClassVar[Teacher] = Teacher.NONE
    second_answer: ClassVar[SecondAnswer] = SecondAnswer.MISMATCH

    def __post_init__(self) -> None:
        """Refuse weights that would turn a term around.

        Raises:
            ValueError: One is below zero.
        """
        require_weights(
            ascent_weight=self.ascent_weight, mismatch_weight=self.mismatch_weight
        )

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the weighted sum of both terms, in nats."""
        others = laws.second_answers
        truth = laws.label_log_probs(laws.served_NV).mean()
        mismatch = others.label_log_probs(others.served_NV).mean()
        return self.ascent_weight * truth - self.mismatch_weight * mismatch


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialSample:
    """Make likely what the law served before finds likeliest next to the truth."""

    teacher: ClassVar[Teacher] = Teacher.BEFORE

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean negative log-probability of the wrong tokens, in nats."""
        truth_N1 = laws.labels_N[:, None]
        rivals_N1 = laws.target_NV.scatter(-1, truth_N1, -math.inf).argmax(
            -1, keepdim=True
        )
        return -laws.served_NV.gather(-1, rivals_N1).mean()
