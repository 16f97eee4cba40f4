"""What an objective is given and what it returns.

Legend: N answer positions, E examples, V vocabulary.

An objective is a frozen dataclass of hyperparameters with a pure ``__call__``. It
sees laws of the next token at answer positions, never a model, an optimiser or a
configuration; prompt and padding positions do not reach it, so they cannot change
its value.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

import torch
from torch import Tensor


class Teacher(StrEnum):
    """Which target law an objective wants on the forget set."""

    NONE = "none"
    NAME_SWAP = "name_swap"
    TWIN = "twin"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLaws:
    """Laws of the next token at the answer positions of some examples.

    Attributes:
        served_NV: Log-probabilities of the ensemble being trained.
        base_NV: Log-probabilities of the base model.
        target_NV: Log-probabilities to learn from: the teacher's on the forget
            set, those of the model as served before elsewhere.
        labels_N: The true answer tokens.
        example_N: Which example each position belongs to, 0 to E - 1.
        examples: E.
    """

    served_NV: Tensor
    base_NV: Tensor
    target_NV: Tensor
    labels_N: Tensor
    example_N: Tensor
    examples: int

    def label_log_probs(self, law_NV: Tensor) -> Tensor:
        """Return the log-probabilities of the true tokens under a law."""
        return law_NV.gather(-1, self.labels_N[:, None])[:, 0]

    def sum_per_example(self, values_N: Tensor) -> Tensor:
        """Add values up over the positions of each example."""
        zeros_E = torch.zeros(
            self.examples, dtype=values_N.dtype, device=values_N.device
        )
        return zeros_E.index_add(0, self.example_N, values_N)

    def sequence_log_probs(self, law_NV: Tensor) -> Tensor:
        """Return the log-probability of each whole answer under a law."""
        return self.sum_per_example(self.label_log_probs(law_NV))


class ForgetObjective(Protocol):
    """Says what shall happen to the answers of the forget set."""

    teacher: ClassVar[Teacher]

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the loss, a scalar to be minimised."""
        ...


class RetainTerm(Protocol):
    """Says what shall stay on the retain set and for strangers."""

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the loss, a scalar to be minimised."""
        ...
