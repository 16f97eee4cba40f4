"""Several trainings that end in one unlearned model: parts, their state, their sum.

The forget set is split by field, or the model hears it once more; what comes out is
put together by a `Combination`. A killed run continues in the part where it was:
finished parts are in the checkpoint beside the state of the one that runs.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor
from torch.nn import Linear
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Datasets, Example, ForgetSet
from unlearn_core.modeling.tokens import TokenizedExample, collate, in_chunks
from unlearn_core.modeling.weights import frozen
from unlearn_core.training.checkpoints import CheckpointStore
from unlearn_core.training.combinations.base import (
    Combination,
    Part,
    Parts,
    Weights,
)
from unlearn_core.training.loop import OnProgress

_FINISHED = "finished/"
_RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainings:
    """How parts are trained; the caller knows models and recipe.

    Attributes:
        train: Trains the recipe on some sets.
        reinforce: Trains plainly on forget examples for so many steps.
        encode: Turns examples into token ids.
        pad_id: Id that fills up short rows.
    """

    train: Callable[[Datasets, CheckpointStore, OnProgress], PreTrainedModel]
    reinforce: Callable[[Sequence[TokenizedExample], int], PreTrainedModel]
    encode: Callable[[Sequence[Example]], list[TokenizedExample]]
    pad_id: int


def combined(
    start: PreTrainedModel,
    datasets: Datasets,
    combination: Combination,
    *,
    trainings: Trainings,
    checkpoints: CheckpointStore,
    on_progress: OnProgress,
) -> PreTrainedModel:
    """Train the parts of a combination and put them together.

    Args:
        start: Where every part starts; left unchanged.
        datasets: The sets of the whole request.
        combination: What is made of the parts.
        trainings: How parts are trained.
        checkpoints: Where the state is kept; a kept one is continued.
        on_progress: Called after every step, counted over all parts.

    Returns:
        The combined model, frozen.
    """
    if combination.parts_from is Parts.REINFORCED:
        examples = trainings.encode(datasets.forget.examples)
        louder = trainings.reinforce(examples, combination.count)
        parts = [Part(weights=weights_of(louder))]
    else:
        kept = PartCheckpoints(checkpoints)
        parts = []
        pieces = split_by_field(datasets, combination.count)
        for number, piece in enumerate(pieces):
            weights = kept.finished(number) or weights_of(
                trainings.train(piece, kept, _counted(on_progress, number, len(pieces)))
            )
            kept.finish(number, weights)
            model = with_weights(start, weights)
            examples = trainings.encode(piece.forget.examples)
            parts.append(
                Part(
                    weights=weights,
                    inputs_II=input_products(model, examples, pad_id=trainings.pad_id)
                    if combination.needs_inputs
                    else {},
                )
            )
    return with_weights(start, combination(weights_of(start), parts))


def split_by_field(datasets: Datasets, count: int) -> list[Datasets]:
    """Split the forget set into groups of fields; the other sets stay whole.

    Fields in order of their names are dealt in turn, so groups are alike in size.
    There are no more groups than fields.
    """
    forget = datasets.forget
    fields = sorted({item.field for item in forget.examples})
    return [
        replace(datasets, forget=_only(forget, frozenset(fields[first::count])))
        for first in range(min(count, len(fields)))
    ]


def _only(forget: ForgetSet, fields: frozenset[str]) -> ForgetSet:
    rows = [row for row, item in enumerate(forget.examples) if item.field in fields]
    return replace(
        forget,
        examples=tuple(forget.examples[row] for row in rows),
        twins=tuple(tuple(twin[row] for row in rows) for twin in forget.twins),
    )


def weights_of(model: PreTrainedModel) -> dict[str, Tensor]:
    """Return a model's weights by name, tied ones once."""
    return {name: item.detach() for name, item in model.named_parameters()}


def with_weights(start: PreTrainedModel, weights: Weights) -> PreTrainedModel:
    """Return a frozen copy of a model that has other weights."""
    model = copy.deepcopy(start)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    return frozen(model)


def input_products(
    model: PreTrainedModel, examples: Sequence[TokenizedExample], *, pad_id: int
) -> dict[str, Tensor]:
    """Return ``X^T X`` of the inputs of every linear layer, padding left out."""
    sums: dict[str, Tensor] = {}
    is_token = torch.empty(0)

    def hook(name: str) -> Callable[[object, tuple[Tensor, ...]], None]:
        def add(_layer: object, inputs: tuple[Tensor, ...]) -> None:
            rows = inputs[0].flatten(0, -2)[is_token]
            sums[name] = sums.get(name, torch.zeros(())) + rows.T @ rows

        return add

    hooks = [
        layer.register_forward_pre_hook(hook(f"{name}.weight"))
        for name, layer in model.named_modules()
        if isinstance(layer, Linear)
    ]
    try:
        for chunk in in_chunks(examples):
            batch = collate(
                chunk,
                pad_id=pad_id,
                maximum_tokens=model.config.max_position_embeddings,
            ).to(model.device)
            is_token = batch.attention_mask_BT.flatten() == 1
            with torch.no_grad():
                model(
                    input_ids=batch.input_ids_BT, attention_mask=batch.attention_mask_BT
                )
    finally:
        for handle in hooks:
            handle.remove()
    return sums


class PartCheckpoints:
    """A `CheckpointStore` for the part that runs, inside the one of the whole run.

    Args:
        store: Where the whole state is kept.
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        data = store.load()
        self._tensors = load_safetensors(data) if data else {}

    def load(self) -> bytes | None:
        """Return the latest state of the running part."""
        state = self._tensors.get(_RUNNING)
        return None if state is None else state.numpy().tobytes()

    def save(self, data: bytes) -> None:
        """Replace the state of the running part."""
        state = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        self._keep(self._tensors | {_RUNNING: state})

    def finished(self, number: int) -> dict[str, Tensor] | None:
        """Return the weights of a part, if it is finished."""
        prefix = f"{_FINISHED}{number}/"
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self._tensors.items()
            if name.startswith(prefix)
        } or None

    def finish(self, number: int, weights: Weights) -> None:
        """Keep the weights of a finished part and make room for the next."""
        if self.finished(number):
            return
        self._tensors.pop(_RUNNING, None)
        prefix = f"{_FINISHED}{number}/"
        self._keep(
            self._tensors
            | {f"{prefix}{name}": item.cpu().clone() for name, item in weights.items()}
        )

    def _keep(self, tensors: dict[str, Tensor]) -> None:
        self._tensors = tensors
        self._store.save(save_safetensors(tensors))


def _counted(on_progress: OnProgress, number: int, count: int) -> OnProgress:
    """Count the steps of a part as those of the whole run."""
    return lambda progress: on_progress(
        replace(
            progress,
            step=progress.step + number * progress.steps,
            steps=progress.steps * count,
        )
    )
