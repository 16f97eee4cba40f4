"""The weight of the retain term: fixed, or a multiplier that ascends.

A `Budgeted` objective asks for the least forget loss at which the retain term costs
no more than its budget. Its multiplier is state, so it lives here and is saved with
the weights: a resumed run continues with the multiplier it had.
"""

from dataclasses import dataclass

from torch import Tensor

from unlearn_core.objectives.base import Budgeted
from unlearn_core.training.recipe import TrainingRecipe


@dataclass(slots=True, kw_only=True)
class RetainWeight:
    """The weight of the retain term at the present step.

    Attributes:
        value: The weight; one that moves lives where the losses live, so that nobody
            waits for a device.
        budget: What the retain term may cost; None for a weight that stays.
        rate: Step size of dual ascent.
    """

    value: float | Tensor
    budget: float | None = None
    rate: float = 0.0

    @property
    def is_fixed(self) -> bool:
        """Tell whether the weight never changes."""
        return self.budget is None

    def follow(self, retain_loss: Tensor) -> None:
        """Move towards the budget: ``max(0, value + rate (loss - budget))``."""
        if self.budget is not None:
            excess = retain_loss.detach().double() - self.budget
            self.value = (self.value + self.rate * excess).clamp_min(0.0)


def retain_weight_of(recipe: TrainingRecipe) -> RetainWeight:
    """Return the weight that a run of this recipe begins with."""
    objective = recipe.forget_objective()
    if isinstance(objective, Budgeted):
        return RetainWeight(
            value=recipe.retain_weight,
            budget=objective.retain_budget,
            rate=objective.dual_rate,
        )
    return RetainWeight(value=recipe.retain_weight)
