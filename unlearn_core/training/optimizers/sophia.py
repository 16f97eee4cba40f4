"""Sophia: clipped second-order steps with a diagonal Gauss-Newton-Bartlett estimate.

Sources: Liu et al. 2023, arXiv:2305.14342, algorithms 2 and 3; used for unlearning by
Jia et al. 2024, arXiv:2404.18239 (SOUL). With m the mean gradient and h the mean of
``B g * g``, where g is the gradient of the mean negative log-probability of B tokens
drawn from the law itself, a weight moves by::

    - rate * clip(m / max(gamma h, epsilon), -1, 1)

The law that tokens are drawn from is the served one: its curvature is what the
unlearned model's weights act on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor
from torch.nn import Parameter

from unlearn_core.objectives.base import require_positive
from unlearn_core.training.optimizers.base import require_decay

EPSILON = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Sophia:
    """Steps scaled by curvature, none longer than the learning rate.

    Attributes:
        beta1: Decay of the mean gradient.
        beta2: Decay of the curvature estimate, once every renewal.
        gamma: How much curvature shortens a step; small values clip more weights.
        curvature_every: Steps between renewals of the estimate.
    """

    beta1: float = 0.9
    beta2: float = 0.95
    gamma: float = 0.03
    curvature_every: float = 10.0

    def __post_init__(self) -> None:
        """Refuse hyperparameters that cannot work.

        Raises:
            ValueError: A decay is not in [0, 1), another value not positive.
        """
        require_decay(beta1=self.beta1, beta2=self.beta2)
        require_positive(gamma=self.gamma, curvature_every=round(self.curvature_every))

    def build(
        self, parameters: Iterable[Parameter], *, learning_rate: float
    ) -> torch.optim.Optimizer:
        """Return the optimiser of these parameters."""
        return ClippedNewton(parameters, learning_rate=learning_rate, settings=self)


class ClippedNewton(torch.optim.Optimizer):
    """The optimiser itself; its state are ``exp_avg`` and ``curvature``.

    Args:
        parameters: What is trained.
        learning_rate: Longest step of a weight.
        settings: The hyperparameters.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        learning_rate: float,
        settings: Sophia,
    ) -> None:
        super().__init__(parameters, {"lr": learning_rate})
        self._settings = settings

    @property
    def curvature_every(self) -> int:
        """Return after how many steps the estimate is renewed."""
        return round(self._settings.curvature_every)

    def observe(self, drawn_loss: Tensor, *, positions: int) -> None:
        """Renew the estimate: ``h <- beta2 h + (1 - beta2) B g * g``."""
        parameters = self._parameters()
        gradients = torch.autograd.grad(drawn_loss, parameters, allow_unused=True)
        share = 1 - self._settings.beta2
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                _, curvature = self._moments(parameter)
                curvature.lerp_(positions * gradient**2, share)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move every weight that has a gradient."""
        del closure
        settings = self._settings
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                mean, curvature = self._moments(parameter)
                mean.lerp_(parameter.grad, 1 - settings.beta1)
                scale = (settings.gamma * curvature).clamp_(min=EPSILON)
                parameter.sub_(group["lr"] * (mean / scale).clamp_(-1, 1))
        return None

    def _parameters(self) -> list[Parameter]:
        return [item for group in self.param_groups for item in group["params"]]

    def _moments(self, parameter: Parameter) -> tuple[Tensor, Tensor]:
        state = self.state[parameter]
        for name in ("exp_avg", "curvature"):
            if name not in state:
                state[name] = torch.zeros_like(parameter, requires_grad=False)
        return state["exp_avg"], state["curvature"]
