"""Losses that are means over positions, a few positions at a time.

Legend: N answer positions, V vocabulary.

A law over a real vocabulary takes hundreds of kilobytes a position, and a loss on
laws makes a dozen tensors of its size. Taken over all positions at once they go
through main memory; taken over a few they stay in the processor's cache, and only the
gradient is ever as large as the logits. Loss and gradient are those of the whole.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# Entries of one law tensor that fit into a cache, or that occupy a device.
ENTRIES_AT_ONCE = {"cpu": 2**18, "cuda": 2**26}

LossOfRows = Callable[[Tensor, slice], Tensor]
"""Gives the mean loss of some positions from their logits and where they stand."""


def mean_in_chunks(loss_of: LossOfRows, logits_NV: Tensor) -> Tensor:
    """Return the mean loss over all positions, differentiable in the logits.

    Args:
        loss_of: The mean loss over some of the positions.
        logits_NV: Logits of at least one position.
    """
    loss: Tensor = _Chunked.apply(logits_NV, loss_of)  # type: ignore[no-untyped-call]  # untyped upstream
    return loss


class _Chunked(torch.autograd.Function):
    """Computes the gradient on the way forward, chunk by chunk."""

    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, loss_of: LossOfRows) -> Tensor:  # noqa: ANN401 - torch's own context
        positions, vocabulary = logits_NV.shape
        size = max(1, ENTRIES_AT_ONCE[logits_NV.device.type] // vocabulary)
        gradient_NV = torch.empty_like(logits_NV)
        total = logits_NV.new_zeros(())
        for begin in range(0, positions, size):
            where = slice(begin, begin + size)
            part_NV = logits_NV[where].detach().requires_grad_()
            with torch.enable_grad():
                loss = loss_of(part_NV, where) * (len(part_NV) / positions)
            (gradient_NV[where],) = torch.autograd.grad(loss, part_NV)
            total += loss.detach()
        ctx.save_for_backward(gradient_NV)
        return total

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401 - torch's own context
        (gradient_NV,) = ctx.saved_tensors
        return gradient_NV * outer, None
