"""Requests, ledger, leases and clock in memory; safe to use from several threads."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import RLock

from unlearn_core.domain.canonical import JsonValue, canonical_json
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.ledger import GENESIS, LedgerEntry
from unlearn_core.domain.requests import (
    ErasureRequest,
    Outcome,
    RequestId,
    Stage,
    check_transition,
)
from unlearn_core.domain.transparency import LogLeaf, leaf_of
from unlearn_core.errors import LeaseBusyError, LeaseLostError, UnknownRequestError
from unlearn_core.ports import Clock

_NOBODY = ""


class MemoryClock:
    """`Clock` that stands still until it is moved."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return self._now

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self._now += by


class MemoryLeaseStore:
    """`LeaseStore` in memory.

    Attributes:
        lock: Held while a lease is judged and used, so that nobody takes over in
            between.
    """

    def __init__(self, *, clock: Clock) -> None:
        self.lock = RLock()
        self._clock = clock
        self._latest: dict[str, Lease] = {}

    def acquire(self, resource: str, *, holder: str, ttl: timedelta) -> Lease:
        """Take a free or expired lease; the token grows with every holder."""
        with self.lock:
            if not self.is_free(resource):
                raise LeaseBusyError(resource=resource)
            earlier = self._latest.get(resource)
            lease = Lease(
                resource=resource,
                holder=holder,
                token=earlier.token + 1 if earlier else 1,
                expires_at=self._clock.now() + ttl,
            )
            self._latest[resource] = lease
            return lease

    def renew(self, lease: Lease, *, ttl: timedelta) -> Lease:
        """Extend a lease."""
        with self.lock:
            self.check(lease)
            extended = replace(lease, expires_at=self._clock.now() + ttl)
            self._latest[lease.resource] = extended
            return extended

    def check(self, lease: Lease) -> None:
        """Make sure that nobody has taken over."""
        with self.lock:
            latest = self._latest.get(lease.resource)
            if latest is None or latest.holder == _NOBODY:
                raise LeaseLostError(resource=lease.resource, token=lease.token)
            if latest.token != lease.token:
                raise LeaseLostError(resource=lease.resource, token=lease.token)

    def release(self, lease: Lease) -> None:
        """Give a lease back; a lost lease is left alone."""
        with self.lock:
            latest = self._latest.get(lease.resource)
            if latest is not None and latest.token == lease.token:
                self._latest[lease.resource] = replace(latest, holder=_NOBODY)

    def is_free(self, resource: str) -> bool:
        """Tell whether nobody holds an unexpired lease."""
        with self.lock:
            latest = self._latest.get(resource)
            return (
                latest is None
                or latest.holder == _NOBODY
                or latest.expires_at <= self._clock.now()
            )


class MemoryRequestStore:
    """`RequestStore` and `Ledger` in memory.

    Args:
        leases: The leases whose tokens fence the ledger.
        clock: The clock.

    Attributes:
        rows: The requests by id.
    """

    def __init__(self, *, leases: MemoryLeaseStore, clock: Clock) -> None:
        self._leases = leases
        self._clock = clock
        self.rows: dict[RequestId, ErasureRequest] = {}
        self._entries: list[LedgerEntry] = []
        self._leaves: list[LogLeaf] = []

    def receive(
        self, request: ErasureRequest, payload: Mapping[str, JsonValue]
    ) -> None:
        """Store a new request together with its first ledger entry."""
        check_transition(None, request.stage)
        with self._leases.lock:
            self._append(request.stage, payload, request.request_id, None)
            self.rows[request.request_id] = replace(
                request, commitments=tuple(sorted(request.commitments))
            )

    def get(self, request_id: RequestId) -> ErasureRequest:
        """Return a request."""
        with self._leases.lock:
            if request_id not in self.rows:
                raise UnknownRequestError(request_id=request_id)
            return self.rows[request_id]

    def all(self) -> tuple[ErasureRequest, ...]:
        """Return every request, oldest first."""
        with self._leases.lock:
            return tuple(sorted(self.rows.values(), key=_age))

    def with_commitments(
        self, commitments: Collection[str]
    ) -> tuple[ErasureRequest, ...]:
        """Return the requests that share a commitment, oldest first."""
        wanted = set(commitments)
        return tuple(
            request for request in self.all() if wanted & set(request.commitments)
        )

    def advance(
        self,
        request_id: RequestId,
        stage: Stage,
        payload: Mapping[str, JsonValue],
        *,
        lease: Lease,
        outcome: Outcome | None = None,
    ) -> LedgerEntry:
        """Move a request to its next stage and record it, in one transaction."""
        with self._leases.lock:
            self._leases.check(lease)
            request = self.get(request_id)
            check_transition(request.stage, stage)
            entry = self._append(stage, payload, request_id, lease)
            self.rows[request_id] = replace(
                request, stage=stage, outcome=outcome or request.outcome
            )
            return entry

    def note(
        self,
        event: str,
        payload: Mapping[str, JsonValue],
        *,
        request_id: RequestId | None = None,
        lease: Lease | None = None,
    ) -> LedgerEntry:
        """Record something that is not a change of stage."""
        with self._leases.lock:
            if lease is not None:
                self._leases.check(lease)
            return self._append(event, payload, request_id, lease)

    def entries(
        self, request_id: RequestId | None = None, *, event: str | None = None
    ) -> Iterator[LedgerEntry]:
        """Yield the entries of one request, or all, of one kind, or all, in order."""
        with self._leases.lock:
            present = tuple(self._entries)
        for entry in present:
            is_theirs = request_id is None or entry.request_id == request_id
            if is_theirs and event in {None, entry.event}:
                yield entry

    def leaves(self) -> Iterator[LogLeaf]:
        """Yield the leaves of the log in order."""
        with self._leases.lock:
            present = tuple(self._leaves)
        yield from present

    def empty(self, sequence: int) -> None:
        """Take payload and salt away from an entry."""
        at = sequence - 1
        with self._leases.lock:
            self._entries[at] = replace(self._entries[at], payload={}, is_erased=True)
            self._leaves[at] = replace(self._leaves[at], salt=b"")

    def _append(
        self,
        event: str,
        payload: Mapping[str, JsonValue],
        request_id: RequestId | None,
        lease: Lease | None,
    ) -> LedgerEntry:
        entry = LedgerEntry(
            sequence=len(self._entries) + 1,
            recorded_at=self._clock.now(),
            request_id=request_id,
            event=str(event),
            payload=json.loads(canonical_json(payload)),
            fencing_token=lease.token if lease else 0,
            previous_hash=self._entries[-1].entry_hash if self._entries else GENESIS,
        ).sealed()
        self._entries.append(entry)
        self._leaves.append(leaf_of(entry))
        return entry


def _age(request: ErasureRequest) -> tuple[datetime, str]:
    return request.received_at, str(request.request_id)
