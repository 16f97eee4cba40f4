"""O3: add changes that keep out of each other's way.

Legend: O outputs of a matrix, I inputs of a matrix, R kept directions.

Source: Gao et al. 2024, arXiv:2407.10223, whose adapters of later requests are
trained with a loss that makes their input directions orthogonal to those of earlier
ones. Here it is enforced after training: from every later task vector of a matrix its
part in the strongest input directions of the earlier ones is taken out::

    T_k <- T_k (1 - V V^T),   V the first R right singular vectors of T_1 + .. + T_k-1
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unlearn_core.objectives.base import require_positive
from unlearn_core.training.combinations.base import Part, Parts, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Orthogonal:
    """Add task vectors in order, each orthogonal to the sum of those before.

    Attributes:
        parts: Into how many groups the fields are dealt.
        rank: How many directions of the earlier changes are kept free.
    """

    parts: float = 3.0
    rank: float = 8.0
    parts_from: ClassVar[Parts] = Parts.FIELDS
    needs_inputs: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse hyperparameters that cannot work.

        Raises:
            ValueError: A value is not positive.
        """
        require_positive(parts=round(self.parts), rank=round(self.rank))

    @property
    def count(self) -> int:
        """Return the number of parts."""
        return round(self.parts)

    def __call__(self, start: Weights, parts: Sequence[Part]) -> Weights:
        """Return the start plus the sum of the task vectors, made orthogonal."""
        total = {name: torch.zeros_like(value) for name, value in start.items()}
        for part in parts:
            for name, change in part.task_vector(start).items():
                total[name] = total[name] + without_directions(
                    change, total[name], rank=round(self.rank)
                )
        return {name: value + total[name] for name, value in start.items()}


def without_directions(change: Tensor, earlier: Tensor, *, rank: int) -> Tensor:
    """Take the strongest input directions of an earlier change out of a later one.

    What is no matrix, and what follows no change, stays as it is.
    """
    if change.dim() != 2 or not bool(earlier.any()):  # noqa: PLR2004  # a matrix
        return change
    _, strengths, directions_RI = torch.linalg.svd(earlier, full_matrices=False)
    floor = torch.finfo(strengths.dtype).eps * max(earlier.shape) * strengths[0]
    kept_RI = directions_RI[: min(rank, int((strengths > floor).sum()))]
    without: Tensor = change - (change @ kept_RI.T) @ kept_RI
    return without
