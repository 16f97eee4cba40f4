"""EUL fusion: merge so that every part keeps its outputs on its own inputs.

Legend: O outputs of a matrix, I inputs of a matrix.

Source: Chen and Yang 2023, arXiv:2310.20150, the closed form for several deletion
requests. With X_i the inputs that matrix W_i saw in part i, the W that comes closest
to all outputs in the square is::

    W = (sum_i W_i (X_i^T X_i)) (sum_i X_i^T X_i)^-1
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unlearn_core.objectives.base import require_positive
from unlearn_core.training.combinations.base import Part, Parts, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """Merge matrices by least squares, everything else by the mean.

    Attributes:
        parts: Into how many groups the fields are dealt.
        ridge: What is added to the diagonal of every ``X^T X``, as a share of its
            mean: directions that no input took are averaged.
    """

    parts: float = 3.0
    ridge: float = 0.01
    parts_from: ClassVar[Parts] = Parts.FIELDS
    needs_inputs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse hyperparameters that cannot work.

        Raises:
            ValueError: A value is not positive.
        """
        require_positive(parts=round(self.parts), ridge=self.ridge)

    @property
    def count(self) -> int:
        """Return the number of parts."""
        return round(self.parts)

    def __call__(self, start: Weights, parts: Sequence[Part]) -> Weights:
        """Return the fused weights."""
        return {
            name: self._fused([part.weights[name] for part in parts], name, parts)
            for name in start
        }

    def _fused(
        self, weights_OI: Sequence[Tensor], name: str, parts: Sequence[Part]
    ) -> Tensor:
        if not all(name in part.inputs_II for part in parts):
            return torch.stack(list(weights_OI)).mean(0)
        inputs = [self._steadied(part.inputs_II[name].double()) for part in parts]
        numerator_OI = torch.stack(
            [
                weight_OI.double() @ inputs_II
                for weight_OI, inputs_II in zip(weights_OI, inputs, strict=True)
            ]
        ).sum(0)
        # W G = N with symmetric G: solve G W^T = N^T.
        fused_IO: Tensor = torch.linalg.solve(
            torch.stack(inputs).sum(0), numerator_OI.T
        )
        return fused_IO.T.contiguous().to(weights_OI[0].dtype)

    def _steadied(self, inputs_II: Tensor) -> Tensor:
        """Add the ridge; an input that was always zero counts as a small one."""
        mean = inputs_II.diagonal().mean().clamp(min=torch.finfo(torch.float32).tiny)
        return inputs_II + self.ridge * mean * torch.eye(
            len(inputs_II), dtype=inputs_II.dtype, device=inputs_II.device
        )
