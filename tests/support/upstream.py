"""A base elsewhere: in this process, or another inference service without an offset."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from support.serving import (
    ServingWorld,
    byte_tokenizer,
    language_model,
    running_server,
    tiny_model,
)

from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.pairs import fuse
from unlearn_core.modeling.remote_rows import RemoteOffset
from unlearn_core.ports import Told
from unlearn_core.serving.app import create_app
from unlearn_core.serving.bases import RemoteBase
from unlearn_core.serving.fingerprints import BaseFingerprint, fingerprint_of
from unlearn_core.serving.upstream import CheckedUpstream

Change = Callable[[dict[int, float]], dict[int, float]]


@cache
def fingerprint() -> BaseFingerprint:
    """Return the fingerprint of the base that tests serve."""
    return fingerprint_of(language_model())


class MemoryUpstream:
    """`Upstream` that asks a law in this process.

    Args:
        law: The law; that of the base if not given.
        tokens: How many tokens it is asked for.

    Attributes:
        mark: What it calls itself.
        asked: All contexts that it was asked about.
        change: Changes what it says about a position.
        failures: Raised one by one instead of answers; None lets one answer through.
    """

    def __init__(self, law: NextTokenLaw | None = None, *, tokens: int = 260) -> None:
        self._law = law or PlainLaw(language_model().model)
        self.tokens = tokens
        self.mark = "base none"
        self.asked: list[tuple[int, ...]] = []
        self.change: Change = dict
        self.failures: list[Exception | None] = []

    def tell(self, contexts: Sequence[Sequence[int]]) -> Told:
        """Return what the law says."""
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        if not contexts:
            message = "asked about nothing"
            raise ValueError(message)
        self.asked += map(tuple, contexts)
        return Told(laws=[self._after(item) for item in contexts], mark=self.mark)

    def _after(self, context: Sequence[int]) -> dict[int, float]:
        ids_BT = torch.tensor([context])
        mask_BS = torch.ones_like(ids_BT)
        with torch.inference_mode():
            law_V = self._law(ids_BT, attention_mask_BS=mask_BS, first=-1)[0, -1]
        best = law_V.topk(min(self.tokens, len(law_V)))
        return self.change(
            dict(zip(best.indices.tolist(), best.values.tolist(), strict=True))
        )


def checked(source: MemoryUpstream) -> CheckedUpstream:
    """Return what asks a source; checks are good for an hour."""
    return CheckedUpstream(
        source, fingerprint=fingerprint(), check_seconds=3600.0, tolerance_nats=0.25
    )


def remote_base(
    source: MemoryUpstream,
    *,
    largest_excluded: float = 1.0,
    close: Callable[[], None] = lambda: None,
) -> RemoteBase:
    """Return a base elsewhere as a replica knows it."""
    return RemoteBase(
        checked(source),
        fingerprint=fingerprint(),
        tokenizer=byte_tokenizer(),
        largest_excluded=largest_excluded,
        device=torch.device("cpu"),
        close=close,
    )


def remote_law(
    source: MemoryUpstream, *, largest_excluded: float = 1.0
) -> RemoteOffset:
    """Return the law of version 1 with the base elsewhere."""
    pair = fuse(tiny_model(101), tiny_model(2))
    assert pair is not None
    return RemoteOffset(
        checked(source),
        pair=pair.rows,
        alpha=1.0,
        largest_excluded=largest_excluded,
        maximum_tokens=160,
        device=torch.device("cpu"),
    )


@contextmanager
def running_upstream(
    folder: Path, *, maximum_logprobs: int, sequence: int = 0
) -> Iterator[str]:
    """Run an inference service, without an offset unless a sequence is named."""
    world = ServingWorld(folder)
    if sequence:
        world.promote(sequence)
    service = world.replica(maximum_logprobs=maximum_logprobs)
    with running_server(create_app(service)) as address:
        yield address
