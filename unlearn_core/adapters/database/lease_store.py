"""Leases in the database."""

from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.moments import to_text
from unlearn_core.adapters.database.tables import LeaseRow
from unlearn_core.domain.leases import Lease
from unlearn_core.errors import LeaseBusyError, LeaseLostError
from unlearn_core.ports import Clock

_NOBODY = ""


class DatabaseLeaseStore:
    """`LeaseStore` over the database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def acquire(self, resource: str, *, holder: str, ttl: timedelta) -> Lease:
        """Take a free or expired lease; the token grows with every holder."""
        try:
            with self._database.changing() as session:
                row = session.get(LeaseRow, resource, with_for_update=True)
                if row is not None and self._is_held(row):
                    raise LeaseBusyError(resource=resource)
                row = row or LeaseRow(
                    resource=resource, holder="", token=0, expires_at=""
                )
                row.holder = holder
                row.token += 1
                return self._extend(session, row, ttl)
        except IntegrityError:
            # Somebody else was the first to ever take it, at this moment.
            raise LeaseBusyError(resource=resource) from None

    def renew(self, lease: Lease, *, ttl: timedelta) -> Lease:
        """Extend a lease."""
        with self._database.changing() as session:
            row = session.get(LeaseRow, lease.resource, with_for_update=True)
            return self._extend(session, _held_under(row, lease), ttl)

    def check(self, lease: Lease) -> None:
        """Make sure that nobody has taken over."""
        with self._database.reading() as session:
            _held_under(session.get(LeaseRow, lease.resource), lease)

    def release(self, lease: Lease) -> None:
        """Give a lease back; a lost lease is left alone."""
        with self._database.changing() as session:
            row = session.get(LeaseRow, lease.resource, with_for_update=True)
            if row is not None and row.token == lease.token:
                row.holder = _NOBODY
                session.add(row)

    def is_free(self, resource: str) -> bool:
        """Tell whether nobody holds an unexpired lease."""
        with self._database.reading() as session:
            row = session.get(LeaseRow, resource)
            return row is None or not self._is_held(row)

    def _is_held(self, row: LeaseRow) -> bool:
        return row.holder != _NOBODY and row.expires_at > to_text(self._clock.now())

    def _extend(self, session: Session, row: LeaseRow, ttl: timedelta) -> Lease:
        row.expires_at = to_text(self._clock.now() + ttl)
        session.add(row)
        return Lease(
            resource=row.resource,
            holder=row.holder,
            token=row.token,
            expires_at=datetime.fromisoformat(row.expires_at),
        )


def check_token(session: Session, lease: Lease) -> None:
    """Make sure that a lease is valid until the end of a transaction.

    Raises:
        LeaseLostError: A larger token was handed out, or the lease was given back.
    """
    row = session.get(LeaseRow, lease.resource, with_for_update={"read": True})
    _held_under(row, lease)


def _held_under(row: LeaseRow | None, lease: Lease) -> LeaseRow:
    if row is None or row.token != lease.token or row.holder == _NOBODY:
        raise LeaseLostError(resource=lease.resource, token=lease.token)
    return row
