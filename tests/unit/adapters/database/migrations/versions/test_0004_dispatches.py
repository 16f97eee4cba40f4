from pathlib import Path

from support.databases import migrated
from support.domain import request as erasure_request
from support.domain import request_id

from unlearn_core.adapters.database.notifier import StatusPageNotifier
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.dispatches import Route
from unlearn_core.privacy import Personal


def test_going_back_forgets_what_is_on_its_way_and_keeps_what_was_posted(
    tmp_path: Path,
) -> None:
    clock = MemoryClock()
    with migrated("sqlite", tmp_path) as database:
        DatabaseRequestStore(database, clock=clock).receive(erasure_request(), {})
        mail = Route(channel="email", needs_address=True)
        notifier = StatusPageNotifier(database, clock=clock, routes=(mail,))
        assert notifier.notify(
            erasure_request(),
            template="acknowledged",
            contact=Personal("ada@post.example"),
        )
        database.downgrade("0003")
        database.upgrade()
        assert notifier.dispatches() == ()
        assert notifier.posted(request_id()) == ("acknowledged",)
