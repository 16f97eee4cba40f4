"""Access keys and sessions in the database."""

from datetime import datetime

from sqlmodel import col, delete, or_, select

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.moments import to_text
from unlearn_core.adapters.database.tables import AccessKeyRow, SessionRow
from unlearn_core.domain.access import (
    IDLE_TIME,
    LONGEST_SESSION,
    AccessKey,
    Caller,
    Role,
    Session,
)


class DatabaseAccessStore:
    """`AccessStore` over the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_key(self, key: AccessKey) -> None:
        """Keep a new key."""
        with self._database.writing() as session:
            session.add(
                AccessKeyRow(
                    key_id=key.key_id,
                    name=key.name,
                    roles=_to_words(key.roles),
                    digest=key.digest,
                    created_at=to_text(key.created_at),
                )
            )

    def key(self, key_id: str) -> AccessKey | None:
        """Return a key, revoked or not."""
        with self._database.reading() as session:
            row = session.get(AccessKeyRow, key_id)
            return _key(row) if row else None

    def all_keys(self) -> tuple[AccessKey, ...]:
        """Return all keys, oldest first, revoked ones too."""
        query = select(AccessKeyRow).order_by(
            AccessKeyRow.created_at, AccessKeyRow.key_id
        )
        with self._database.reading() as session:
            return tuple(map(_key, session.exec(query).all()))

    def revoke_key(self, key_id: str, *, at: datetime) -> None:
        """End a key and every session that it opened; again changes nothing."""
        with self._database.writing() as session:
            row = session.get(AccessKeyRow, key_id)
            if row is not None and row.revoked_at is None:
                row.revoked_at = to_text(at)
                session.add(row)
            session.exec(delete(SessionRow).where(col(SessionRow.key_id) == key_id))

    def start_session(self, session: Session) -> None:
        """Keep a new session."""
        caller = session.caller
        with self._database.writing() as writing:
            writing.add(
                SessionRow(
                    digest=session.digest,
                    who=caller.who,
                    name=caller.name,
                    roles=_to_words(caller.roles),
                    started_at=to_text(session.started_at),
                    seen_at=to_text(session.seen_at),
                    key_id=session.key_id,
                )
            )

    def session(self, digest: str) -> Session | None:
        """Return a session, over or not."""
        with self._database.reading() as reading:
            row = reading.get(SessionRow, digest)
            if row is None:
                return None
            return Session(
                digest=row.digest,
                caller=Caller(who=row.who, name=row.name, roles=_to_roles(row.roles)),
                started_at=datetime.fromisoformat(row.started_at),
                seen_at=datetime.fromisoformat(row.seen_at),
                key_id=row.key_id,
            )

    def touch_session(self, digest: str, *, at: datetime) -> None:
        """Note that a session was used."""
        with self._database.writing() as writing:
            row = writing.get(SessionRow, digest)
            if row is not None:
                row.seen_at = to_text(at)
                writing.add(row)

    def end_session(self, digest: str) -> None:
        """Forget a session; again changes nothing."""
        with self._database.writing() as writing:
            writing.exec(delete(SessionRow).where(col(SessionRow.digest) == digest))

    def forget_sessions(self, *, now: datetime) -> None:
        """Forget every session that is over."""
        is_over = or_(
            col(SessionRow.seen_at) <= to_text(now - IDLE_TIME),
            col(SessionRow.started_at) <= to_text(now - LONGEST_SESSION),
        )
        with self._database.writing() as writing:
            writing.exec(delete(SessionRow).where(is_over))


def _key(row: AccessKeyRow) -> AccessKey:
    return AccessKey(
        key_id=row.key_id,
        name=row.name,
        roles=_to_roles(row.roles),
        digest=row.digest,
        created_at=datetime.fromisoformat(row.created_at),
        revoked_at=datetime.fromisoformat(row.revoked_at) if row.revoked_at else None,
    )


def _to_words(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))


def _to_roles(words: str) -> frozenset[Role]:
    return frozenset(map(Role, words.split()))
