"""The offset of every request that an engine runs.

Legend: N rows of logits, V vocabulary, P vocabulary of the pair.

A request leases the version that is current when it begins, and keeps it; it has rows
of its own in that version's pair. Rows for which there is no offset never keep the
base's logits: they are *blanked*, so that nothing but the end can follow. That is what
a logits processor can do; an exception would end every request of the engine.

- A version below the minimum, an expired pointer, a recalled version, an offset that is
  not a number, or infinite: blanked.
- A request that is not heard of for `IDLE_SECONDS` gives its lease back. Should it go
  on, it is read anew, with the version that is current then.
"""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor

from unlearn_core.errors import (
    IncompatibleBaseError,
    ManifestInvalidError,
    OffsetRequiredError,
)
from unlearn_core.modeling.bundles import OpenedBundle
from unlearn_core.modeling.followed import Continued, FollowedRows
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.rows import PairRows
from unlearn_core.observability import EventLog
from unlearn_core.serving.slot import ServedVersion, Slot

IDLE_SECONDS = 30.0
TRIED_TOKENS = 6

_LOG = EventLog("vllm")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOffset:
    """What is added to the base's logits.

    Attributes:
        new_rows: Makes running rows of the pair; None adds nothing.
        alpha: Offset strength.
        vocabulary_size: Tokens of the pair.
        device: Where it runs.
    """

    new_rows: Callable[[], PairRows] | None
    alpha: float
    vocabulary_size: int
    device: torch.device

    def rows(self) -> FollowedRows | None:
        """Return rows for the texts of an engine, none yet."""
        if self.new_rows is None:
            return None
        return FollowedRows(self.new_rows, device=self.device)


