"""What only a database shows; the rest is in the contract tests."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.databases import open_sqlite
from support.domain import request as erasure_request
from support.domain import request_id

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.ledger import verify_chain
from unlearn_core.errors import LedgerBrokenError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the database's file."""
    return tmp_path / "unlearn.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """Return a database."""
    with closing(open_sqlite(path.parent)) as database:
        yield database


def test_two_processes_append_to_one_chain(database: Database, path: Path) -> None:
    """Two engines on one file share nothing but the file."""
    with closing(Database(f"sqlite:///{path}")) as other:
        stores = [
            DatabaseRequestStore(each, clock=MemoryClock())
            for each in (database, other)
        ]

        def append(store: DatabaseRequestStore) -> None:
            for number in range(15):
                store.note("written", {"number": number})

        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(append, stores))
        for store in stores:
            assert verify_chain(store.entries()) == 30


def test_a_request_that_is_received_twice_is_kept_once(database: Database) -> None:
    store = DatabaseRequestStore(database, clock=MemoryClock())
    store.receive(erasure_request(), {})
    with pytest.raises(sa.exc.IntegrityError):
        store.receive(erasure_request(), {})
    assert len(store.all()) == 1
    assert verify_chain(store.entries()) == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_entry SET payload = '{\"found\":0}' WHERE sequence = 2",
        "UPDATE ledger_entry SET recorded_at = '2026-03-02T09:00:00.000001+00:00'",
        "DELETE FROM ledger_entry WHERE sequence = 2",
        "UPDATE ledger_entry SET request_id = NULL WHERE sequence = 1",
        "UPDATE ledger_entry SET fencing_token = 9 WHERE sequence = 3",
    ],
)
def test_a_change_behind_the_ledgers_back_breaks_the_chain(
    database: Database, path: Path, change: str
) -> None:
    store = DatabaseRequestStore(database, clock=MemoryClock())
    store.receive(erasure_request(), {"identifiers": 2})
    store.note("source_searched", {"found": 3}, request_id=request_id())
    store.note("source_searched", {"found": 1}, request_id=request_id())
    assert verify_chain(store.entries()) == 3
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(change)
        connection.commit()
    with pytest.raises(LedgerBrokenError):
        verify_chain(store.entries())


def test_everything_survives_a_restart(database: Database, path: Path) -> None:
    store = DatabaseRequestStore(database, clock=MemoryClock())
    store.receive(erasure_request(), {"identifiers": 2})
    before = list(store.entries())
    database.close()
    with closing(Database(f"sqlite:///{path}")) as again:
        reopened = DatabaseRequestStore(again, clock=MemoryClock())
        assert reopened.all() == (erasure_request(),)
        assert list(reopened.entries()) == before


def test_all_requests_are_read_by_one_query(database: Database) -> None:
    store = DatabaseRequestStore(database, clock=MemoryClock())
    requests = [
        erasure_request(number, commitments=("k1:a", "k1:b")[: number - 1])
        for number in range(1, 4)
    ]
    for request in requests:
        store.receive(request, {})
    asked: list[str] = []
    listens = sa.event.listens_for(sa.engine.Engine, "before_cursor_execute")

    @listens
    def note(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    try:
        found = store.all()
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", note)
    assert found == tuple(requests)
    assert sum("SELECT" in statement for statement in asked) == 1
