from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from support.domain import deadline, ledger_entry

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.deadlines import (
    CLOCKS,
    Deadline,
    ExtensionRefusedError,
    Rule,
    check_extension,
    uk_deadline,
)
from unlearn_core.domain.docket import Alarm, Docket, read_docket
from unlearn_core.domain.ledger import LedgerEntry

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


def is_new_year(day: date) -> bool:
    return (day.month, day.day) == (1, 1)


LAWS = st.sampled_from(list(Rule))


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


class Days(RuleBasedStateMachine):
    """Any number of days on which a request is asked about, held, extended, alarmed."""

    def __init__(self) -> None:
        super().__init__()
        self.received = self.today = RECEIVED
        self.clock = deadline()
        self.entries: list[LedgerEntry] = []
        self.is_asked = self.is_held = self.is_extended = False
        self.waited: set[date] = set()
        self.seen: list[date] = []

    @initialize(received=st.dates(date(2025, 1, 1), date(2027, 12, 31)), law=LAWS)
    def receive(self, received: date, law: Rule) -> None:
        """Set the clock under one of the laws."""
        self.received = self.today = received
        self.clock = CLOCKS[law](received, is_holiday=is_new_year)

    def tell(self, event: str, payload: dict[str, JsonValue]) -> None:
        """Write an entry."""
        self.entries.append(ledger_entry(event, payload=payload))

    @property
    def docket(self) -> Docket:
        """Return what counts today."""
        return read_docket(
            self.clock, self.entries, today=self.today, is_holiday=is_new_year
        )

    @rule(days=st.integers(1, 20))
    def wait(self, days: int) -> None:
        """Let days pass; the open question stands for each of them."""
        for _ in range(days):
            if self.is_asked:
                self.waited.add(self.today)
            self.today += timedelta(days=1)

    @precondition(lambda self: not self.is_held)
    @rule(reason=st.sampled_from(["clarification", "identity_doubt", "legal_claims"]))
    def hold(self, reason: str) -> None:
        """Put the request on hold; two of the reasons ask the subject."""
        self.tell("on_hold", {"reason": reason, "on": self.today.isoformat()})
        self.is_held, self.is_asked = True, reason != "legal_claims"

    @precondition(lambda self: self.is_held)
    @rule()
    def release(self) -> None:
        """End the hold."""
        self.tell("released", {"on": self.today.isoformat()})
        self.is_held = self.is_asked = False

    @rule()
    def extend(self) -> None:
        """Ask for more time: granted once, and in the first period only."""
        first = self.docket.deadline.due_on
        try:
            check_extension(
                self.docket.deadline, on=self.today, is_extended=self.docket.is_extended
            )
        except ExtensionRefusedError:
            assert self.is_extended or self.today > first
        else:
            assert not self.is_extended
            assert self.today <= first
            self.tell("deadline_extended", {"on": self.today.isoformat()})
            self.is_extended = True
            self.seen.clear()

    @rule()
    def sound(self) -> None:
        """Sound the alarm that is due, if one is; then it is not due any more."""
        docket = self.docket
        alarm = docket.alarm(self.today)
        if alarm is not None:
            self.tell(alarm.value, {"due_on": docket.due_on.isoformat()})
            assert (alarm is Alarm.MISSED) == (self.today > docket.due_on)
        assert self.docket.alarm(self.today) is None

    @invariant()
    def only_waiting_for_the_subject_moves_the_british_clock(self) -> None:
        """Every day of it counts once, and nothing stops the other clocks."""
        set_clock = CLOCKS[Rule(self.clock.rule)]
        days = len(self.waited) if self.clock.rule == Rule.UK else 0
        expected = set_clock(self.received, is_holiday=is_new_year, paused_days=days)
        assert self.docket.deadline == expected

    @invariant()
    def no_date_comes_nearer_than_it_was(self) -> None:
        """Whoever was told a date has at least until then."""
        due = self.docket.due_on
        assert not self.seen or due >= self.seen[-1]
        assert self.docket.is_extended == self.is_extended
        self.seen.append(due)

    @invariant()
    def months_end_on_a_working_day(self) -> None:
        """Weekends and holidays move the end, except in California."""
        due = self.docket.due_on
        if self.clock.rule == Rule.CCPA:
            assert (due - self.received).days == (90 if self.is_extended else 45)
        else:
            assert due.weekday() < 5
            assert not is_new_year(due)


TestDays = Days.TestCase
TestDays.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
