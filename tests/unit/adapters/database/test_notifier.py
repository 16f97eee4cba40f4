"""What only a database shows; the rest is in the contract tests."""

from contextlib import closing
from pathlib import Path

from support.databases import open_sqlite
from support.domain import request as erasure_request
from support.domain import request_id

from unlearn_core.adapters.database.notifier import StatusPageNotifier
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.privacy import Personal


def test_the_subjects_address_is_not_written_anywhere(tmp_path: Path) -> None:
    clock = MemoryClock()
    with closing(open_sqlite(tmp_path)) as database:
        DatabaseRequestStore(database, clock=clock).receive(erasure_request(), {})
        notifier = StatusPageNotifier(database, clock=clock)
        notifier.notify(
            erasure_request(),
            template="fulfilled",
            contact=Personal("canary@example.org"),
        )
        assert notifier.posted(request_id()) == ("fulfilled",)
        for path in tmp_path.iterdir():
            assert b"canary" not in path.read_bytes()
