"""One training in several processes, which share the batch of every step.

Started by ``torchrun``, each process trains the same model. Of an objective that is a
mean over positions each takes its share of the examples; any other is computed by all
of them. Gradients are averaged before they are clipped, so that every process takes
the step that a single one would have taken. Without a process group nothing happens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, distributed


def world_size() -> int:
    """Return the number of processes."""
    return distributed.get_world_size() if _is_shared() else 1


def is_first() -> bool:
    """Tell whether this process is the one that reports and saves."""
    return not _is_shared() or distributed.get_rank() == 0


def share_of(rows: Sequence[int]) -> Sequence[int]:
    """Return this process's part of a batch: all of it, if it cannot be shared."""
    world = world_size()
    if len(rows) < world or world == 1:
        return rows
    return rows[distributed.get_rank() :: world]


def average_gradients(model: torch.nn.Module) -> None:
    """Give every process the mean of all processes' gradients."""
    if not _is_shared():
        return
    for parameter in model.parameters():
        if parameter.requires_grad:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            distributed.all_reduce(parameter.grad)
            parameter.grad /= world_size()


def averaged(losses: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the mean of all processes' losses, without gradients."""
    if not _is_shared():
        return losses
    mean = torch.stack([loss.detach() for loss in losses])
    distributed.all_reduce(mean)
    return (mean / world_size()).unbind()


def _is_shared() -> bool:
    return distributed.is_available() and distributed.is_initialized()
