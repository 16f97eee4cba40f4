"""SPUNGE: split the forget set by attribute, unlearn each part, merge.

Sources: Kadhe et al. 2024, arXiv:2406.11780; the merge is TIES, Yadav et al. 2023,
arXiv:2306.01708: of every task vector only the largest entries stay, the sign with
the larger sum wins, and the mean goes over the parts that agree with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unlearn_core.objectives.base import require_positive
from unlearn_core.training.combinations.base import Part, Parts, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitAndMerge:
    """Merge trainings that each forgot some fields.

    Attributes:
        parts: Into how many groups the fields are dealt.
        density: Share of a task vector's entries that stay, the largest ones.
        weight: How much of the merged task vector is added.
    """

    parts: float = 3.0
    density: float = 0.5
    weight: float = 1.0
    parts_from: ClassVar[Parts] = Parts.FIELDS
    needs_inputs: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse hyperparameters that cannot work.

        Raises:
            ValueError: A value is not positive, or the density above 1.
        """
        require_positive(
            parts=round(self.parts), density=self.density, weight=self.weight
        )
        if self.density > 1:
            message = "density must be at most 1"
            raise ValueError(message)

    @property
    def count(self) -> int:
        """Return the number of parts."""
        return round(self.parts)

    def __call__(self, start: Weights, parts: Sequence[Part]) -> Weights:
        """Return the start plus the merged task vector."""
        trimmed = [_trim(item.task_vector(start), self.density) for item in parts]
        return {
            name: value + self.weight * _merge([item[name] for item in trimmed])
            for name, value in start.items()
        }


def _trim(vector: Weights, density: float) -> dict[str, Tensor]:
    """Set all but the largest entries of a whole task vector to zero."""
    sizes = torch.cat([item.flatten() for item in vector.values()]).abs()
    kept = max(1, round(density * len(sizes)))
    floor = sizes.kthvalue(len(sizes) - kept + 1).values
    return {
        name: torch.where(item.abs() >= floor, item, 0.0)
        for name, item in vector.items()
    }


def _merge(changes: Sequence[Tensor]) -> Tensor:
    """Return the mean over the changes whose sign is that of their sum."""
    stacked = torch.stack(list(changes))
    agrees = (stacked * stacked.sum(0).sign()) > 0
    return (stacked * agrees).sum(0) / agrees.sum(0).clamp(min=1)
