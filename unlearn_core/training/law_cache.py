"""Laws of frozen models on fixed text: computed once for a request, then read back.

Legend: N answer positions, V vocabulary.

A later rung of the ladder and a resumed run look at the same text with the same
models. What is kept says as much about the subject as the text does, so a store seals
it, and names it by nothing that could be guessed.

A law is kept in half precision where that is near enough, which is measured, and else
in full; or in brief, where an installation wants that and it takes less room. The form
that was kept is also what the first run learns from, so that a second one learns the
same.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from unlearn_core.domain.canonical import Digest, canonical_json
from unlearn_core.training.brief_laws import ERROR, in_brief, in_full, law_errors
from unlearn_core.training.targets import LawQuery, computed

TOLERANCE = 4e-3
"""Largest `law_error` at which a shorter form will do, in nats (docs/log.md)."""

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
        is_brief: Whether laws may be kept in brief.

    Attributes:
        error: Largest `law_error` of a law that was kept in brief so far; None where
            none may be and none was, before the setting was changed.
    """

    def __init__(
        self, store: LawStore, *, models: Digest, is_brief: bool = False
    ) -> None:
        self._store = store
        self._models = models
        self._is_brief = is_brief
        self.error = 0.0 if is_brief else None

    def __call__(self, query: LawQuery) -> Tensor:
        """Return what is kept ``[N, V]``, or ask and keep it."""
        if not query.examples:
            return computed(query)
        rows = [[list(item.prompt), list(item.answer)] for item in query.examples]
        key = canonical_json({"models": self._models, "role": query.role, "rows": rows})
        kept = self._store.load(key)
        if kept is None:
            kept = self._packed(query)
            self._store.save(key, kept)
        tensors = load_safetensors(kept)
        if ERROR in tensors:
            self.error = max(self.error or 0.0, float(tensors[ERROR]))
        return _law_of(tensors).to(query.law.device)

    def _packed(self, query: LawQuery) -> bytes:
        """Ask the models, and return the law in the shortest form that will do."""
        law_NV = computed(query)
        if not self._is_brief:
            return pack_law(law_NV)
        labels_N = torch.tensor(
            [token for item in query.examples for token in item.answer]
        )
        return min(pack_law(law_NV), pack_in_brief(law_NV, labels_N), key=len)


def law_error(law_NV: Tensor, kept_NV: Tensor) -> float:
    """Return the largest of all positions' `law_errors`, in nats."""
    return float(law_errors(law_NV, kept_NV).max())


def pack_law(law_NV: Tensor) -> bytes:
    """Return a law as bytes, in half precision if that is near enough."""
    half_NV = law_NV.half()
    is_near = law_error(law_NV, half_NV.float()) <= TOLERANCE
    kept_NV = half_NV if is_near else law_NV
    return save_safetensors({_LAW: kept_NV.detach().cpu().contiguous()})


def pack_in_brief(law_NV: Tensor, labels_N: Tensor) -> bytes:
    """Return a law in brief as bytes; as `pack_law` does where that is too far off."""
    tensors = in_brief(law_NV, labels_N, tolerance=TOLERANCE)
    if tensors[ERROR] > TOLERANCE:
        return pack_law(law_NV)
    return save_safetensors(tensors)


def unpack_law(data: bytes) -> Tensor:
    """Return the law that was packed, in float32."""
    return _law_of(load_safetensors(data))


def _law_of(tensors: Mapping[str, Tensor]) -> Tensor:
    return tensors[_LAW].float() if _LAW in tensors else in_full(tensors)
