"""What shall stay as it is: terms for the retain set and for strangers."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from unlearn_core.objectives.base import (
    AnswerLaws,
    SecondAnswer,
    require_positive,
    require_weights,
)
from unlearn_core.objectives.divergences import (
    entropy,
    jensen_shannon,
    kullback_leibler,
    log_ratio,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Ask for nothing: to see what an objective does by itself."""

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return zero."""
        return laws.served_NV.new_zeros(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """Keep the true answers likely: plain cross-entropy.

    Source: the "gradient difference" retain term of Liu et al. 2022,
    arXiv:2203.12817.
    """

    mean_over_positions: ClassVar[bool] = True

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean negative log-probability of the true tokens, in nats."""
        return -laws.label_log_probs(laws.served_NV).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class KullbackLeibler:
    """Keep the whole law: KL(before || served), as in GA+KL of arXiv:2404.11045."""

    mean_over_positions: ClassVar[bool] = True

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
    mean_over_positions: ClassVar[bool] = True

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean distance."""
        return log_ratio(
            laws.target_NV,
            laws.served_NV,
            remembered_NV=laws.base_NV,
            labels_N=laws.labels_N,
            label_weight=self.label_weight,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DescentWithDivergence:
    """Keep the true answers likely and the whole law as it was.

    Source: the retain losses of EUL (Chen and Yang 2023, arXiv:2310.20150) and of
    E2URec (Wang et al. 2024, arXiv:2403.03536).

    Attributes:
        divergence_weight: Weight of KL(before || served) beside cross-entropy.
    """

    divergence_weight: float = 1.0
    mean_over_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a weight that would drive the law away.

        Raises:
            ValueError: It is below zero.
        """
        require_weights(divergence_weight=self.divergence_weight)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the weighted sum, in nats."""
        return Descent()(laws) + self.divergence_weight * KullbackLeibler()(laws)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescentWithEntropy:
    """Keep the true answers likely without growing certain of them.

    Source: the retain half of the entropy term of Scholten et al. 2024,
    arXiv:2410.03523.

    Attributes:
        entropy_weight: Weight of the entropy; below zero, entropy is sought.
    """

    entropy_weight: float = -0.25
    mean_over_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a weight that is not a number.

        Raises:
            ValueError: It is not finite.
        """
        if not math.isfinite(self.entropy_weight):
            message = "entropy_weight must be finite"
            raise ValueError(message)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the weighted sum, in nats."""
        return Descent()(laws) + self.entropy_weight * entropy(laws.served_NV)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPreservation:
    """Keep the true answers likelier than a refusal.

    Source: Yuan et al. 2024, arXiv:2410.08109 (AP).

    Attributes:
        beta: Inverse temperature.
    """

    beta: float = 0.1
    second_answer: ClassVar[SecondAnswer] = SecondAnswer.REFUSAL

    def __post_init__(self) -> None:
        """Refuse a temperature that is none.

        Raises:
            ValueError: ``beta`` is not positive.
        """
        require_positive(beta=self.beta)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return ``-1/beta mean log sigmoid(beta log(p(truth) / p(refusal)))``."""
        refusal = laws.second_answers
        ratio_E = laws.sequence_log_probs(laws.served_NV) - refusal.sequence_log_probs(
            refusal.served_NV
        )
        return -functional.logsigmoid(self.beta * ratio_E).mean() / self.beta


@dataclass(frozen=True, slots=True, kw_only=True)
class JensenShannon:
    """Keep the whole law, in a distance that is bounded.

    Source: the retain half of JensUn, Singh et al. 2025, arXiv:2509.02820.
    """

    mean_over_positions: ClassVar[bool] = True

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean Jensen-Shannon divergence, in nats."""
        return jensen_shannon(laws.target_NV, laws.served_NV)
