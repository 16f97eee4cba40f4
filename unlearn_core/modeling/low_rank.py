"""Two linear layers that differ by few ranks: one matrix, and two thin ones beside it.

Legend: O outputs, I inputs, R ranks, B rows, T tokens.

Low-rank adapters (Hu et al. 2021, arXiv:2106.09685) are added to the weights when a
training ends, so an artifact is two plain models, whoever trained it and however. Here
the factors are found again from the weights: the product of the difference with random
vectors spans its columns if the vectors are more than its ranks (Halko, Martinsson and
Tropp 2011, arXiv:0909.4061, algorithm 4.1). What is left over is looked at entry by
entry; it may be what rounding leaves and not more.

Adapters of one erasure after another add up, so the ranks grow with the requests; from
`MAXIMUM_RANKS` on a pair runs with full matrices.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

MAXIMUM_RANKS = 256
SMALLEST_SHARE = 4
"""How many times smaller than the matrix its factors must be."""

OVERSAMPLING = 8
ROUNDING = 8.0
"""Largest rest, in units of the largest weight's last place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """A matrix ``up @ down``."""

    up_OR: Tensor
    down_RI: Tensor


def factors_of(
    unlearned_OI: Tensor, reference_OI: Tensor, *, maximum_ranks: int = MAXIMUM_RANKS
) -> Factors | None:
    """Return the factors of a difference of few ranks, or None if it has many.

    Only float32 keeps what is added to a weight; in a shorter type rounding changes
    every entry by about as much as an adapter does.

    Args:
        unlearned_OI: A matrix.
        reference_OI: What it came from.
        maximum_ranks: Most ranks; there are also no more than make the factors
            `SMALLEST_SHARE` times smaller than the matrix.
    """
    outputs, inputs = reference_OI.shape
    limit = outputs * inputs // (SMALLEST_SHARE * (outputs + inputs))
    limit = min(maximum_ranks, limit)
    difference_OI = (unlearned_OI - reference_OI).double()
    if reference_OI.dtype != torch.float32 or not difference_OI.isfinite().all():
        return None
    last_place = torch.finfo(torch.float32).eps * float(unlearned_OI.abs().max())
    # A corner has no more ranks than the whole, and mostly as many if they are few.
    corner = difference_OI[: limit + OVERSAMPLING, : limit + OVERSAMPLING]
    expected = _ranks(torch.linalg.svdvals(corner), corner.shape, last_place)
    if expected > limit:
        return None
    generator = torch.Generator(device=difference_OI.device).manual_seed(0)
    probes_IQ = torch.empty(
        (inputs, expected + OVERSAMPLING),
        dtype=difference_OI.dtype,
        device=difference_OI.device,
    ).normal_(generator=generator)
    columns_OQ = torch.linalg.qr(difference_OI @ probes_IQ).Q
    left, values, right = torch.linalg.svd(
        columns_OQ.T @ difference_OI, full_matrices=False
    )
    ranks = _ranks(values, difference_OI.shape, last_place)
    up_OR = columns_OQ @ (left[:, :ranks] * values[:ranks])
    rest = float((difference_OI - up_OR @ right[:ranks]).abs().max())
    if ranks > limit or rest > ROUNDING * last_place:
        return None
    return Factors(up_OR=up_OR.float(), down_RI=right[:ranks].float().contiguous())


def _ranks(values: Tensor, shape: torch.Size, last_place: float) -> int:
    """Count the singular values that are more than noise of that size in each entry."""
    noise = last_place * (shape[0] ** 0.5 + shape[1] ** 0.5)
    return int((values > noise).sum())


class LowRankLinear(nn.Module):
    """Two linear layers for rows that belong to them in turn, unlearned first.

    Args:
        reference: The layer of every second row; its matrix is not copied.
        factors: What is added to it for the others.
    """

    def __init__(self, reference: nn.Linear, factors: Factors) -> None:
        super().__init__()
        self.weight = reference.weight
        self.bias = reference.bias
        self.up = nn.Parameter(factors.up_OR, requires_grad=False)
        self.down = nn.Parameter(factors.down_RI, requires_grad=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return ``[2B, T, O]`` for ``[2B, T, I]``."""
        out = nn.functional.linear(hidden, self.weight, self.bias)
        low_BTR = nn.functional.linear(hidden[0::2], self.down)
        out[0::2] += nn.functional.linear(low_BTR, self.up)
        return out
