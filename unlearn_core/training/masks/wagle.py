"""WAGLE: train the weights that matter for forgetting and not for what is kept.

Source: Jia et al. 2024, arXiv:2410.17509. To first order, removing a weight changes
the forget loss by ``theta g_f``; that the retained answers adapt to the removal
changes it by ``- g_r g_f / mu``, where mu stands for the curvature of the retain
loss. The score of a weight is ``|(theta - g_r / mu) g_f|``.
"""

from dataclasses import dataclass

from unlearn_core.objectives.base import require_positive
from unlearn_core.training.masks.base import (
    MaskEvidence,
    Weights,
    largest,
    require_share,
    trainable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightAttribution:
    """Train the share of the weights with the highest score.

    Attributes:
        share: How many of all weights are trained.
        mu: Curvature of the retain loss, the same for all weights.
    """

    share: float = 0.8
    mu: float = 1.0

    def __post_init__(self) -> None:
        """Refuse hyperparameters that cannot work.

        Raises:
            ValueError: ``share`` is not in (0, 1] or ``mu`` not positive.
        """
        require_share(self.share)
        require_positive(mu=self.mu)

    def __call__(self, evidence: MaskEvidence) -> Weights:
        """Return the mask of the highest scores."""
        forget = evidence.forget_gradients()
        retain = evidence.retain_gradients()
        scores = {
            name: ((parameter.detach() - retain[name] / self.mu) * forget[name]).abs()
            for name, parameter in trainable(evidence.model).items()
        }
        return largest(scores, share=self.share)
