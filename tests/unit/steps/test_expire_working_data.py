from datetime import timedelta

import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.stage_limits import (
    WORKING_DATA_DESTROYED,
    WORKING_DATA_EXPIRED,
    WORKING_DATA_LINGERS,
    WorkingDataExpiredError,
    limits,
)
from unlearn_core.errors import KeyDestroyedError, StorageError
from unlearn_core.ports import KeyDestruction
from unlearn_core.steps import scopes
from unlearn_core.steps.erase_source_records import erase_source_records
from unlearn_core.steps.expire_working_data import ExpiryDesk, expire_working_data
from unlearn_core.steps.notify_data_subject import notify_data_subject
from unlearn_core.steps.purge_working_data import purge_working_data


def desk(controller: Controller) -> ExpiryDesk:
    """Return a desk with the limits of the settings."""
    return ExpiryDesk(
        holder="keeper",
        limits=limits(told_days=14, days=120, stage_days={}),
        requests=controller.store,
        ledger=controller.store,
        leases=controller.leases,
        custody=controller.custody,
        clock=controller.clock,
    )


def held(controller: Controller, number: int = 0) -> RequestId:
    """Return a request whose records were found and that an officer holds."""
    request_id = controller.receive(number)
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    controller.store.advance(request_id, Stage.ON_HOLD, {}, lease=bench.lease)
    controller.leases.release(bench.lease)
    return request_id


def left_alone(controller: Controller) -> RequestId:
    """Return such a request, told of, on the day of the end."""
    request_id = held(controller)
    controller.clock.move(timedelta(days=14))
    assert expire_working_data(desk(controller)) == ()
    controller.clock.move(timedelta(days=106))
    return request_id


def events(controller: Controller, request_id: RequestId) -> list[str]:
    """Return what this step has written, in order."""
    ours = {WORKING_DATA_LINGERS, WORKING_DATA_EXPIRED, WORKING_DATA_DESTROYED}
    return [
        entry.event
        for entry in controller.store.entries(request_id)
        if entry.event in ours
    ]


def test_somebody_is_told_once_and_after_the_limit_the_key_goes(
    controller: Controller,
) -> None:
    request_id, custody = held(controller), controller.custody
    controller.clock.move(timedelta(days=13))
    assert expire_working_data(desk(controller)) == ()
    assert events(controller, request_id) == []
    controller.clock.move(timedelta(days=1))
    for _ in range(2):
        assert expire_working_data(desk(controller)) == ()
    assert events(controller, request_id) == [WORKING_DATA_LINGERS]
    (told,) = controller.entries(request_id, WORKING_DATA_LINGERS)
    assert told.payload == {
        "stage": "on_hold",
        "since": "2026-03-02T09:00:00+00:00",
        "destroyed_at": "2026-06-30T09:00:00+00:00",
    }
    controller.clock.move(timedelta(days=105))
    assert custody.holds(scopes.working(request_id))
    controller.clock.move(timedelta(days=1))
    assert expire_working_data(desk(controller)) == (request_id,)
    assert not custody.holds(scopes.working(request_id))
    assert custody.holds(scopes.contact(request_id))
    assert expire_working_data(desk(controller)) == ()
    assert events(controller, request_id) == [
        WORKING_DATA_LINGERS,
        WORKING_DATA_EXPIRED,
        WORKING_DATA_DESTROYED,
    ]
    (confirmed,) = controller.entries(request_id, WORKING_DATA_DESTROYED)
    assert confirmed.payload["objects"] == 2
    assert confirmed.payload["destroyed_at"] == "2026-06-30T09:00:00+00:00"


def test_a_first_look_that_comes_late_tells_and_destroys_nothing(
    controller: Controller,
) -> None:
    """As after an update, or while the clock is a year ahead."""
    request_id = held(controller)
    controller.clock.move(timedelta(days=365))
    for _ in range(2):
        assert expire_working_data(desk(controller)) == ()
    assert events(controller, request_id) == [WORKING_DATA_LINGERS]
    (told,) = controller.entries(request_id, WORKING_DATA_LINGERS)
    # 365 days after 2 March 2026, and the 106 that are between telling and end.
    assert told.payload["destroyed_at"] == "2027-06-16T09:00:00+00:00"
    controller.clock.move(timedelta(days=105))
    assert expire_working_data(desk(controller)) == ()
    controller.clock.move(timedelta(days=1))
    assert expire_working_data(desk(controller)) == (request_id,)


