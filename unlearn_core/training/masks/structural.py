"""Masks that look at the model's shape alone: everything, or some layers."""

from dataclasses import dataclass

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.objectives.base import require_positive, require_weights
from unlearn_core.training.masks.base import (
    MaskEvidence,
    Weights,
    blocks_of,
    everywhere,
    trainable,
)


@dataclass(frozen=True, slots=True)
class Everything:
    """Train every parameter."""

    def __call__(self, evidence: MaskEvidence) -> Weights:
        """Return a mask of True."""
        return everywhere(evidence.model, value=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Train some neighbouring transformer blocks; embeddings, norm and head stay.

    Attributes:
        first: Number of the lowest block that is trained, counted from 0.
        count: How many blocks are trained.
    """

    first: float = 0.0
    count: float = 1.0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work.

        Raises:
            ValueError: ``first`` is below 0 or ``count`` below 1.
        """
        require_weights(first=self.first)
        require_positive(count=round(self.count))

    def __call__(self, evidence: MaskEvidence) -> Weights:
        """Return the mask of the blocks.

        Raises:
            InvalidRecipeError: The model does not have them all.
        """
        blocks = blocks_of(evidence.model)
        first, end = round(self.first), round(self.first) + round(self.count)
        if end > len(blocks):
            raise InvalidRecipeError(value="mask", blocks=len(blocks))
        trained = {
            id(parameter)
            for block in blocks[first:end]
            for parameter in block.parameters()
        }
        chosen = everywhere(evidence.model, value=False)
        for name, parameter in trainable(evidence.model).items():
            chosen[name].fill_(id(parameter) in trained)
        return chosen
