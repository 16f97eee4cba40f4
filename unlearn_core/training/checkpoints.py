"""The state of a training run as bytes, so that a killed run can continue.

Batches are a function of seed and step, so weights, optimiser moments, the step
number and, if the recipe has them, a multiplier and the number of calm looks are the
whole state; a resumed run ends with the same weights as an unbroken one. Bytes are
safetensors; where they are kept is the caller's business, and they are personal data.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor
from torch.nn import Module

from unlearn_core.training.calibration import Settling
from unlearn_core.training.duals import RetainWeight

_STEP = "step"
_RETAIN_WEIGHT = "retain_weight"
_CALM = "calm_looks"


class CheckpointStore(Protocol):
    """Keeps the latest checkpoint of one training run."""

    def load(self) -> bytes | None:
        """Return the latest checkpoint, if there is one."""
        ...

    def save(self, data: bytes) -> None:
        """Replace the latest checkpoint."""
        ...


class NoCheckpoints:
    """Keeps nothing: for runs that are cheap to repeat."""

    def load(self) -> bytes | None:
        """Return nothing."""
        return None

    def save(self, data: bytes) -> None:
        """Forget the checkpoint."""


@dataclass(frozen=True, slots=True)
class TrainingState:
    """All that a run changes, as one unit of saving."""

    model: Module
    optimizer: torch.optim.Optimizer
    retain_weight: RetainWeight | None = None
    settling: Settling | None = None

    def pack(self, *, step: int) -> bytes:
        """Return the state after so many steps."""
        tensors: dict[str, Tensor] = {_STEP: torch.tensor(step)}
        if self.retain_weight and not self.retain_weight.is_fixed:
            value = torch.as_tensor(self.retain_weight.value, dtype=torch.float64)
            tensors[_RETAIN_WEIGHT] = value
        if self.settling and self.settling.limits:
            tensors[_CALM] = torch.tensor(self.settling.calm)
        for name, parameter in self._trained():
            tensors[f"weight/{name}"] = parameter.detach()
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"optimizer/{key}/{name}"] = torch.as_tensor(value)
        return save_safetensors(
            {name: tensor.cpu().clone() for name, tensor in tensors.items()}
        )

    def unpack(self, data: bytes) -> int:
        """Restore the state and return the number of finished steps."""
        tensors = load_safetensors(data)
        with torch.no_grad():
            for name, parameter in self._trained():
                parameter.copy_(tensors[f"weight/{name}"])
                self.optimizer.state[parameter] = {
                    key.split("/")[1]: self._placed(value, parameter, key)
                    for key, value in tensors.items()
                    if key.startswith("optimizer/") and key.endswith(f"/{name}")
                }
        if self.retain_weight and not self.retain_weight.is_fixed:
            self.retain_weight.value = float(tensors[_RETAIN_WEIGHT])
        if self.settling and self.settling.limits:
            self.settling.calm = int(tensors[_CALM])
        return int(tensors[_STEP])

    def _trained(self) -> list[tuple[str, torch.nn.Parameter]]:
        return [
            (name, parameter)
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad
        ]

    @staticmethod
    def _placed(value: Tensor, parameter: Tensor, key: str) -> Tensor:
        """Put moments beside their parameter; the step counter stays where it was."""
        is_counter = key.startswith("optimizer/step/")
        return value if is_counter else value.to(parameter.device)
