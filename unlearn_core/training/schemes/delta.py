"""``delta``: train the unlearned model through the ensemble, leave the reference alone.

Source: Huang et al. 2024, arXiv:2404.11045.
"""

from dataclasses import dataclass
from typing import ClassVar

from unlearn_core.training.pair import make_unlearned
from unlearn_core.training.schemes.base import OffsetPair, PairTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Begin with the reference, or the unlearned model in service, and train it."""

    objective: ClassVar[str | None] = None

    def __call__(self, task: PairTask) -> OffsetPair:
        """Return the trained model beside the reference that was there before."""
        unlearned = make_unlearned(
            task.datasets,
            materials=task.materials,
            recipe=task.recipe,
            checkpoints=task.checkpoints,
            on_progress=task.on_progress,
            on_base_done=task.on_base_done,
            report_every=task.report_every,
        )
        return OffsetPair(unlearned=unlearned, reference=task.materials.reference)
