"""Requests, their ledger, and who may work on them."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import ErasureRequest, Outcome, RequestId, Stage


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


class RequestStore(Protocol):
    """Erasure requests, without the persons behind them."""

    def receive(
        self, request: ErasureRequest, payload: Mapping[str, JsonValue]
    ) -> None:
        """Store a new request together with its first ledger entry."""
        ...

    def get(self, request_id: RequestId) -> ErasureRequest:
        """Return a request.

        Raises:
            UnknownRequestError: There is no such request.
        """
        ...

    def all(self) -> tuple[ErasureRequest, ...]:
        """Return every request, oldest first."""
        ...

    def with_commitments(
        self, commitments: Collection[str]
    ) -> tuple[ErasureRequest, ...]:
        """Return the requests that share a commitment, oldest first."""
        ...


class Ledger(Protocol):
    """The append-only record of what happened, and the only truth of progress."""

    def advance(
        self,
        request_id: RequestId,
        stage: Stage,
        payload: Mapping[str, JsonValue],
        *,
        lease: Lease,
        outcome: Outcome | None = None,
    ) -> LedgerEntry:
        """Move a request to its next stage and record it, in one transaction.

        Raises:
            LeaseLostError: A larger fencing token was handed out.
            IllegalTransitionError: The stage may not follow the present one.
        """
        ...

    def note(
        self,
        event: str,
        payload: Mapping[str, JsonValue],
        *,
        request_id: RequestId | None = None,
        lease: Lease | None = None,
    ) -> LedgerEntry:
        """Record something that is not a change of stage.

        Raises:
            LeaseLostError: A lease was given and has been taken over.
        """
        ...

    def entries(
        self, request_id: RequestId | None = None, *, event: str | None = None
    ) -> Iterator[LedgerEntry]:
        """Yield the entries of one request, or all, of one kind, or all, in order."""
        ...


class LeaseStore(Protocol):
    """Leases with fencing tokens."""

    def acquire(self, resource: str, *, holder: str, ttl: timedelta) -> Lease:
        """Take a free or expired lease; the token grows with every holder.

        Raises:
            LeaseBusyError: Another holder's lease has not expired.
        """
        ...

    def renew(self, lease: Lease, *, ttl: timedelta) -> Lease:
        """Extend a lease.

        Raises:
            LeaseLostError: Somebody else holds it now.
        """
        ...

    def check(self, lease: Lease) -> None:
        """Make sure that nobody has taken over.

        Raises:
            LeaseLostError: Somebody else holds it now.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give a lease back; a lost lease is left alone."""
        ...

    def is_free(self, resource: str) -> bool:
        """Tell whether nobody holds an unexpired lease."""
        ...
