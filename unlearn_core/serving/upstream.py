"""A base elsewhere that is believed only while it is the right one.

Legend: N contexts, V vocabulary.

- Nothing it says is used before it has answered as its fingerprint says, and again
  after every `check_seconds` and whenever it calls itself something else.
- A law with fewer tokens than were asked for, with unknown tokens or with
  probabilities that are none is refused as a whole.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from unlearn_core import ports
from unlearn_core.http_errors import UpstreamMismatchError
from unlearn_core.serving.fingerprints import BaseFingerprint

SMALLEST_SUM, LARGEST_SUM = 0.999, 1.001
"""Told probabilities that add up to more are none; neither are those that leave more
than the untold tokens can have, none of them more than the unlikeliest told one."""


class CheckedUpstream:
    """Asks a base elsewhere; an `Ask` of `RemoteRows`.

    Args:
        source: The base elsewhere.
        fingerprint: What it must be.
        check_seconds: How long a check is good for.
        tolerance_nats: By how much its log-probabilities may differ.
        now: Tells seconds that never go back.
    """

    def __init__(
        self,
        source: ports.Upstream,
        *,
        fingerprint: BaseFingerprint,
        check_seconds: float,
        tolerance_nats: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._fingerprint = fingerprint
        self._check_seconds = check_seconds
        self._tolerance_nats = tolerance_nats
        self._now = now
        # What the checked model calls itself, and until when that is good.
        self._checked: tuple[str, float] | None = None

    def __call__(self, contexts: Sequence[Sequence[int]]) -> Tensor:
        """Return log-probabilities ``[N, V]``, negative infinity where untold.

        Raises:
            UpstreamUnavailableError: It does not answer.
            UpstreamMismatchError: It is another model, or tells too little.
        """
        if not contexts:  # of a piece of a prompt that is not its last
            return self._laws([], count=0)
        mark, until = self._checked or ("", -math.inf)
        if self._now() > until:
            mark = self.check()
        told = self._source.tell(contexts)
        if told.mark != mark:
            mark = self.check()
            told = self._source.tell(contexts)
        if told.mark != mark:
            raise UpstreamMismatchError(problem="changes from answer to answer")
        return self._laws(told.laws, count=len(contexts))

    def check(self) -> str:
        """Compare it with its fingerprint and return what it calls itself.

        Raises:
            UpstreamUnavailableError: It does not answer.
            UpstreamMismatchError: It is another model, or tells too little.
        """
        self._checked = None
        probes = self._fingerprint.probes
        told = self._source.tell([probe.ids for probe in probes])
        told_NV = self._laws(told.laws, count=len(probes))
        self._fingerprint.check(told_NV, tolerance_nats=self._tolerance_nats)
        self._checked = (told.mark, self._now() + self._check_seconds)
        return told.mark

    def _laws(self, laws: Sequence[Mapping[int, float]], *, count: int) -> Tensor:
        if len(laws) != count:
            raise UpstreamMismatchError(problem="answer of another length")
        told_NV = torch.full((count, self._fingerprint.vocabulary_size), -math.inf)
        for told_V, law in zip(told_NV, laws, strict=True):
            likeliest = self._likeliest(law)
            told_V[list(likeliest)] = torch.tensor(list(likeliest.values()))
        return told_NV

    def _likeliest(self, law: Mapping[int, float]) -> Mapping[int, float]:
        """Return as many tokens as were asked for.

        Some services add the token that they drew to those; it says nothing about how
        likely the untold ones are.
        """
        size = self._fingerprint.vocabulary_size
        wanted = min(self._source.tokens, size)
        if len(law) < wanted:
            raise UpstreamMismatchError(problem="too few tokens", told=len(law))
        if not all(0 <= token < size for token in law):
            raise UpstreamMismatchError(problem="tokens of another vocabulary")
        ordered = sorted(law.items(), key=lambda item: item[1], reverse=True)
        likeliest = dict(ordered[:wanted])
        # Not so of NaN.
        if not all(value <= math.log(LARGEST_SUM) for value in likeliest.values()):
            raise UpstreamMismatchError(problem="log-probabilities of no law")
        told = math.fsum(map(math.exp, likeliest.values()))
        untold = (size - wanted) * math.exp(min(likeliest.values()))
        if told > LARGEST_SUM or told + untold < SMALLEST_SUM:
            raise UpstreamMismatchError(problem="log-probabilities of no law")
        return likeliest
