from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.domain import request
from support.intake import IntakeWorld

from unlearn_core.domain.codes import PROOF_ASKED
from unlearn_core.domain.deadlines import CLOCKS, IsHoliday, Rule
from unlearn_core.domain.docket import DEADLINE_EXTENDED
from unlearn_core.domain.requests import RequestId
from unlearn_core.steps.legal_clock import LegalCalendar, LegalClock

RECEIVED_ON = date(2026, 3, 2)
EVENING = timedelta(hours=14)
"""From 9.30 in UTC to 23.30."""


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


def never(_day: date) -> bool:
    return False


def clock_of(
    world: IntakeWorld, *, zone: str = "Europe/Berlin", is_holiday: IsHoliday = never
) -> LegalClock:
    return LegalClock(
        timezone=ZoneInfo(zone),
        is_holiday=is_holiday,
        ledger=world.store,
        clock=world.clock,
    )


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", 2), ("Europe/Berlin", 3), ("America/New_York", 2), ("Asia/Tokyo", 3)],
)
def test_a_day_ends_where_the_controller_is(
    world: IntakeWorld, zone: str, day: int
) -> None:
    world.clock.move(EVENING)
    assert clock_of(world, zone=zone).today() == date(2026, 3, day)


def test_only_the_entries_of_the_request_itself_count(world: IntakeWorld) -> None:
    own, other = request(1), request(2)
    world.store.note(DEADLINE_EXTENDED, {}, request_id=own.request_id)
    dockets = [clock_of(world).docket(item) for item in (own, other)]
    assert [docket.is_extended for docket in dockets] == [True, False]
    assert [docket.due_on for docket in dockets] == [
        own.deadline.extended_due_on,
        other.deadline.due_on,
    ]


def test_a_pause_goes_by_the_day_and_the_holidays_of_the_controller(
    world: IntakeWorld,
) -> None:
    """Asked on the day of receipt; by 23.30 in UTC it is the next day in Berlin."""
    item = replace(
        request(),
        deadline=CLOCKS[Rule.UK](RECEIVED_ON, is_holiday=never, paused_days=0),
    )
    world.store.note(
        PROOF_ASKED, {"on": RECEIVED_ON.isoformat()}, request_id=item.request_id
    )
    world.clock.move(EVENING)

    def due_on(zone: str, is_holiday: IsHoliday = never) -> date:
        return clock_of(world, zone=zone, is_holiday=is_holiday).docket(item).due_on

    unpaused = item.deadline.due_on
    assert due_on("UTC") == unpaused
    assert due_on("Europe/Berlin") == unpaused + timedelta(days=1)
    closed = frozenset({unpaused + timedelta(days=1)})
    assert due_on("Europe/Berlin", closed.__contains__) > unpaused + timedelta(days=1)


def test_forecasts_are_of_open_requests_and_of_the_controllers_day(
    world: IntakeWorld,
) -> None:
    def expected(zone: str) -> dict[RequestId, date]:
        calendar = LegalCalendar(
            timezone=ZoneInfo(zone),
            is_holiday=never,
            ledger=world.store,
            clock=world.clock,
            requests=world.store,
        )
        found = calendar.forecasts()
        return {key: forecast.expected_on for key, forecast in found.items()}

    # Three days, until 5 March: each was answered a day after it came.
    world.answer(3, days=1)
    assert expected("UTC") == {}
    world.clock.move(EVENING)
    key = world.receive()
    assert expected("UTC") == {key: date(2026, 3, 6)}
    assert expected("Europe/Berlin") == {key: date(2026, 3, 7)}
    world.clock.move(timedelta(hours=2))
    assert expected("UTC") == {key: date(2026, 3, 7)}