def test_afterwards_the_request_can_only_be_ended_and_answered(
    controller: Controller,
) -> None:
    request_id = left_alone(controller)
    assert expire_working_data(desk(controller)) == (request_id,)
    bench = controller.bench(request_id)
    store = controller.store
    store.advance(request_id, Stage.RELEASED, {}, lease=bench.lease)
    store.note("work_started", {}, request_id=request_id, lease=bench.lease)
    with pytest.raises(WorkingDataExpiredError, match="lay too long"):
        work_until(Stage.LOCATED, request_id, bench=bench)
    store.advance(request_id, Stage.DECLINED, {}, lease=bench.lease)
    purge_working_data(request_id, bench=bench)
    notify_data_subject(request_id, bench=bench)
    assert store.get(request_id).is_closed


def test_what_a_worker_has_to_finish_is_told_of_and_kept(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    erase_source_records(request_id, bench=bench)
    controller.clock.move(timedelta(days=1000))
    assert expire_working_data(desk(controller)) == ()
    assert events(controller, request_id) == [WORKING_DATA_LINGERS]
    (told,) = controller.entries(request_id, WORKING_DATA_LINGERS)
    assert told.payload["destroyed_at"] is None
    assert controller.custody.holds(scopes.working(request_id))


def test_what_somebody_is_at_work_on_is_left_for_the_next_look(
    controller: Controller,
) -> None:
    request_id = left_alone(controller)
    lease = controller.lease(request_id)
    assert expire_working_data(desk(controller)) == ()
    assert controller.custody.holds(scopes.working(request_id))
    controller.leases.release(lease)
    assert expire_working_data(desk(controller)) == (request_id,)


def test_a_destruction_that_was_cut_off_is_made_up_for(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = left_alone(controller)

    def down(_scope: str) -> None:
        raise StorageError(errno=5)

    with monkeypatch.context() as broken:
        broken.setattr(controller.custody, "shred", down)
        with pytest.raises(StorageError):
            expire_working_data(desk(controller))
    assert events(controller, request_id)[1:] == [WORKING_DATA_EXPIRED]
    assert expire_working_data(desk(controller)) == (request_id,)
    assert events(controller, request_id)[1:] == [
        WORKING_DATA_EXPIRED,
        WORKING_DATA_DESTROYED,
    ]
    with pytest.raises(KeyDestroyedError):
        controller.custody.get(scopes.working(request_id), scopes.CONTENT)


def test_one_that_cannot_be_destroyed_does_not_keep_the_others(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, *others = (held(controller, number) for number in range(3))
    controller.clock.move(timedelta(days=14))
    assert expire_working_data(desk(controller)) == ()
    controller.clock.move(timedelta(days=106))
    shred = controller.custody.shred

    def shred_others(scope: str) -> KeyDestruction:
        if scope == scopes.working(broken):
            raise StorageError(errno=5)
        return shred(scope)

    monkeypatch.setattr(controller.custody, "shred", shred_others)
    with pytest.raises(StorageError):
        expire_working_data(desk(controller))
    left = [item for item in (broken, *others) if _is_left(controller, item)]
    assert left == [broken]
    assert controller.leases.is_free(str(broken))


def _is_left(controller: Controller, request_id: RequestId) -> bool:
    return controller.custody.holds(scopes.working(request_id))


def test_a_request_that_was_answered_is_not_looked_at(controller: Controller) -> None:
    request_id = held(controller)
    bench = controller.bench(request_id)
    controller.store.advance(request_id, Stage.DECLINED, {}, lease=bench.lease)
    purge_working_data(request_id, bench=bench)
    notify_data_subject(request_id, bench=bench)
    controller.clock.move(timedelta(days=1000))
    assert expire_working_data(desk(controller)) == ()
    assert events(controller, request_id) == []
