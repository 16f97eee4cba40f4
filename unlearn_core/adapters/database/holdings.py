"""What the database keeps of a closed request, and how it is deleted."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.tables import (
    CommitmentRow,
    DispatchRow,
    LeafRow,
    LedgerRow,
    MessageRow,
    RequestRow,
)
from unlearn_core.domain.ledger import RETENTION_ANNOUNCED, RETENTION_APPLIED
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.retention import Kind

ERASED_PAYLOAD = "null"
"""What stands where a payload was; a payload is an object."""

_TABLES: Mapping[
    Kind, tuple[type[MessageRow | DispatchRow | CommitmentRow | RequestRow], ...]
] = {
    Kind.MESSAGES: (DispatchRow, MessageRow),
    Kind.COMMITMENTS: (CommitmentRow,),
    Kind.REQUEST: (RequestRow,),
}


class DatabaseHoldings:
    """`Holdings` over the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, kind: Kind, request_id: RequestId) -> int:
        """Return how many rows of a kind there are."""
        with self._database.reading() as session:
            if kind is Kind.LEDGER_CONTENT:
                return len(_filled(session, request_id))
            return sum(
                session.exec(
                    select(sa.func.count())
                    .select_from(table)
                    .where(col(table.request_id) == str(request_id))
                ).one()
                for table in _TABLES.get(kind, ())
            )

    def delete(self, kind: Kind, request_id: RequestId) -> None:
        """Delete the rows of a kind, and their bytes from the database's files."""
        with self._database.writing() as session:
            if kind is Kind.LEDGER_CONTENT:
                _empty(session, _filled(session, request_id))
            for table in _TABLES.get(kind, ()):
                session.exec(
                    sa.delete(table).where(col(table.request_id) == str(request_id))
                )
        self._database.scrub()


def _filled(session: Session, request_id: RequestId) -> list[int]:
    """Return the entries of a request that still say something."""
    told = (RETENTION_ANNOUNCED, RETENTION_APPLIED)
    query = select(LedgerRow.sequence).where(
        col(LedgerRow.request_id) == str(request_id),
        col(LedgerRow.payload) != ERASED_PAYLOAD,
        col(LedgerRow.event).not_in(told),
    )
    return list(session.exec(query).all())


def _empty(session: Session, sequences: list[int]) -> None:
    """Take payload and salt away from entries."""
    changes: tuple[tuple[type[SQLModel], dict[str, str]], ...] = (
        (LedgerRow, {"payload": ERASED_PAYLOAD}),
        (LeafRow, {"salt": ""}),
    )
    for table, values in changes:
        column = table.__table__.c.sequence  # type: ignore[attr-defined]  # SQLModel's
        session.execute(sa.update(table).where(column.in_(sequences)).values(values))
