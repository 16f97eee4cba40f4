"""What a combination is given and what it returns.

Legend: O outputs of a matrix, I inputs of a matrix.

A combination is a frozen dataclass of hyperparameters with a pure ``__call__`` on
weights by name. A *task vector* is what a training changed: its weights minus those
it started from (Ilharco et al. 2022, arXiv:2212.04089).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol

from torch import Tensor

Weights = Mapping[str, Tensor]
"""Tensors by parameter name."""


class Parts(StrEnum):
    """What the trainings are that a combination puts together.

    ``fields`` are one training of the recipe for each group of the forget set's
    fields; ``reinforced`` is a single plain training *on* the forget set.
    """

    FIELDS = "fields"
    REINFORCED = "reinforced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One finished training.

    Attributes:
        weights: The weights it ended with.
        inputs_II: For every matrix by name, the sum of ``x x^T`` over its inputs x on
            the part's forget set; empty unless the combination asks for it.
    """

    weights: Weights
    inputs_II: Weights = field(default_factory=dict)

    def task_vector(self, start: Weights) -> dict[str, Tensor]:
        """Return what the training changed."""
        return {name: self.weights[name] - value for name, value in start.items()}


class Combination(Protocol):
    """Makes the weights of one model from those of several."""

    parts_from: ClassVar[Parts]
    needs_inputs: ClassVar[bool]

    @property
    def count(self) -> int:
        """Return how many parts there shall be, or how many steps one part takes."""
        ...

    def __call__(self, start: Weights, parts: Sequence[Part]) -> Weights:
        """Return the combined weights.

        Args:
            start: Where every part started from.
            parts: What was trained, at least one.
        """
        ...
