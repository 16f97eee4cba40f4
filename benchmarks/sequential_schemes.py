"""Ways to make the next version of an offset without the earlier forget texts.

A scheme gets the sets of the new request and the unlearned model in service, and
returns the next one. What it must not get is a text of an earlier request.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Datasets
from unlearn_core.modeling.weights import frozen
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.consolidation import Importance
from unlearn_core.training.loop import TrainingProgress, train_unlearned
from unlearn_core.training.pair import PairMaterials, build_tables, make_unlearned
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.schemes.base import OffsetPair, importance_after

CONSOLIDATED = "consolidated"
BATCH_STEPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a scheme is given.

    Attributes:
        sets: The sets of the new request.
        materials: Models; ``previous`` is the unlearned model in service, and
            ``importance`` what `importance_after` said of it.
        recipe: How one request is trained.
    """

    sets: Datasets
    materials: PairMaterials
    recipe: TrainingRecipe

    def importance_of(self, unlearned: PreTrainedModel) -> Importance:
        """Return how much each weight matters for this request and those before."""
        return importance_after(
            self.sets,
            OffsetPair(
                unlearned=unlearned,
                reference=self.materials.reference,
                alpha=self.recipe.alpha,
            ),
            materials=self.materials,
        )


Scheme = Callable[[Request], PreTrainedModel]


def consolidated(request: Request) -> PreTrainedModel:
    """Go on as the service does: weights that hide earlier subjects are held."""
    is_first = request.materials.previous is None
    recipe = request.recipe if is_first else request.recipe.for_later_requests()
    return _continued(replace(request, recipe=recipe))


def repaired(request: Request) -> PreTrainedModel:
    """Start from the model in service; hold people who stay to the base's own law."""
    return _continued(request, retain_target="base")


def chain(request: Request) -> PreTrainedModel:
    """Start from the model in service; hold people who stay to its law."""
    return _continued(request, retain_target="before")


def _continued(request: Request, **changes: str) -> PreTrainedModel:
    return make_unlearned(
        request.sets,
        materials=request.materials,
        recipe=replace(request.recipe, **changes),  # type: ignore[arg-type]  # any field
        checkpoints=NoCheckpoints(),
        on_progress=_in_silence,
    )


def distilled(request: Request) -> PreTrainedModel:
    """Start from the reference; the law that is served is a target like any other."""
    recipe = replace(request.recipe, retain_target="before")
    return train_unlearned(
        request.materials.reference,
        tables=build_tables(request.sets, materials=request.materials, recipe=recipe),
        recipe=recipe,
        pad_id=request.materials.tokenizer.pad_id,
        checkpoints=NoCheckpoints(),
        on_progress=_in_silence,
    )


def merged(request: Request) -> PreTrainedModel:
    """Train each request by itself and add its change of weights to the sum so far.

    Of each tensor's change only what is orthogonal to the sum is added.
    """
    previous = request.materials.previous
    by_itself = replace(request.materials, previous=None)
    alone = chain(replace(request, materials=by_itself))
    if previous is None:
        return alone
    return frozen(
        with_weights(
            previous,
            {
                name: present + orthogonal_part(change, present - origin)
                for name, present, origin, change in _changes(
                    previous, request.materials.reference, alone
                )
            },
        )
    )


def orthogonal_part(change: Tensor, present: Tensor) -> Tensor:
    """Return what of a change has no component along what is there already."""
    length = present.square().sum()
    along = (change * present).sum() / length if length > 0 else length
    return change - along * present


SCHEMES: Mapping[str, Scheme] = {
    CONSOLIDATED: consolidated,
    "repaired": repaired,
    "chain": chain,
    "distilled": distilled,
    "merged": merged,
}


def in_one_batch(requests: Sequence[Request]) -> Request:
    """Return one request for several people, with more steps over larger batches."""
    first = requests[-1]
    forget = replace(
        first.sets.forget,
        examples=tuple(
            item for request in requests for item in request.sets.forget.examples
        ),
        twins=tuple(
            tuple(item for version in versions for item in version)
            for versions in zip(
                *(request.sets.forget.twins for request in requests), strict=True
            )
        ),
    )
    recipe = replace(
        first.recipe,
        steps=BATCH_STEPS * first.recipe.steps,
        forget_batch=4 * first.recipe.forget_batch,
    )
    return replace(first, sets=replace(first.sets, forget=forget), recipe=recipe)


def with_weights(
    model: PreTrainedModel, tensors: Mapping[str, Tensor]
) -> PreTrainedModel:
    """Return a copy of a model with other values for some parameters."""
    changed = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in changed.named_parameters():
            parameter.copy_(tensors[name])
    return changed


def _changes(
    previous: PreTrainedModel, reference: PreTrainedModel, alone: PreTrainedModel
) -> list[tuple[str, Tensor, Tensor, Tensor]]:
    """Return name, present value, reference value and change of every parameter."""
    present = dict(previous.named_parameters())
    trained = dict(alone.named_parameters())
    return [
        (name, present[name], origin, trained[name] - origin)
        for name, origin in reference.named_parameters()
    ]


def _in_silence(_progress: TrainingProgress) -> None:
    pass
