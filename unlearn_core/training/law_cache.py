"""Laws of frozen models on fixed text: computed once for a request, then read back.

Legend: N answer positions, V vocabulary.

A later rung of the ladder and a resumed run look at the same text with the same
models. What is kept says as much about the subject as the text does, so a store seals
it, and names it by nothing that could be guessed.

A law is kept in half precision where that is near enough, which is measured, and else
in full. The form that was kept is also what the first run learns from, so that a
second one learns the same.
"""

from typing import Protocol

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from unlearn_core.domain.canonical import Digest, canonical_json
from unlearn_core.training.targets import LawQuery, computed

TOLERANCE = 4e-3
"""Largest `law_error` at which half precision will do, in nats (docs/log.md)."""

_LAW = "law"


class LawStore(Protocol):
    """Keeps laws under keys; a key says which models read which text."""

    def load(self, key: bytes) -> bytes | None:
        """Return what was kept under a key, if anything."""
        ...

    def save(self, key: bytes, data: bytes) -> None:
        """Keep data under a key."""
        ...


class LawCache:
    """A `Lookup` that computes a law once.

    Args:
        store: Where laws are kept.
        models: Digest of everything that the laws depend on but the text.
    """

    def __init__(self, store: LawStore, *, models: Digest) -> None:
        self._store = store
        self._models = models

    def __call__(self, query: LawQuery) -> Tensor:
        """Return what is kept ``[N, V]``, or ask and keep it."""
        if not query.examples:
            return computed(query)
        rows = [[list(item.prompt), list(item.answer)] for item in query.examples]
        key = canonical_json({"models": self._models, "role": query.role, "rows": rows})
        kept = self._store.load(key)
        if kept is None:
            kept = pack_law(computed(query))
            self._store.save(key, kept)
        return unpack_law(kept).to(query.law.device)


def law_error(law_NV: Tensor, kept_NV: Tensor) -> float:
    """Return the worst position's mean of |log p - log p_kept| under p, in nats.

    It bounds the Kullback-Leibler divergence, which is the same without the bars.
    """
    distance_NV = law_NV.exp() * (law_NV - kept_NV).abs()
    # A token that both hold impossible is no error.
    return float(distance_NV.nan_to_num(nan=0.0).sum(-1).max())


def pack_law(law_NV: Tensor) -> bytes:
    """Return a law as bytes, in half precision if that is near enough."""
    half_NV = law_NV.half()
    is_near = law_error(law_NV, half_NV.float()) <= TOLERANCE
    kept_NV = half_NV if is_near else law_NV
    return save_safetensors({_LAW: kept_NV.detach().cpu().contiguous()})


def unpack_law(data: bytes) -> Tensor:
    """Return the law that `pack_law` kept, in float32."""
    return load_safetensors(data)[_LAW].to(torch.float32)
