"""Learning from a base that is elsewhere and tells its likeliest tokens only.

What it told is kept, sealed like the laws of `law_cache`, so that a later rung and a
resumed run learn the same and ask nothing again. Laws are completed anew from what was
told, and with them the largest probability that was left untold.
"""

import json
from collections.abc import Mapping, Sequence

from torch import Tensor

from unlearn_core.domain.canonical import Digest, canonical_json
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import compose_log_probs
from unlearn_core.modeling.remote import RemoteLaw
from unlearn_core.ports import LogprobSource
from unlearn_core.training.law_cache import LawStore
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.targets import BASE, LawQuery, answer_laws


class KeptLogprobs:
    """A `LogprobSource` that asks another one once.

    Args:
        source: The other one.
        store: Where its answers are kept.
        models: Digest of everything that answers depend on but the text.
    """

    def __init__(
        self, source: LogprobSource, store: LawStore, *, models: Digest
    ) -> None:
        self._source = source
        self._store = store
        self._models = models

    def likeliest(
        self, contexts: Sequence[Sequence[int]]
    ) -> Sequence[Mapping[int, float]]:
        """Return what is kept, or ask and keep it."""
        asked = [list(context) for context in contexts]
        key = canonical_json({"models": self._models, "contexts": asked})
        kept = self._store.load(key)
        if kept is None:
            told = [list(item.items()) for item in self._source.likeliest(contexts)]
            kept = json.dumps(told).encode()
            self._store.save(key, kept)
        return [dict(item) for item in json.loads(kept)]


class RemoteTeacher:
    """A `Lookup` that asks a base elsewhere; of the one in the materials, nothing.

    So that one may be a shape without weights, on torch's meta device.

    Args:
        source: The base.
        materials: The small models, which are here.
    """

    def __init__(self, source: LogprobSource, *, materials: PairMaterials) -> None:
        self._law = RemoteLaw(source)
        self._materials = materials

    @property
    def untold(self) -> float:
        """Return the largest probability that was left untold at a position so far."""
        return self._law.untold

    def __call__(self, query: LawQuery) -> Tensor:
        """Return the law that has a role, at all answer positions ``[N, V]``."""
        materials = self._materials
        examples, pad_id = query.examples, query.pad_id
        small_NV = answer_laws(PlainLaw(materials.reference), examples, pad_id=pad_id)
        base_NV = self._law.at_answers(examples, small_NV=small_NV)
        if query.role == BASE or materials.previous is None:
            return base_NV
        return compose_log_probs(
            base_NV,
            answer_laws(PlainLaw(materials.previous), examples, pad_id=pad_id),
            small_NV,
            alpha=materials.previous_alpha,
        )
