"""FLAT: f-divergences between a refusal and the truth, without any retain data.

Source: Wang et al. 2024, arXiv:2410.11143: maximise
``g(P_refusal) - f*(g(P_truth))`` with P the mean probability of a true token, g the
activation and f* the conjugate of the divergence. It is written here as a loss.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from unlearn_core.objectives.base import AnswerLaws, SecondAnswer, Teacher


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatTotalVariation:
    """Total variation: g is tanh(x)/2, the conjugate the identity."""

    teacher: ClassVar[Teacher] = Teacher.NONE
    second_answer: ClassVar[SecondAnswer] = SecondAnswer.REFUSAL

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the loss, between -1/2 and 1/2."""
        refusal, truth = _mean_probabilities(laws)
        return (truth.tanh() - refusal.tanh()) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatKullbackLeibler:
    """Kullback-Leibler: g is the identity, the conjugate exp(x - 1)."""

    teacher: ClassVar[Teacher] = Teacher.NONE
    second_answer: ClassVar[SecondAnswer] = SecondAnswer.REFUSAL

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the loss, between 1/e - 1 and 1."""
        refusal, truth = _mean_probabilities(laws)
        return (truth - 1).exp() - refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatPearson:
    """Pearson: g is the identity, the conjugate x^2/4 + x."""

    teacher: ClassVar[Teacher] = Teacher.NONE
    second_answer: ClassVar[SecondAnswer] = SecondAnswer.REFUSAL

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the loss, between -1 and 5/4."""
        refusal, truth = _mean_probabilities(laws)
        return truth**2 / 4 + truth - refusal


def _mean_probabilities(laws: AnswerLaws) -> tuple[Tensor, Tensor]:
    """Return the mean probability of a token of the refusal and of the truth."""
    refusal = laws.second_answers
    return (
        refusal.label_log_probs(refusal.served_NV).exp().mean(),
        laws.label_log_probs(laws.served_NV).exp().mean(),
    )
