"""What vLLM hands to a logits processor, as far as ours looks at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from types import SimpleNamespace
from typing import Any

import torch
from support.domain import NOW, digest
from support.models import llama
from support.serving import CPU
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.serving.slot import ServedVersion, Slot
from unlearn_core.vllm.offsets import Offsets, PairOffset

END_ID = 3
ALPHA = 1.3


class Direction(Enum):
    """How rows move, by the names of vLLM's own."""

    UNIDIRECTIONAL = auto()
    SWAP = auto()


@dataclass(frozen=True, kw_only=True)
class Update:
    """A change of the first runner's batch."""

    removed: Sequence[int] = ()
    added: Sequence[tuple[int, object, Sequence[int] | None, Sequence[int]]] = ()
    moved: Sequence[tuple[int, int, object]] = ()


@dataclass(frozen=True, kw_only=True)
class Context:
    """The rows of one call of the second runner."""

    expanded_idx_mapping: Tensor
    expanded_local_pos: Tensor
    input_ids: Tensor
    pos: Tensor


def context(*rows: tuple[int, int, int, int]) -> Context:
    """Return a context of rows (slot, place among its own, token, place in text)."""
    slots, locals_, tokens, places = torch.tensor(rows).unbind(dim=1)
    return Context(
        expanded_idx_mapping=slots,
        expanded_local_pos=locals_,
        input_ids=tokens,
        pos=places,
    )


def pair_offset_of(
    unlearned: int | PreTrainedModel, *, alpha: float = ALPHA
) -> PairOffset:
    """Return the offset of a tiny pair, by its trained half or that one's seed."""
    trained = llama(unlearned) if isinstance(unlearned, int) else unlearned
    model = OffsetModel(llama(0), unlearned=trained, reference=llama(1), alpha=alpha)
    new_rows, _ = model.pair_rows()
    return PairOffset(new_rows=new_rows, alpha=alpha, vocabulary_size=272, device=CPU)


def expected_difference(ids: Sequence[int], *, unlearned: int = 2) -> Tensor:
    """Return unlearned minus reference after a text, without any cache, ``[V]``."""
    ids_BT = torch.tensor([list(ids)])
    with torch.inference_mode():
        trained_BTV: Tensor = llama(unlearned)(input_ids=ids_BT).logits
        reference_BTV: Tensor = llama(1)(input_ids=ids_BT).logits
        return (trained_BTV - reference_BTV)[0, -1]


def version(
    sequence: int = 1, law: PairOffset | None = None
) -> ServedVersion[PairOffset]:
    """Return a version of the tiny pair."""
    return ServedVersion(
        law=law or pair_offset_of(1 + sequence),
        sequence=sequence,
        version=str(sequence),
        manifest=digest(f"manifest {sequence}"),
    )


class Seconds:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def offsets_of(slot: Slot[PairOffset], *, seconds: Seconds | None = None) -> Offsets:
    """Return the offsets of a slot."""
    return Offsets(slot, end_ids=[END_ID], now=seconds or Seconds())


def slot_with(served: ServedVersion[PairOffset] | None) -> Slot[PairOffset]:
    """Return a slot that requires an offset, with a version or without."""
    slot = Slot(
        PairOffset(new_rows=None, alpha=0.0, vocabulary_size=272, device=CPU),
        requires_offset=True,
        clock=MemoryClock(NOW),
    )
    if served is not None:
        slot.swap(served)
    return slot


def engine_config(**changes: Any) -> SimpleNamespace:  # noqa: ANN401 - of any part
    """Return a safe configuration with some fields changed, by their dotted names."""
    config = SimpleNamespace(
        model_config=SimpleNamespace(
            model="/models/base",
            tokenizer="/models/base",
            logprobs_mode="processed_logprobs",
            max_logprobs=20,
            enable_prompt_embeds=False,
            is_multimodal_model=False,
            runner_type="generate",
            logits_processors=None,
            quantization=None,
        ),
        load_config=SimpleNamespace(load_format="auto"),
        parallel_config=SimpleNamespace(
            tensor_parallel_size=1, pipeline_parallel_size=1
        ),
        scheduler_config=SimpleNamespace(async_scheduling=False),
        lora_config=None,
        weight_transfer_config=None,
        speculative_config=None,
    )
    for name, value in changes.items():
        *path, last = name.split("__")
        part = config
        for step in path:
            part = getattr(part, step)
        setattr(part, last, value)
    return config
