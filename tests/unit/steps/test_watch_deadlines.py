from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.intake import IntakeWorld

from unlearn_core.domain.deadlines import ExtensionReason
from unlearn_core.domain.docket import (
    DEADLINE_EXTENDED,
    EXTENSION_DRAFTED,
    Alarm,
    read_docket,
)
from unlearn_core.domain.forecast import Forecast
from unlearn_core.domain.ledger import LedgerEntry, verify_chain
from unlearn_core.domain.requests import Channel, RequestId, Stage
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.steps.receive_request import Submission, receive_request
from unlearn_core.steps.watch_deadlines import (
    RESOURCE,
    DeadlineWatch,
    watch_deadlines,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


def watch_of(world: IntakeWorld) -> DeadlineWatch:
    return DeadlineWatch(
        holder="watch-1",
        timezone=ZoneInfo("Europe/Berlin"),
        is_holiday=lambda _day: False,
        requests=world.store,
        ledger=world.store,
        leases=world.leases,
        clock=world.clock,
    )


def receive(world: IntakeWorld) -> RequestId:
    subject = parse_subject({"name": "Ada Example", "email": "ada@example.org"})
    submission = Submission(
        subject=subject, evidence=None, contact=None, channel=Channel.HTTP
    )
    return receive_request(submission, desk=world.desk()).request_id


def alarms(world: IntakeWorld, request_id: RequestId) -> list[LedgerEntry]:
    return [
        entry for entry in world.store.entries(request_id) if entry.event in set(Alarm)
    ]


def test_a_request_is_warned_about_escalated_and_reported_late_once_each(
    world: IntakeWorld,
) -> None:
    # Received on 2 March 2026 at 10.30 in Berlin, due on 2 April.
    request_id = receive(world)
    for _ in range(40 * 4):
        watch_deadlines(watch_of(world))
        world.clock.move(timedelta(hours=6))
    assert [
        (entry.event, entry.payload["days_left"]) for entry in alarms(world, request_id)
    ] == [("deadline_near", 10), ("deadline_pressing", 3), ("deadline_missed", -1)]
    # Before them: three keys and the receipt; among them a draft of an extension.
    assert verify_chain(world.store.entries()) == 8


def test_a_warning_names_how_far_an_extension_would_reach(world: IntakeWorld) -> None:
    request_id = receive(world)
    world.clock.move(timedelta(days=25))
    assert watch_deadlines(watch_of(world)) == (Alarm.NEAR,)
    world.clock.move(timedelta(days=10))
    assert watch_deadlines(watch_of(world)) == (Alarm.MISSED,)
    assert [dict(entry.payload) for entry in alarms(world, request_id)] == [
        {
            "due_on": "2026-04-02",
            "days_left": 6,
            "stage": "received",
            "could_be_extended_to": "2026-06-02",
        },
        {
            "due_on": "2026-04-02",
            "days_left": -4,
            "stage": "received",
            "could_be_extended_to": None,
        },
    ]


def drafts(world: IntakeWorld, request_id: RequestId) -> list[dict[str, object]]:
    return [
        dict(entry.payload)
        for entry in world.store.entries(request_id)
        if entry.event == EXTENSION_DRAFTED
    ]


def test_an_extension_is_drafted_once_and_on_the_last_days(world: IntakeWorld) -> None:
    request_id = receive(world)
    world.clock.move(timedelta(days=29))
    watch_deadlines(watch_of(world))
    assert drafts(world, request_id) == []
    for _ in range(2):
        world.clock.move(timedelta(days=1))
        watch_deadlines(watch_of(world))
    assert drafts(world, request_id) == [
        {
            "due_on": "2026-04-02",
            "extended_to": "2026-06-02",
            "reason": "complexity",
            "expected_on": None,
        }
    ]
    docket = watch_of(world).docket(world.store.get(request_id))
    assert (docket.drafted, docket.is_extended) == (ExtensionReason.COMPLEXITY, False)


@pytest.mark.parametrize(
    ("expected_on", "late_on", "ahead", "reason"),
    [
        (date(2026, 4, 2), date(2026, 4, 3), 2, "number_of_requests"),
        (date(2026, 4, 3), date(2026, 4, 3), 0, "complexity"),
        (date(2026, 4, 2), date(2026, 4, 2), 2, None),
    ],
)
def test_an_extension_is_drafted_where_the_forecast_is_late(
    world: IntakeWorld,
    monkeypatch: pytest.MonkeyPatch,
    expected_on: date,
    late_on: date,
    ahead: int,
    reason: str | None,
) -> None:
    request_id = receive(world)
    found = Forecast(expected_on=expected_on, late_on=late_on, ahead=ahead)
    monkeypatch.setattr(DeadlineWatch, "forecasts", lambda _self: {request_id: found})
    watch_deadlines(watch_of(world))
    drafted = [draft["reason"] for draft in drafts(world, request_id)]
    assert drafted == ([reason] if reason else [])


def test_no_extension_is_drafted_after_the_first_month(world: IntakeWorld) -> None:
    request_id = receive(world)
    world.clock.move(timedelta(days=40))
    watch_deadlines(watch_of(world))
    assert drafts(world, request_id) == []


def test_emptied_entries_are_no_trouble(world: IntakeWorld) -> None:
    request_id = receive(world)
    world.clock.move(timedelta(days=30))
    watch_deadlines(watch_of(world))
    watch, request = watch_of(world), world.store.get(request_id)
    emptied = [
        replace(entry, payload={}, is_erased=True)
        for entry in world.store.entries(request_id)
    ]
    docket = read_docket(
        request.deadline, emptied, today=watch.today(), is_holiday=watch.is_holiday
    )
    assert (docket.sounded, docket.drafted) == (frozenset(), None)


def test_the_day_ends_where_the_controller_is(world: IntakeWorld) -> None:
    receive(world)
    # 2 April, 21.59 in Greenwich is 23.59 in Berlin, where it is summer.
    world.clock.move(timedelta(days=31, hours=12, minutes=29))
    assert watch_deadlines(watch_of(world)) == (Alarm.PRESSING,)
    assert watch_of(world).today() == date(2026, 4, 2)
    world.clock.move(timedelta(minutes=1))
    assert watch_deadlines(watch_of(world)) == (Alarm.MISSED,)


def test_an_extended_request_is_quiet_until_the_later_date(world: IntakeWorld) -> None:
    request_id = receive(world)
    world.store.note(DEADLINE_EXTENDED, {"due_on": "2026-06-02"}, request_id=request_id)
    world.clock.move(timedelta(days=40))
    assert watch_deadlines(watch_of(world)) == ()


def test_a_closed_request_is_left_alone(world: IntakeWorld) -> None:
    request_id = receive(world)
    lease = world.leases.acquire(
        str(request_id), holder="worker-1", ttl=timedelta(days=1)
    )
    for stage in (Stage.WITHDRAWN, Stage.PURGED, Stage.NOTIFIED):
        world.store.advance(request_id, stage, {}, lease=lease)
    world.clock.move(timedelta(days=60))
    assert watch_deadlines(watch_of(world)) == ()


def test_only_one_looks_at_a_time(world: IntakeWorld) -> None:
    request_id = receive(world)
    world.clock.move(timedelta(days=60))
    lease = world.leases.acquire(RESOURCE, holder="watch-2", ttl=timedelta(minutes=1))
    assert watch_deadlines(watch_of(world)) == ()
    assert alarms(world, request_id) == []
    world.leases.release(lease)
    assert watch_deadlines(watch_of(world)) == (Alarm.MISSED,)
