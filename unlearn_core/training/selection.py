"""Which weights a run trains: the mask of its recipe, put on its model.

Some masks, and optimisers that follow the curvature, ask what the served law says.
Only a stepper knows that, and not every scheme has a served law while it trains.
"""

from collections.abc import Iterator
from functools import partial
from typing import Protocol, runtime_checkable

from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.training.masks.base import MaskEvidence, ParameterMask, apply_mask


@runtime_checkable
class Answering(Protocol):
    """A stepper that shows the served law itself."""

    def answer_losses(self, *, retained: bool) -> Iterator[Tensor]:
        """Yield parts of the mean negative log-probability of true answers.

        Args:
            retained: Those of the retain set; else of the forget set.
        """
        ...

    def drawn_loss(self, step: int) -> tuple[Tensor, int]:
        """Return that of tokens drawn from the law itself, and over how many."""
        ...


def answering(stepper: object, value: str) -> Answering:
    """Return the stepper if it shows the served law.

    Args:
        stepper: Any stepper.
        value: The field of the recipe that asks for it.

    Raises:
        InvalidRecipeError: It does not.
    """
    if not isinstance(stepper, Answering):
        raise InvalidRecipeError(value=value, problem="not with this scheme")
    return stepper


def choose_weights(
    model: PreTrainedModel, stepper: object, mask: ParameterMask
) -> None:
    """Put a mask on the model that a run starts from.

    Raises:
        InvalidRecipeError: The mask does not fit the model, or asks for what the
            stepper cannot show.
    """

    def losses(*, retained: bool) -> Iterator[Tensor]:
        return answering(stepper, "mask").answer_losses(retained=retained)

    evidence = MaskEvidence(
        model=model,
        forget_losses=partial(losses, retained=False),
        retain_losses=partial(losses, retained=True),
    )
    apply_mask(model, mask(evidence))
