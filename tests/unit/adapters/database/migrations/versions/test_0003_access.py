from pathlib import Path

from support.access import access_key
from support.databases import migrated
from support.domain import NOW

from unlearn_core.adapters.database.access_store import DatabaseAccessStore
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.access import Role, Session


def test_going_back_forgets_keys_and_sessions_and_nothing_else(tmp_path: Path) -> None:
    _, key = access_key(Role.OPERATOR)
    with migrated("sqlite", tmp_path) as database:
        store = DatabaseAccessStore(database)
        ledger = DatabaseRequestStore(database, clock=MemoryClock())
        ledger.note("something_noted", {})
        store.add_key(key)
        store.start_session(
            Session(digest="d", caller=key.caller, started_at=NOW, seen_at=NOW)
        )
        database.downgrade("0002")
        database.upgrade()
        assert store.all_keys() == ()
        assert store.session("d") is None
        assert [entry.event for entry in ledger.entries()] == ["something_noted"]
