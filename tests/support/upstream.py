"""A base elsewhere: in this process, or another inference service without an offset."""

from collections.abc import Callable, Iterator
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

from unlearn_core.adapters.memory.upstream import MemoryUpstream
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.pairs import fuse
from unlearn_core.modeling.remote_rows import RemoteOffset
from unlearn_core.serving.app import create_app
from unlearn_core.serving.bases import RemoteBase
from unlearn_core.serving.fingerprints import BaseFingerprint, fingerprint_of
from unlearn_core.serving.upstream import CheckedUpstream


@cache
def fingerprint() -> BaseFingerprint:
    """Return the fingerprint of the base that tests serve."""
    return fingerprint_of(language_model())


def elsewhere(law: NextTokenLaw | None = None, *, tokens: int = 260) -> MemoryUpstream:
    """Return a law in this process as a base elsewhere; the base's if not given."""
    return MemoryUpstream(law or PlainLaw(language_model().model), tokens=tokens)


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
