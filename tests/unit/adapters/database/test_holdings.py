from pathlib import Path

from support.databases import open_sqlite
from support.domain import request as erasure_request
from support.domain import request_id

from unlearn_core.adapters.clock import SystemClock
from unlearn_core.adapters.database.holdings import DatabaseHoldings
from unlearn_core.adapters.database.notifier import StatusPageNotifier
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.webhooks import route_to
from unlearn_core.domain.retention import Kind


def test_messages_go_with_what_became_of_them(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)
    clock = SystemClock()
    DatabaseRequestStore(database, clock=clock).receive(erasure_request(), {})
    routes = (route_to("https://hooks.example/unlearn"),)
    notifier = StatusPageNotifier(database, clock=clock, routes=routes)
    notifier.notify(erasure_request(), template="acknowledged", contact=None)
    holdings = DatabaseHoldings(database)
    assert holdings.count(Kind.MESSAGES, request_id()) == 2
    holdings.delete(Kind.MESSAGES, request_id())
    assert holdings.count(Kind.MESSAGES, request_id()) == 0
    assert notifier.posted(request_id()) == ()
    assert notifier.dispatches() == ()
    database.close()


def test_deleted_commitments_are_gone_from_the_files(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)
    store = DatabaseRequestStore(database, clock=SystemClock())
    store.receive(erasure_request(commitments=("k1:canary",)), {})
    DatabaseHoldings(database).delete(Kind.COMMITMENTS, request_id())
    database.close()
    for path in tmp_path.iterdir():
        assert b"k1:canary" not in path.read_bytes()
