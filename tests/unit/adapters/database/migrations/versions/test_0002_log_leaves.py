from pathlib import Path

import pytest
import sqlalchemy as sa
from support.databases import KINDS, migrated
from support.domain import request as erasure_request

from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.ledger import verify_chain
from unlearn_core.domain.transparency import matched


@pytest.mark.parametrize("kind", KINDS)
def test_entries_that_exist_get_leaves_and_keep_their_hashes(
    kind: str, tmp_path: Path
) -> None:
    with migrated(kind, tmp_path) as database:
        store = DatabaseRequestStore(database, clock=MemoryClock())
        store.receive(erasure_request(), {"text": "äöü ≤ 日本", "share": 0.1})
        store.note("written", {"list": [1, None, True], "nested": {"b": 1, "a": 2}})
        entries = list(store.entries())
        first = list(store.leaves())
        database.downgrade("0001")
        assert "log_leaf" not in sa.inspect(database._engine).get_table_names()
        assert list(store.entries()) == entries
        database.upgrade()
        again = list(store.leaves())
        assert len(list(matched(entries, again))) == verify_chain(entries) == 2
        # Salt is drawn anew: the old one is gone with its table.
        assert not {leaf.hash for leaf in first} & {leaf.hash for leaf in again}
        store.note("written", {})
        assert len(list(matched(store.entries(), store.leaves()))) == 3
