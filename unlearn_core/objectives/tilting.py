"""Bounded targets made by taking the true token out of a law.

- ``undial``: Dong et al. 2024, arXiv:2402.10052: the law served before, with the
  true token's logit lowered.
- ``ceu``: Yang 2025, arXiv:2503.01224: the model's own present law without the true
  token.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unlearn_core.objectives.base import AnswerLaws, Teacher, require_positive
from unlearn_core.objectives.divergences import kullback_leibler


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfDistillation:
    """Learn from the law served before, with the true token's logit lowered.

    Attributes:
        beta: By how much, in nats.
    """

    beta: float = 10.0
    teacher: ClassVar[Teacher] = Teacher.BEFORE

    def __post_init__(self) -> None:
        """Refuse a logit that is raised.

        Raises:
            ValueError: ``beta`` is not positive.
        """
        require_positive(beta=self.beta)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean KL(lowered || served), in nats."""
        lowered_NV = lowered(laws.target_NV, laws.labels_N, by=self.beta)
        return kullback_leibler(lowered_NV, laws.served_NV)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLawWithoutTruth:
    """Learn from what the model says at this moment, were the truth impossible."""

    teacher: ClassVar[Teacher] = Teacher.NONE

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean cross-entropy under the target, in nats."""
        own_NV = laws.served_NV.detach()
        target_NV = _changed(own_NV, laws.labels_N, by=-math.inf).softmax(-1)
        return -(target_NV * laws.served_NV).sum(-1).mean()


def lowered(law_NV: Tensor, labels_N: Tensor, *, by: float) -> Tensor:
    """Return the law ``[N, V]`` with the true tokens' logits lowered, in nats."""
    return torch.log_softmax(_changed(law_NV, labels_N, by=-by), -1)


def _changed(law_NV: Tensor, labels_N: Tensor, *, by: float) -> Tensor:
    """Add a number to the true tokens' entries."""
    rows = torch.arange(len(labels_N), device=law_NV.device)
    changed_NV = law_NV.clone()
    changed_NV[rows, labels_N] += by
    return changed_NV
