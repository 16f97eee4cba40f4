"""EUL: away from the law served before on the forget set.

Source: Chen and Yang 2023, arXiv:2310.20150. Their retain losses are the retain
term ``descent_kl``; here is what they do on the forget set.
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
from unlearn_core.objectives.divergences import kullback_leibler


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Go away from the law served before, and from the true tokens.

    Attributes:
        divergence_weight: Weight of KL(before || served), which is maximised.
        label_weight: Weight of the log-probability of true tokens, minimised.
    """

    divergence_weight: float = 1.0
    label_weight: float = 1.0
    teacher: ClassVar[Teacher] = Teacher.BEFORE

    def __post_init__(self) -> None:
        """Refuse weights that cannot start anything.

        Raises:
            ValueError: One is below zero, or ``label_weight`` is zero: at the start
                the divergence has no slope.
        """
        require_weights(divergence_weight=self.divergence_weight)
        require_positive(label_weight=self.label_weight)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the weighted sum of both terms, in nats."""
        away = kullback_leibler(laws.target_NV, laws.served_NV)
        labels = laws.label_log_probs(laws.served_NV).mean()
        return self.label_weight * labels - self.divergence_weight * away
