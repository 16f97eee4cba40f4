"""What an objective is given and what it returns.

Legend: N answer positions, E examples, V vocabulary.

An objective is a frozen dataclass of hyperparameters with a pure ``__call__``. It
sees laws of the next token at answer positions, never a model, an optimiser or a
configuration; prompt and padding positions do not reach it, so they cannot change
its value.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor


class Teacher(StrEnum):
    """Which target law an objective wants on the forget set.

    ``none`` is the base itself; ``before`` the model as served before, which differs
    from it once something was forgotten; ``reinforced`` and ``anchored`` what a
    `ReinforcedTeacher` makes of a law and of one that heard the forget set again,
    ``anchored`` with another person's name in the prompt of the former.
    """

    NONE = "none"
    BEFORE = "before"
    NAME_SWAP = "name_swap"
    TWIN = "twin"
    REINFORCED = "reinforced"
    ANCHORED = "anchored"


class SecondAnswer(StrEnum):
    """Which other answer to the same prompts an objective or a term compares with.

    ``refusal`` says that nothing is known; ``alternative`` is the twin's answer;
    ``mismatch`` the answer to some retained person's prompt. Only forget objectives
    can have the last two.
    """

    NONE = "none"
    REFUSAL = "refusal"
    ALTERNATIVE = "alternative"
    MISMATCH = "mismatch"


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
        second: The laws of a second answer to the same examples' prompts, with
            positions of its own; there if the objective declares one.
    """

    served_NV: Tensor
    base_NV: Tensor
    target_NV: Tensor
    labels_N: Tensor
    example_N: Tensor
    examples: int
    second: "AnswerLaws | None" = None

    @property
    def second_answers(self) -> "AnswerLaws":
        """Return the laws of the second answers.

        Raises:
            ValueError: There are none.
        """
        if self.second is None:
            message = "this objective compares with a second answer"
            raise ValueError(message)
        return self.second

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
    """Says what shall happen to the answers of the forget set.

    An objective that compares with a second answer declares
    ``second_answer: ClassVar[SecondAnswer]`` too; so does a retain term. One whose
    value is a mean over positions, each looked at on its own, may declare
    ``mean_over_positions: ClassVar[bool] = True``; it is then computed a few
    positions at a time, which is faster and takes less memory.
    """

    teacher: ClassVar[Teacher]

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the loss, a scalar to be minimised."""
        ...


class RetainTerm(Protocol):
    """Says what shall stay on the retain set and for strangers."""

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the loss, a scalar to be minimised."""
        ...


@runtime_checkable
class ReinforcedTeacher(Protocol):
    """An objective whose target is made with a model that heard the forget set again.

    What is declared is how long the small model listens and what is made of it; the
    training itself happens outside.
    """

    @property
    def reinforcement_steps(self) -> float:
        """Return the number of steps of plain training on the forget set."""
        ...

    def target_law(self, before_NV: Tensor, *, reinforced_NV: Tensor) -> Tensor:
        """Return the law to learn from."""
        ...


@runtime_checkable
class Budgeted(Protocol):
    """An objective that holds the retain term at a budget by dual ascent.

    The multiplier changes with every step, so it lives in the training loop and its
    checkpoint (`unlearn_core.training.duals`), never in the objective.
    """

    @property
    def retain_budget(self) -> float:
        """Return what the retain term may cost."""
        ...

    @property
    def dual_rate(self) -> float:
        """Return how fast its weight follows."""
        ...


def second_answer_of(term: object) -> SecondAnswer:
    """Return which second answer an objective or a retain term declares."""
    return SecondAnswer(getattr(term, "second_answer", SecondAnswer.NONE))


def is_mean_over_positions(term: object) -> bool:
    """Tell whether an objective or a retain term declares that it is such a mean."""
    return bool(getattr(term, "mean_over_positions", False))


def require_positive(**values: float) -> None:
    """Refuse hyperparameters that must be above zero and are not.

    Raises:
        ValueError: One is not; it is named.
    """
    for name, value in values.items():
        if not 0 < value < math.inf:
            message = f"{name} must be positive"
            raise ValueError(message)


def require_whole(**values: float) -> None:
    """Refuse hyperparameters that must be whole numbers and are not.

    Raises:
        ValueError: One is not; it is named.
    """
    for name, value in values.items():
        if value != round(value):
            message = f"{name} must be a whole number"
            raise ValueError(message)


def require_weights(**values: float) -> None:
    """Refuse hyperparameters that must be finite and not below zero.

    Raises:
        ValueError: One is; it is named.
    """
    for name, value in values.items():
        if not 0 <= value < math.inf:
            message = f"{name} must be zero or more"
            raise ValueError(message)