def pair_offset(bundle: OpenedBundle, *, context: int) -> PairOffset:
    """Return the offset of a checked bundle, fused if it can be, after trying it.

    Args:
        bundle: The bundle.
        context: Tokens of the longest text that the engine allows.

    Raises:
        IncompatibleBaseError: The pair does not read texts of this length.
        ManifestInvalidError: It gives no numbers, or changes nothing.
    """
    unlearned, reference = bundle.unlearned, bundle.reference
    if min(PlainLaw(unlearned).maximum_tokens, PlainLaw(reference).maximum_tokens) < (
        context
    ):
        raise IncompatibleBaseError(part="context")
    new_rows, _ = OffsetModel(
        unlearned, unlearned=unlearned, reference=reference, alpha=1.0
    ).pair_rows()
    offset = PairOffset(
        new_rows=new_rows,
        alpha=bundle.manifest.alpha,
        vocabulary_size=bundle.manifest.vocabulary_size,
        device=torch.device(unlearned.device),
    )
    rows = FollowedRows(new_rows, device=offset.device)
    ids = [place % offset.vocabulary_size for place in range(TRIED_TOKENS)]
    tried_NP = rows.differences([Continued(key=0, start=0, ids=ids, wanted=len(ids))])
    if not bool(torch.isfinite(tried_NP).all()):
        raise ManifestInvalidError(problem="the law is not finite")
    if float((tried_NP - tried_NP.mean(dim=-1, keepdim=True)).abs().max()) == 0:
        raise ManifestInvalidError(problem="the offset changes nothing")
    return offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Rows of logits of one request.

    Attributes:
        key: Which request.
        rows: Their numbers, one for each of the text's last tokens, in their order.
        length: Tokens of the text.
        ids: Returns the token ids from a place on.
    """

    key: Hashable
    rows: Sequence[int]
    length: int
    ids: Callable[[int], Sequence[int]]


@dataclass(slots=True, kw_only=True)
class _Running:
    version: ServedVersion[PairOffset] | None
    lease: ExitStack
    heard_at: float


class Offsets:
    """Adds offsets to logits.

    Args:
        slot: Holds the version that new requests get.
        end_ids: Tokens that end an answer; all that a blanked row leaves possible.
        now: Seconds that only go forward.
    """

    def __init__(
        self,
        slot: Slot[PairOffset],
        *,
        end_ids: Sequence[int],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slot = slot
        self._end_ids = list(end_ids)
        self._now = now
        self._running: dict[Hashable, _Running] = {}
        self._rows: dict[str, FollowedRows | None] = {}
        self._lock = threading.RLock()
        self.blanked = 0

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, key: Hashable) -> None:
        """Lease the current version for a request, and forget who had the key before.

        If nothing may answer, the request runs without one and is blanked.
        """
        with self._lock:
            self.end(key)
            lease, version = ExitStack(), None
            try:
                version = lease.enter_context(self._slot.lease())
            except OffsetRequiredError as error:
                _LOG.warning("request_blanked", code=error.code)
            self._running[key] = _Running(
                version=version, lease=lease, heard_at=self._now()
            )

    def end(self, key: Hashable) -> None:
        """Forget a request, if it is known."""
        with self._lock:
            request = self._running.pop(key, None)
            if request is None:
                return
            request.lease.close()
            manifest = request.version.manifest if request.version else None
            if manifest in self._rows:
                rows = self._rows[manifest]
                if rows is not None:
                    rows.forget(key)
                kept = {
                    other.version.manifest
                    for other in self._running.values()
                    if other.version
                }
                if manifest not in kept:
                    del self._rows[manifest]  # its weights are free

    def release_idle(self) -> None:
        """Forget the requests that were not heard of for long."""
        with self._lock:
            before = self._now() - IDLE_SECONDS
            idle = [
                key for key, item in self._running.items() if item.heard_at < before
            ]
            for key in idle:
                self.end(key)

    def add(self, logits_NV: Tensor, asked: Sequence[Asked]) -> None:
        """Add offsets to logits in place; rows that nobody names are blanked.

        Raises:
            ManifestInvalidError: The engine has fewer tokens than the pair.
        """
        with self._lock:
            blank = set(range(len(logits_NV)))
            by_version: dict[str, list[tuple[Asked, ServedVersion[PairOffset]]]] = {}
            for item in asked:
                if item.key not in self._running:
                    self.begin(item.key)
                request = self._running[item.key]
                request.heard_at = self._now()
                version = request.version
                if version is not None and not version.recalled.is_set():
                    blank -= set(item.rows)
                    by_version.setdefault(version.manifest, []).append((item, version))
            for group in by_version.values():
                self._add(logits_NV, [item for item, _ in group], group[0][1])
            self._blank(logits_NV, sorted(blank))

    def _add(
        self, logits_NV: Tensor, asked: list[Asked], version: ServedVersion[PairOffset]
    ) -> None:
        offset = version.law
        size = offset.vocabulary_size
        if logits_NV.shape[1] < size:
            raise ManifestInvalidError(problem="the engine has fewer tokens")
        if version.manifest not in self._rows:
            self._rows[version.manifest] = offset.rows()
        rows = self._rows[version.manifest]
        if rows is None:
            return
        texts = [_continued(item, rows) for item in asked]
        known = [all(0 <= token < size for token in text.ids) for text in texts]
        self._blank(
            logits_NV,
            [
                row
                for item, is_known in zip(asked, known, strict=True)
                if not is_known
                for row in item.rows
            ],
        )
        texts = [text for text, is_known in zip(texts, known, strict=True) if is_known]
        numbers = [
            row
            for item, is_known in zip(asked, known, strict=True)
            if is_known
            for row in item.rows
        ]
        if not texts:
            return
        difference_NP = rows.differences(texts)
        index_N = torch.tensor(numbers, device=logits_NV.device)
        served_NV = logits_NV[index_N]
        if offset.alpha:
            served_NV[:, :size] += offset.alpha * difference_NP.to(served_NV)
        # What is behind the last token stands for no token.
        served_NV[:, size:] = float("-inf")
        logits_NV[index_N] = served_NV
        # A logit without end would be drawn for sure, or make every law NaN.
        is_wrong_N = (served_NV.isnan() | served_NV.isposinf()).any(dim=-1).tolist()
        wrong = [row for row, bad in zip(numbers, is_wrong_N, strict=True) if bad]
        self._blank(logits_NV, wrong)

    def _blank(self, logits_NV: Tensor, rows: Sequence[int]) -> None:
        if not rows:
            return
        self.blanked += len(rows)
        logits_NV[list(rows)] = float("-inf")
        for row in rows:
            logits_NV[row, self._end_ids] = 0.0


def _continued(item: Asked, rows: FollowedRows) -> Continued:
    """Return how a request's text goes on.

    The tokens of its rows are read in any case: what follows them is asked for.
    """
    wanted = len(item.rows)
    start = min(rows.length(item.key), item.length - wanted)
    return Continued(key=item.key, start=start, ids=item.ids(start), wanted=wanted)
