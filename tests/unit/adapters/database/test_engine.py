import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.databases import KINDS, migrated, postgres_schema

from unlearn_core.adapters.database import engine
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.tables import LeaseRow, MessageRow, WrappedKeyRow
from unlearn_core.errors import DatabaseUnavailableError, SettingsError


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Return a migrated database of each kind."""
    with migrated(request.param, tmp_path) as opened:
        yield opened


def lease_row(resource: str = "r") -> LeaseRow:
    """Return some row."""
    return LeaseRow(resource=resource, holder="h", token=1, expires_at="2026")


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_database_is_brought_up_and_taken_back(
    kind: str, tmp_path: Path
) -> None:
    if kind == "sqlite":
        _bring_up_and_take_back(f"sqlite:///{tmp_path}/new/folder/unlearn.db")
        return
    with postgres_schema() as url:
        _bring_up_and_take_back(url)


def _bring_up_and_take_back(url: str) -> None:
    with closing(Database(url)) as database:
        assert not database.is_current()
        for _ in range(2):
            database.upgrade()
            assert database.is_current()
        database.downgrade("base")
        assert not database.is_current()
        with database._engine.connect() as connection:
            assert set(sa.inspect(connection).get_table_names()) == {"alembic_version"}


def test_what_is_written_can_be_read(database: Database) -> None:
    with database.writing() as session:
        session.add(lease_row())
    with database.reading() as session:
        assert session.get(LeaseRow, "r") is not None


def test_a_failure_undoes_the_whole_transaction(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.add(lease_row())
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with database.reading() as session:
        assert session.get(LeaseRow, "r") is None


def test_reading_cannot_change_anything_by_accident(database: Database) -> None:
    with database.reading() as session:
        session.add(lease_row())
        session.flush()
    with database.reading() as session:
        assert session.get(LeaseRow, "r") is None


def test_two_writers_take_turns(database: Database) -> None:
    """Each reads the highest token and writes the next; none may be lost."""
    with database.writing() as session:
        session.add(lease_row())

    def count(_: int) -> None:
        with database.writing() as session:
            row = session.get(LeaseRow, "r")
            assert row is not None
            row.token += 1
            session.add(row)

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(count, range(20)))
    with database.reading() as session:
        row = session.get(LeaseRow, "r")
        assert row is not None
        assert row.token == 21


def test_a_database_that_stays_locked_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MILLISECONDS", 10)
    path = tmp_path / "unlearn.db"
    asks = ask(f"sqlite:///{path}")
    asks["upgrade"]()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asks["read"]()
        with pytest.raises(DatabaseUnavailableError):
            asks["write"]()
    asks["write"]()


def test_deleted_bytes_are_gone_from_the_files_after_a_scrub(tmp_path: Path) -> None:
    secret = b"wrapped-key-of-ada" * 8
    with migrated("sqlite", tmp_path) as database:
        with database.writing() as session:
            session.add(
                WrappedKeyRow(scope="s", wrapped=secret, digest="d", created_at="2026")
            )
        assert any(secret in path.read_bytes() for path in tmp_path.iterdir())
        with database.writing() as session:
            row = session.get(WrappedKeyRow, "s")
            assert row is not None
            row.wrapped = None
            session.add(row)
        database.scrub()
        assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("secure_delete", 1),
        ("foreign_keys", 1),
    ],
)
def test_sqlite_is_careful_however_it_was_built(
    tmp_path: Path, pragma: str, value: object
) -> None:
    """2 is FULL: every commit reaches the disk. 1: freed pages are overwritten."""

    def careless(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA {pragma} = OFF").fetchall()

    with migrated("sqlite", tmp_path) as database:
        sa.event.listen(database._engine, "connect", careless, insert=True)
        with database.reading() as session:
            assert session.execute(sa.text(f"PRAGMA {pragma}")).scalar_one() == value


def test_a_message_needs_its_request(database: Database) -> None:
    def post() -> None:
        with database.writing() as session:
            session.add(MessageRow(request_id="none", template="t", created_at="2026"))

    with pytest.raises(sa.exc.IntegrityError):
        post()


def test_a_scrub_that_a_reader_prevents_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MILLISECONDS", 10)
    with migrated("sqlite", tmp_path) as database:
        with database.reading() as reader:
            reader.get(LeaseRow, "r")
            with database.writing() as session:
                session.add(lease_row())
            with pytest.raises(DatabaseUnavailableError):
                database.scrub()
        database.scrub()


def test_scrubbing_is_harmless_elsewhere(database: Database) -> None:
    database.scrub()


def ask(url: str) -> dict[str, Callable[[], object]]:
    """Return everything that may be asked of a database."""
    database = Database(url)

    def write() -> None:
        with database.writing() as session:
            session.add(lease_row())

    def read() -> None:
        with database.reading() as session:
            session.get(LeaseRow, "r")

    return {
        "write": write,
        "read": read,
        "upgrade": database.upgrade,
        "is_current": database.is_current,
        "scrub": database.scrub,
    }


@pytest.mark.parametrize("what", ["write", "read", "upgrade", "is_current", "scrub"])
@pytest.mark.parametrize("damage", ["no database", "in the way"])
def test_a_database_that_cannot_be_used_is_unavailable(
    tmp_path: Path, what: str, damage: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"this was never a database" * 64)
    place = path if damage == "no database" else path / "unlearn.db"
    with pytest.raises(DatabaseUnavailableError) as raised:
        ask(f"sqlite:///{place}")[what]()
    assert raised.value.__cause__ is None
    assert raised.value.facts == {}


def test_a_database_without_tables_is_unavailable(tmp_path: Path) -> None:
    asks = ask(f"sqlite:///{tmp_path}/empty.db")
    for what in ("write", "read"):
        with pytest.raises(DatabaseUnavailableError):
            asks[what]()


def test_a_server_that_is_away_is_unavailable() -> None:
    pytest.importorskip("psycopg")
    asks = ask("postgresql+psycopg://127.0.0.1:9/unlearn?connect_timeout=1")
    for what in ("write", "read", "upgrade"):
        with pytest.raises(DatabaseUnavailableError):
            asks[what]()


@pytest.mark.integration
@pytest.mark.parametrize("has_rested", [True, False])
def test_a_connection_that_the_server_left_is_replaced_after_a_rest(
    monkeypatch: pytest.MonkeyPatch, *, has_rested: bool
) -> None:
    """One that was used just now is not asked for; losing it is an outage."""
    monkeypatch.setattr(engine, "IDLE_SECONDS", 0.0 if has_rested else 1e9)
    with (
        postgres_schema() as url,
        closing(Database(url)) as ours,
        closing(Database(url)) as others,
    ):
        with ours.reading() as session:
            ours_id = session.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
        with others.reading() as session:
            ended = sa.func.pg_terminate_backend(ours_id, 30_000)
            assert session.execute(sa.select(ended)).scalar_one()
        with nullcontext() if has_rested else pytest.raises(DatabaseUnavailableError):
            ask_for_one(ours)
        ask_for_one(ours)


def ask_for_one(database: Database) -> None:
    """Ask the database for something."""
    with database.reading() as session:
        assert session.execute(sa.select(1)).scalar_one() == 1


def test_a_row_that_is_there_already_is_an_error_of_the_caller(
    database: Database,
) -> None:
    def add() -> None:
        with database.writing() as session:
            session.add(lease_row())

    add()
    with pytest.raises(sa.exc.IntegrityError) as raised:
        add()
    assert "hide_parameters" in str(raised.value)


@pytest.mark.parametrize(
    "url", ["not an address", "nosuch://host/db", "sqlite+nosuchdriver:///file"]
)
def test_a_malformed_address_is_an_error_of_the_settings(url: str) -> None:
    with pytest.raises(SettingsError, match="variable=UNLEARN_DATABASE_URL"):
        Database(url)
