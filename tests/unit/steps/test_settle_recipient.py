from datetime import timedelta

import pytest
from support.domain import NOW, request_id
from support.domain import request as erasure_request

from unlearn_core.adapters.memory.contact import MemoryNotifier
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.storage import MemoryCustody
from unlearn_core.domain.decisions import DecisionRefusedError
from unlearn_core.domain.dispatches import Dispatch, DispatchState
from unlearn_core.domain.recipients import (
    CONCERNED,
    NOTICE,
    Decided,
    RecipientRefusedError,
    Settlement,
    Told,
)
from unlearn_core.steps import scopes
from unlearn_core.steps.settle_recipient import RecipientDesk, settle_recipient

KEY = request_id()
DECIDED = Decided(settlement=Settlement.DISPROPORTIONATE, officer="Olga")


@pytest.fixture
def desk() -> RecipientDesk:
    """Return a desk; notices to two recipients wait."""
    clock = MemoryClock(NOW)
    store = MemoryRequestStore(leases=MemoryLeaseStore(clock=clock), clock=clock)
    store.receive(erasure_request(), {})
    desk = RecipientDesk(
        officers=("Olga", "Otto"),
        ledger=store,
        outbox=MemoryNotifier(clock=clock),
        custody=MemoryCustody(ledger=store, clock=clock),
    )
    desk.custody.open_scope(scopes.notices(KEY))
    told = [Told(name=name, sources=("crm",), base_model="") for name in ("a", "b")]
    desk.outbox.queue(
        [
            Dispatch(
                request_id=KEY,
                template=NOTICE,
                channel=f"recipient-{item.name}",
                queued_at=NOW,
                due_at=NOW + timedelta(minutes=1),
            )
            for item in told
        ]
    )
    said = {"recipients": [item.to_json() for item in told]}
    store.note(CONCERNED, said, request_id=KEY)
    return desk


def states(desk: RecipientDesk) -> list[tuple[str, str, str]]:
    return [
        (item.channel, item.state, item.reason) for item in desk.outbox.dispatches(KEY)
    ]


def test_what_is_settled_is_sent_no_more(desk: RecipientDesk) -> None:
    settle_recipient(KEY, "a", DECIDED, desk=desk)
    assert states(desk) == [
        ("recipient-a", DispatchState.ABANDONED, "disproportionate"),
        ("recipient-b", DispatchState.WAITING, ""),
    ]
    first, second = desk.told(KEY)
    assert (first.telling, first.officer) == ("disproportionate", "Olga")
    assert second.telling == "waiting"
    assert desk.custody.holds(scopes.notices(KEY))


def test_with_the_last_one_what_notices_say_is_destroyed(desk: RecipientDesk) -> None:
    for name in ("a", "b"):
        settle_recipient(KEY, name, DECIDED, desk=desk)
    assert not desk.custody.holds(scopes.notices(KEY))


def test_only_an_officer_decides(desk: RecipientDesk) -> None:
    nobody = Decided(settlement=Settlement.IMPOSSIBLE, officer="Nobody")
    with pytest.raises(DecisionRefusedError):
        settle_recipient(KEY, "a", nobody, desk=desk)
    assert states(desk)[0][1] == "waiting"


def test_nothing_is_decided_twice(desk: RecipientDesk) -> None:
    settle_recipient(KEY, "a", DECIDED, desk=desk)
    with pytest.raises(RecipientRefusedError):
        settle_recipient(KEY, "a", DECIDED, desk=desk)


def test_nobody_else_can_be_settled(desk: RecipientDesk) -> None:
    with pytest.raises(RecipientRefusedError):
        settle_recipient(KEY, "c", DECIDED, desk=desk)
