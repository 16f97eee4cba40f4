"""AdamW without weight decay.

Source: Loshchilov and Hutter 2017, arXiv:1711.05101. Decay pulls weights towards
zero, but what an offset has to stay close to is the reference; so there is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.nn import Parameter

from unlearn_core.training.optimizers.base import require_decay


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamW:
    """First-order steps, scaled by the root of the mean squared gradient.

    Attributes:
        beta1: Decay of the mean gradient.
        beta2: Decay of the mean squared gradient.
    """

    beta1: float = 0.9
    beta2: float = 0.98

    def __post_init__(self) -> None:
        """Refuse averages that cannot work.

        Raises:
            ValueError: A decay is not in [0, 1).
        """
        require_decay(beta1=self.beta1, beta2=self.beta2)

    def build(
        self, parameters: Iterable[Parameter], *, learning_rate: float
    ) -> torch.optim.Optimizer:
        """Return the optimiser of these parameters."""
        return torch.optim.AdamW(
            parameters,
            lr=learning_rate,
            betas=(self.beta1, self.beta2),
            weight_decay=0.0,
        )
