"""Requests and the ledger in the database.

One class implements both ports, because a change of stage and its ledger entry
must be one transaction.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.lease_store import check_token
from unlearn_core.adapters.database.moments import to_text
from unlearn_core.adapters.database.tables import (
    CommitmentRow,
    LeafRow,
    LedgerRow,
    RequestRow,
)
from unlearn_core.domain.canonical import Digest, JsonValue, canonical_json
from unlearn_core.domain.deadlines import Deadline
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.ledger import GENESIS, LedgerEntry
from unlearn_core.domain.requests import (
    Channel,
    ErasureRequest,
    Outcome,
    RequestId,
    Stage,
    check_transition,
)
from unlearn_core.domain.transparency import LogLeaf, leaf_of
from unlearn_core.errors import UnknownRequestError
from unlearn_core.ports import Clock

_RequestQuery = sa.Select[tuple[RequestRow, str]]

_REQUESTS: _RequestQuery = (
    sa.select(RequestRow, col(CommitmentRow.commitment))
    .join(CommitmentRow, isouter=True)
    .order_by(
        col(RequestRow.received_at),
        col(RequestRow.request_id),
        col(CommitmentRow.commitment),
    )
)
"""Requests, oldest first, each once for every commitment."""

_ENTRIES = sa.select(*sa.inspect(LedgerRow).columns).order_by(col(LedgerRow.sequence))
_LEAVES = sa.select(*sa.inspect(LeafRow).columns).order_by(col(LeafRow.sequence))
_HEAD = (
    sa.select(col(LedgerRow.sequence), col(LedgerRow.entry_hash))
    .order_by(col(LedgerRow.sequence).desc())
    .limit(1)
)


class DatabaseRequestStore:
    """`RequestStore`, `Ledger` and `LeafStore` over the database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def receive(
        self, request: ErasureRequest, payload: Mapping[str, JsonValue]
    ) -> None:
        """Store a new request together with its first ledger entry."""
        check_transition(None, request.stage)
        with self._database.writing() as session:
            session.add(_row(request))
            session.flush()
            session.add_all(
                CommitmentRow(request_id=str(request.request_id), commitment=value)
                for value in request.commitments
            )
            self._append(session, request.stage, payload, request.request_id, 0)

    def get(self, request_id: RequestId) -> ErasureRequest:
        """Return a request."""
        with self._database.reading() as session:
            found = _requests(
                session, _REQUESTS.where(col(RequestRow.request_id) == str(request_id))
            )
        if not found:
            raise UnknownRequestError(request_id=request_id)
        return found[0]

    def all(self) -> tuple[ErasureRequest, ...]:
        """Return every request, oldest first."""
        with self._database.reading() as session:
            return _requests(session, _REQUESTS)

    def with_commitments(
        self, commitments: Collection[str]
    ) -> tuple[ErasureRequest, ...]:
        """Return the requests that share a commitment, oldest first."""
        sharing = select(CommitmentRow.request_id).where(
            col(CommitmentRow.commitment).in_(list(commitments))
        )
        query = _REQUESTS.where(col(RequestRow.request_id).in_(sharing))
        with self._database.reading() as session:
            return _requests(session, query)

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
        with self._database.writing() as session:
            check_token(session, lease)
            row = session.get(RequestRow, str(request_id))
            if row is None:
                raise UnknownRequestError(request_id=request_id)
            check_transition(Stage(row.stage), stage)
            row.stage = stage.value
            row.outcome = outcome.value if outcome else row.outcome
            session.add(row)
            return self._append(session, stage, payload, request_id, lease.token)

    def note(
        self,
        event: str,
        payload: Mapping[str, JsonValue],
        *,
        request_id: RequestId | None = None,
        lease: Lease | None = None,
    ) -> LedgerEntry:
        """Record something that is not a change of stage."""
        with self._database.writing() as session:
            if lease is not None:
                check_token(session, lease)
            token = lease.token if lease else 0
            return self._append(session, event, payload, request_id, token)

    def entries(
        self, request_id: RequestId | None = None, *, event: str | None = None
    ) -> Iterator[LedgerEntry]:
        """Yield the entries of one request, or all, of one kind, or all, in order."""
        query = _ENTRIES
        if request_id is not None:
            query = query.where(col(LedgerRow.request_id) == str(request_id))
        if event is not None:
            query = query.where(col(LedgerRow.event) == str(event))
        with self._database.reading() as session:
            rows = session.execute(query).all()
        yield from map(_entry, rows)

    def leaves(self) -> Iterator[LogLeaf]:
        """Yield the leaves of the log in order."""
        with self._database.reading() as session:
            rows = session.execute(_LEAVES).all()
        yield from map(_leaf, rows)

    def _append(
        self,
        session: Session,
        event: str,
        payload: Mapping[str, JsonValue],
        request_id: RequestId | None,
        token: int,
    ) -> LedgerEntry:
        last = session.execute(_HEAD).first()
        entry = LedgerEntry(
            sequence=last.sequence + 1 if last else 1,
            recorded_at=self._clock.now(),
            request_id=request_id,
            event=str(event),
            payload=json.loads(canonical_json(payload)),
            fencing_token=token,
            previous_hash=Digest(last.entry_hash) if last else GENESIS,
        ).sealed()
        session.add(
            LedgerRow(
                sequence=entry.sequence,
                recorded_at=to_text(entry.recorded_at),
                request_id=str(request_id) if request_id else None,
                event=entry.event,
                payload=canonical_json(entry.payload).decode(),
                fencing_token=token,
                previous_hash=entry.previous_hash,
                entry_hash=entry.entry_hash,
            )
        )
        leaf = leaf_of(entry)
        session.add(
            LeafRow(
                sequence=leaf.sequence,
                salt=leaf.salt.hex(),
                commitment=leaf.commitment.hex(),
            )
        )
        return entry


