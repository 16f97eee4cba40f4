from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import deadline, ledger_entry

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.deadlines import Deadline, uk_deadline
from unlearn_core.domain.docket import Alarm, Docket, read_docket

RECEIVED = date(2026, 3, 2)
DUE, EXTENDED = date(2026, 4, 2), date(2026, 6, 2)

Event = tuple[str, dict[str, JsonValue]]

ASKED: Event = ("on_hold", {"reason": "clarification", "on": "2026-03-04"})
ANSWERED: Event = ("released", {"on": "2026-03-09"})
PROOF: Event = ("proof_asked", {"reason": None, "on": "2026-03-04"})
LEGAL_HOLD: Event = ("on_hold", {"reason": "legal_claims", "on": "2026-03-04"})
LONGER: Event = ("deadline_extended", {"due_on": "2026-06-02", "on": "2026-03-20"})


def never(_day: date) -> bool:
    return False


def read(
    *events: Event, clock: Deadline | None = None, today: date = date(2026, 3, 12)
) -> Docket:
    entries = [ledger_entry(event, payload=payload) for event, payload in events]
    return read_docket(clock or deadline(), entries, today=today, is_holiday=never)


UK = uk_deadline(RECEIVED, is_holiday=never)


@pytest.mark.parametrize(
    ("clock", "events", "due"),
    [
        (deadline(), [("received", {})], DUE),
        (deadline(), [LONGER], EXTENDED),
        # Under the GDPR, no question stops the clock.
        (deadline(), [ASKED, ANSWERED], DUE),
        (UK, [LEGAL_HOLD, ANSWERED], DUE),
        # Five days: 2 April becomes Tuesday, 7 April.
        (UK, [ASKED, ANSWERED], date(2026, 4, 7)),
        # A release after a legal hold ends no question a second time.
        (
            UK,
            [ASKED, ANSWERED, LEGAL_HOLD, ("released", {"on": "2026-03-30"})],
            date(2026, 4, 7),
        ),
        # Declined while the answer was awaited: the clock runs again.
        (UK, [ASKED, ("declined", {"on": "2026-03-09"})], date(2026, 4, 7)),
        # An officer asks for a proof of identity and gets it.
        (UK, [PROOF, ("proof_given", {"on": "2026-03-09"})], date(2026, 4, 7)),
        (deadline(), [PROOF, ("proof_given", {"on": "2026-03-09"})], DUE),
        # Unanswered for eight days: Friday, 10 April.
        (UK, [ASKED], date(2026, 4, 10)),
        # Both: 2 June and five days is a Sunday.
        (UK, [ASKED, ANSWERED, LONGER], date(2026, 6, 8)),
    ],
)
def test_the_date_that_counts_follows_from_the_ledger(
    clock: Deadline, events: list[Event], due: date
) -> None:
    assert read(*events, clock=clock).due_on == due


@pytest.mark.parametrize(
    ("today", "alarm"),
    [
        (date(2026, 3, 22), None),
        (date(2026, 3, 23), Alarm.NEAR),
        (date(2026, 3, 29), Alarm.NEAR),
        (date(2026, 3, 30), Alarm.PRESSING),
        (date(2026, 4, 2), Alarm.PRESSING),
        (date(2026, 4, 3), Alarm.MISSED),
    ],
    ids=str,
)
def test_the_alarm_grows_as_the_day_comes_near(
    today: date, alarm: Alarm | None
) -> None:
    assert read(today=today).alarm(today) == alarm


def test_an_alarm_sounds_once_about_one_date() -> None:
    sounded: Event = ("deadline_near", {"due_on": "2026-04-02"})
    assert read(sounded).alarm(date(2026, 3, 24)) is None
    assert read(sounded).alarm(date(2026, 3, 31)) is Alarm.PRESSING
    # After an extension another date comes near, on 23 May.
    assert read(sounded, LONGER).alarm(date(2026, 5, 22)) is None
    assert read(sounded, LONGER).alarm(date(2026, 5, 23)) is Alarm.NEAR


@given(st.lists(st.integers(-5, 60), max_size=30))
def test_however_often_one_looks_each_alarm_sounds_at_most_once_and_none_is_lost(
    days: list[int],
) -> None:
    events: list[Event] = []
    for day in sorted(days):
        today = RECEIVED + timedelta(days=day)
        alarm = read(*events, today=today).alarm(today)
        if alarm:
            events.append((alarm.value, {"due_on": "2026-04-02"}))
    sounded = [event for event, _ in events]
    assert len(sounded) == len(set(sounded))
    # 2 April is 31 days after receipt.
    assert ("deadline_missed" in sounded) == any(day > 31 for day in days)
