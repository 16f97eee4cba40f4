"""Wrapped data keys in the database, and the evidence of their destruction."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.moments import to_text
from unlearn_core.adapters.database.tables import WrappedKeyRow
from unlearn_core.domain.canonical import Digest, digest_of
from unlearn_core.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A wrapped key, or what is left of one.

    Attributes:
        wrapped: The wrapped key; None once destroyed.
        digest: Digest of the wrapped key.
        destroyed_at: Moment of destruction, ISO 8601.
        objects_removed: Number of objects removed with it.
    """

    wrapped: bytes | None
    digest: Digest
    destroyed_at: str | None
    objects_removed: int


class DatabaseKeyStore:
    """Keeps one wrapped key per scope."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, scope: str, wrapped: bytes) -> None:
        """Store a wrapped key, unless the scope has or had one."""
        # The other key, if somebody adds one at this moment, is the scope's.
        with suppress(IntegrityError), self._database.changing() as session:
            if session.get(WrappedKeyRow, scope) is None:
                session.add(
                    WrappedKeyRow(
                        scope=scope,
                        wrapped=wrapped,
                        digest=digest_of(wrapped),
                        created_at=to_text(self._clock.now()),
                    )
                )

    def get(self, scope: str) -> WrappedKey | None:
        """Return the key of a scope."""
        with self._database.reading() as session:
            row = session.get(WrappedKeyRow, scope)
            return _key(row) if row else None

    def destroy(self, scope: str) -> WrappedKey | None:
        """Overwrite a key for good; a second call changes nothing."""
        with self._database.changing() as session:
            row = session.get(WrappedKeyRow, scope, with_for_update=True)
            if row is None:
                return None
            if row.wrapped is not None:
                row.wrapped = None
                row.destroyed_at = to_text(self._clock.now())
                session.add(row)
            key = _key(row)
        self._database.scrub()
        return key

    def rewrap(self, change: Callable[[str, bytes], bytes]) -> int:
        """Change every wrapped key in one transaction; return how many are new.

        Args:
            change: Gives the new form of a scope's wrapped key, or the same.
        """
        changed = 0
        with self._database.changing() as session:
            living = (
                select(WrappedKeyRow)
                .where(col(WrappedKeyRow.wrapped).is_not(None))
                .order_by(WrappedKeyRow.scope)
                .with_for_update()
            )
            for row in session.exec(living).all():
                wrapped = change(row.scope, row.wrapped or b"")
                if wrapped != row.wrapped:
                    row.wrapped, row.digest = wrapped, digest_of(wrapped)
                    session.add(row)
                    changed += 1
        self._database.scrub()
        return changed

    def count_removed(self, scope: str, objects: int) -> None:
        """Add to the number of objects that were removed with a key."""
        with self._database.changing() as session:
            row = session.get(WrappedKeyRow, scope, with_for_update=True)
            if row is not None:
                row.objects_removed += objects
                session.add(row)


def _key(row: WrappedKeyRow) -> WrappedKey:
    return WrappedKey(
        wrapped=row.wrapped,
        digest=Digest(row.digest),
        destroyed_at=row.destroyed_at,
        objects_removed=row.objects_removed,
    )
