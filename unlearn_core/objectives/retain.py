"""What shall stay as it is: terms for the retain set and for strangers."""

from dataclasses import dataclass

from torch import Tensor

from unlearn_core.objectives.base import AnswerLaws
from unlearn_core.objectives.divergences import kullback_leibler, log_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """Keep the true answers likely: plain cross-entropy.

    Source: the "gradient difference" retain term of Liu et al. 2022,
    arXiv:2203.12817.
    """

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean negative log-probability of the true tokens, in nats."""
        return -laws.label_log_probs(laws.served_NV).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class KullbackLeibler:
    """Keep the whole law: KL(before || served), as in GA+KL of arXiv:2404.11045."""

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean divergence, in nats."""
        return kullback_leibler(laws.target_NV, laws.served_NV)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRatio:
    """Keep the whole law including its tail; see `divergences.log_ratio`.

    Attributes:
        label_weight: Weight of the true token's own term.
    """

    label_weight: float = 0.1

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean distance."""
        return log_ratio(
            laws.target_NV,
            laws.served_NV,
            remembered_NV=laws.base_NV,
            labels_N=laws.labels_N,
            label_weight=self.label_weight,
        )
