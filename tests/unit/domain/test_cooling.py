from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.domain import NOW, ledger_entry

from unlearn_core.domain.cooling import (
    cancel_until,
    check_cooled_off,
    last_moment,
    moment_of,
    promised,
    template_of,
)
from unlearn_core.domain.decisions import DecisionRefusedError, check_not_too_late
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage, check_transition
from unlearn_core.errors import IllegalTransitionError

HOUR = timedelta(hours=1)


def cooling(until: datetime) -> LedgerEntry:
    return ledger_entry(Stage.COOLING_OFF, payload={"until": until.isoformat()})


def acknowledged(until: datetime | None) -> LedgerEntry:
    said = until.isoformat() if until else None
    return ledger_entry(Stage.ACKNOWLEDGED, payload={"cancel_until": said})


def test_a_moment_holds_as_long_as_the_request_cools_off() -> None:
    later = [cooling(NOW), ledger_entry("decision_proposed"), ledger_entry("on_hold")]
    assert cancel_until([]) is None
    assert cancel_until(later[:1]) == NOW
    assert cancel_until(later[:2]) == NOW
    assert cancel_until(later) is None
    again = [*later, ledger_entry("released"), cooling(NOW + HOUR)]
    assert cancel_until(again) == NOW + HOUR


@pytest.mark.parametrize(
    ("promise", "cooling_off", "expected"),
    [
        (None, timedelta(0), NOW),
        (None, HOUR, NOW + HOUR),
        # The promise is later, because the setting was made shorter since.
        (NOW + 2 * HOUR, HOUR, NOW + 2 * HOUR),
        (NOW - HOUR, HOUR, NOW + HOUR),
        (NOW - HOUR, timedelta(0), NOW),
    ],
)
def test_what_was_promised_is_kept(
    promise: datetime | None, cooling_off: timedelta, expected: datetime
) -> None:
    entries = [acknowledged(promise)]
    assert promised(entries) == promise
    assert last_moment(entries, now=NOW, cooling_off=cooling_off) == expected


def test_each_message_states_its_own_moment() -> None:
    entries = [acknowledged(NOW), cooling(NOW + HOUR), cooling(NOW + 2 * HOUR)]
    assert moment_of("acknowledged", entries) == NOW
    assert moment_of(template_of(1), entries) == NOW + HOUR
    assert moment_of(template_of(2), entries) == NOW + 2 * HOUR
    assert moment_of(template_of(3), entries) is None
    for other in ("extended", "identity_code_1", "partial"):
        assert moment_of(other, entries) is None


class OneRequest(RuleBasedStateMachine):
    """A located request, a clock, and everybody trying at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.entries: list[LedgerEntry] = []
        self.stage = Stage.LOCATED
        self.erased_at: datetime | None = None
        self.cancelled_at: datetime | None = None

    @initialize(promise=st.none() | st.integers(0, 72))
    def acknowledge(self, promise: int | None) -> None:
        """Promise a moment, or none."""
        until = None if promise is None else NOW + promise * HOUR
        self.entries = [acknowledged(until), ledger_entry(Stage.LOCATED)]

    @rule(minutes=st.integers(1, 60 * 48))
    def let_time_pass(self, minutes: int) -> None:
        """Move the clock on."""
        self.now += timedelta(minutes=minutes)

    @rule(hours=st.integers(1, 72))
    def state_a_moment(self, hours: int) -> None:
        """Begin to cool off."""
        until = last_moment(self.entries, now=self.now, cooling_off=hours * HOUR)
        assert until >= self.now + hours * HOUR
        self._move(Stage.COOLING_OFF, cooling(until))

    @rule()
    def let_time_pass_to_the_moment(self) -> None:
        """Move the clock to the moment itself."""
        self.now = max(self.now, cancel_until(self.entries) or self.now)

    @rule(stage=st.sampled_from([Stage.DECLINED, Stage.WITHDRAWN, Stage.ON_HOLD]))
    def try_to_stop(self, stage: Stage) -> None:
        """Refuse, cancel or hold, if that is possible now."""
        until = cancel_until(self.entries)
        try:
            check_not_too_late(self.entries, stage, now=self.now)
        except DecisionRefusedError:
            assert until is not None
            assert self.now >= until
            return
        if self._move(stage, ledger_entry(stage)):
            assert until is None or self.now < until
            if stage is not Stage.ON_HOLD:
                self.cancelled_at = self.now

    @rule()
    def release_and_search(self) -> None:
        """Go on with a held request."""
        if self._move(Stage.RELEASED, ledger_entry(Stage.RELEASED)):
            self._move(Stage.LOCATED, ledger_entry(Stage.LOCATED))

    @rule()
    def try_to_erase(self) -> None:
        """Erase, if that is possible now."""
        until = cancel_until(self.entries)
        try:
            check_cooled_off(self.entries, now=self.now)
        except IllegalTransitionError:
            assert until is not None
            assert self.now < until
            return
        if self._move(Stage.SOURCES_ERASED, ledger_entry(Stage.SOURCES_ERASED)):
            self.erased_at = self.now

    @invariant()
    def nothing_is_erased_before_the_stated_moment(self) -> None:
        """What was stated last holds."""
        if self.erased_at is not None:
            before = cancel_until(self.entries[:-1])
            assert before is None or self.erased_at >= before

    @invariant()
    def what_was_cancelled_is_not_erased(self) -> None:
        """It is one or the other."""
        assert self.erased_at is None or self.cancelled_at is None

    def _move(self, stage: Stage, entry: LedgerEntry) -> bool:
        try:
            check_transition(self.stage, stage)
        except IllegalTransitionError:
            return False
        self.stage = stage
        self.entries.append(entry)
        return True


TestOneRequest = OneRequest.TestCase
TestOneRequest.settings = settings(max_examples=60, stateful_step_count=30)


@given(until=st.integers(-1000, 1000), now=st.integers(-1000, 1000))
def test_at_every_moment_it_can_be_cancelled_or_erased_and_never_both(
    until: int, now: int
) -> None:
    second = timedelta(seconds=1)
    entries, moment = [cooling(NOW + until * second)], NOW + now * second
    can_erase, can_cancel = True, True
    try:
        check_cooled_off(entries, now=moment)
    except IllegalTransitionError:
        can_erase = False
    try:
        check_not_too_late(entries, Stage.WITHDRAWN, now=moment)
    except DecisionRefusedError:
        can_cancel = False
    assert can_erase is not can_cancel
    assert can_cancel is (now < until)