def _row(request: ErasureRequest) -> RequestRow:
    deadline = request.deadline
    return RequestRow(
        request_id=str(request.request_id),
        channel=request.channel.value,
        received_at=to_text(request.received_at),
        rule=deadline.rule,
        received_on=deadline.received_on.isoformat(),
        due_on=deadline.due_on.isoformat(),
        extended_due_on=deadline.extended_due_on.isoformat(),
        base_model=request.base_model,
        stage=request.stage.value,
        outcome=request.outcome.value if request.outcome else None,
    )


def _requests(session: Session, query: _RequestQuery) -> tuple[ErasureRequest, ...]:
    """Return requests with their commitments, all by one query."""
    return tuple(
        _request(row, tuple(value for _, value in found if value is not None))
        for row, found in groupby(session.execute(query).all(), key=itemgetter(0))
    )


def _request(row: RequestRow, commitments: tuple[str, ...]) -> ErasureRequest:
    return ErasureRequest(
        request_id=RequestId(UUID(row.request_id)),
        channel=Channel(row.channel),
        received_at=datetime.fromisoformat(row.received_at),
        deadline=Deadline(
            rule=row.rule,
            received_on=date.fromisoformat(row.received_on),
            due_on=date.fromisoformat(row.due_on),
            extended_due_on=date.fromisoformat(row.extended_due_on),
        ),
        base_model=row.base_model,
        commitments=commitments,
        stage=Stage(row.stage),
        outcome=Outcome(row.outcome) if row.outcome else None,
    )


def _entry(row: sa.Row[Any]) -> LedgerEntry:
    payload = json.loads(row.payload)
    return LedgerEntry(
        sequence=row.sequence,
        recorded_at=datetime.fromisoformat(row.recorded_at),
        request_id=RequestId(UUID(row.request_id)) if row.request_id else None,
        event=row.event,
        payload=payload or {},
        fencing_token=row.fencing_token,
        previous_hash=Digest(row.previous_hash),
        entry_hash=Digest(row.entry_hash),
        is_erased=payload is None,
    )


def _leaf(row: sa.Row[Any]) -> LogLeaf:
    return LogLeaf(
        sequence=row.sequence,
        salt=bytes.fromhex(row.salt),
        commitment=bytes.fromhex(row.commitment),
    )
