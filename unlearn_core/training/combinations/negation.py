"""Negated task vector: learn the forget set, then go the other way.

Sources: Ilharco et al. 2022, arXiv:2212.04089, section 3; with adapters Zhang et al.
2023, arXiv:2306.14870::

    theta = theta_0 - weight (theta_plus - theta_0)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from unlearn_core.objectives.base import require_positive
from unlearn_core.training.combinations.base import Part, Parts, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Negation:
    """Subtract what hearing the forget set again adds.

    Attributes:
        weight: How much of the task vector is subtracted.
        steps: Steps of plain training on the forget set.
    """

    weight: float = 1.0
    steps: float = 50.0
    parts_from: ClassVar[Parts] = Parts.REINFORCED
    needs_inputs: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse hyperparameters that cannot work.

        Raises:
            ValueError: A value is not positive.
        """
        require_positive(weight=self.weight, steps=round(self.steps))

    @property
    def count(self) -> int:
        """Return the steps of the one training."""
        return round(self.steps)

    def __call__(self, start: Weights, parts: Sequence[Part]) -> Weights:
        """Return the start minus the weighted task vectors."""
        combined = dict(start)
        for part in parts:
            for name, change in part.task_vector(start).items():
                combined[name] = combined[name] - self.weight * change
        return combined
