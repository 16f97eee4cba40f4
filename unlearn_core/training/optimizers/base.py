"""What an optimiser has to offer.

An entry is a frozen dataclass of hyperparameters that builds a torch optimiser. All
that the optimiser remembers must be tensors in its ``state``: the checkpoint saves
and restores them, so that a resumed run ends as an unbroken one. Where a gradient was
zero in every step the weight must stay as it is, bit for bit (no weight decay): that
is how parameter masks work.
"""

import math
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import Parameter


class OptimizerRecipe(Protocol):
    """Hyperparameters that build an optimiser."""

    def build(
        self, parameters: Iterable[Parameter], *, learning_rate: float
    ) -> torch.optim.Optimizer:
        """Return the optimiser of these parameters.

        Args:
            parameters: What is trained.
            learning_rate: Peak rate; the loop sets that of each step.
        """
        ...


@runtime_checkable
class Curved(Protocol):
    """An optimiser that also wants to know the curvature of the law it trains."""

    @property
    def curvature_every(self) -> int:
        """Return after how many steps the estimate is renewed, the first included."""
        ...

    def observe(self, drawn_loss: Tensor, *, positions: int) -> None:
        """Renew the estimate.

        Args:
            drawn_loss: Mean negative log-probability of tokens that were drawn from
                the served law itself, with the graph to the parameters.
            positions: Over how many positions the mean was taken.
        """
        ...


def require_decay(**values: float) -> None:
    """Refuse rates of an exponential average that are not in [0, 1).

    Raises:
        ValueError: One is not; it is named.
    """
    for name, value in values.items():
        if not 0 <= value < 1 or math.isnan(value):
            message = f"{name} must be at least 0 and below 1"
            raise ValueError(message)
