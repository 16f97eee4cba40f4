"""Opens the database and keeps its schema current.

- What appends to the ledger runs in a transaction that takes the write lock at once,
  so reading the ledger's head and appending to it cannot interleave with another.
- What concerns rows of its own, such as a lease or a key, locks those alone on
  PostgreSQL, so nobody waits for another's flush to the disk. SQLite has one lock.
- SQLite runs with a write-ahead log, full synchronisation and overwriting of freed
  pages; `scrub` empties the log, so deleted bytes are gone from the files.
- Statements are never shown with their parameters.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import ConnectionPoolEntry as PoolRecord
from sqlmodel import Session

from unlearn_core.errors import DatabaseUnavailableError, SettingsError

MIGRATIONS = Path(__file__).parent / "migrations"
WRITE_LOCK = 0x756E6C  # an advisory lock of ours on PostgreSQL
BUSY_TIMEOUT_MILLISECONDS = 30_000
IDLE_SECONDS = 5.0
"""How long a connection may rest and be used again without asking whether it is up."""

_WRITES = "unlearn_writes"
_USED = "unlearn_used"


class Database:
    """One database.

    Args:
        url: SQLAlchemy address.

    Raises:
        SettingsError: The address is malformed or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
            self._engine = sa.create_engine(parsed, hide_parameters=True)
        except (sa.exc.ArgumentError, ImportError):
            raise SettingsError(variable="UNLEARN_DATABASE_URL") from None
        if self.is_sqlite and parsed.database:
            # Where no folder can be made, connecting says so.
            with suppress(OSError):
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        sa.event.listen(self._engine, "checkin", _note_use)
        sa.event.listen(self._engine, "checkout", _ping_if_idle)
        if self.is_sqlite:
            sa.event.listen(self._engine, "connect", _configure_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)

    @property
    def is_sqlite(self) -> bool:
        """Tell whether this is SQLite."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session for reading.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with _translated(), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that holds the write lock and commits at the end.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with self.changing() as session:
            if not self.is_sqlite:
                session.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITE_LOCK)))
            yield session

    @contextmanager
    def changing(self) -> Iterator[Session]:
        """Open a session that locks the rows it asks to lock and commits at the end.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with _translated(), Session(self._writer) as session:
            yield session
            session.commit()

    def upgrade(self) -> None:
        """Bring the schema to the newest version.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with _translated(), self._writer.begin() as connection:
            command.upgrade(self._alembic(connection), "head")

    def downgrade(self, revision: str) -> None:
        """Take the schema back; for tests and emergencies."""
        with _translated(), self._writer.begin() as connection:
            command.downgrade(self._alembic(connection), revision)

    def is_current(self) -> bool:
        """Tell whether the schema is the newest one."""
        with _translated(), self._engine.connect() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
            newest = ScriptDirectory.from_config(self._alembic(connection))
            return present == newest.get_current_head()

    def scrub(self) -> None:
        """Remove the bytes of deleted values from the database's files.

        Raises:
            DatabaseUnavailableError: Somebody is still reading the values.
        """
        if self.is_sqlite:
            with _translated(), self._engine.connect() as connection:
                raw = connection.connection.driver_connection
                checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
                if raw is not None and raw.execute(checkpoint).fetchone()[0]:
                    raise DatabaseUnavailableError

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @staticmethod
    def _alembic(connection: sa.Connection) -> Config:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        return config


@contextmanager
def _translated() -> Iterator[None]:
    """Turn errors of the driver into ours, without their text."""
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except (sa.exc.DBAPIError, sa.exc.TimeoutError):
        raise DatabaseUnavailableError from None


def _note_use(_connection: object, record: PoolRecord) -> None:
    record.info[_USED] = time.monotonic()


def _ping_if_idle(connection: Any, record: PoolRecord, _proxy: object) -> None:  # noqa: ANN401 - a DB-API connection
    """Have a connection replaced that the server has left while nobody used it."""
    used = record.info.get(_USED)
    if used is None or time.monotonic() - used < IDLE_SECONDS:
        return
    try:
        connection.cursor().execute("SELECT 1")
        connection.rollback()
    except Exception:  # noqa: BLE001 - each driver has errors of its own
        raise sa.exc.DisconnectionError from None


def _configure_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DB-API connection
    # SQLAlchemy begins transactions itself, see `_begin_sqlite`.
    connection.isolation_level = None  # type: ignore[attr-defined]  # likewise
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "secure_delete = ON",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_MILLISECONDS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
