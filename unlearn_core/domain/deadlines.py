"""When an answer is due by law.

Three rules, each a pure function from the day of receipt:

- ``gdpr-12-3``: one month, two more for complex or numerous requests (GDPR Art. 12(3)).
- ``uk-12a``: the same months under UK GDPR Art. 12A, counted from the day on which
  everything needed is there; the clock stops while the subject is asked.
- ``ccpa-7021``: 45 calendar days, 90 with an extension (11 CCR 7021). They run on
  whatever the identity check takes, and no weekend moves them.

Months are counted as Regulation (EEC, Euratom) No 1182/71 says:

1. the day of receipt is not counted (Art. 3(1));
2. the period ends with the day of the same number in the last month, or with the
   last day of that month if it has no such day (Art. 3(2)(c));
3. if that day is a Saturday, a Sunday or a public holiday, it ends with the next
   working day (Art. 3(4)).

The extended date is always counted from receipt: three months in one go. Adding
two months to an already clamped date would lose days.
"""

import calendar
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

from unlearn_core.errors import PolicyError

RESPONSE_MONTHS = 1
EXTENDED_RESPONSE_MONTHS = 3
CCPA_RESPONSE_DAYS = 45
CCPA_EXTENDED_RESPONSE_DAYS = 90
CCPA_CONFIRMATION_BUSINESS_DAYS = 10

IsHoliday = Callable[[date], bool]

_SATURDAY = 5
_DAY = timedelta(days=1)


class Rule(StrEnum):
    """Name of the legal rule that sets the clock."""

    GDPR = "gdpr-12-3"
    UK = "uk-12a"
    CCPA = "ccpa-7021"


class ExtensionReason(StrEnum):
    """The two grounds of Art. 12(3) for more time."""

    COMPLEXITY = "complexity"
    NUMBER_OF_REQUESTS = "number_of_requests"


class ExtensionRefusedError(PolicyError):
    """The time for an answer may not be extended now."""

    code = "extension_refused"
    summary = "the deadline cannot be extended"
    next_step = (
        "Answer by the due date; an extension is granted once, with notice and "
        "reason, before the first period is over."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The legal clock of one request.

    Attributes:
        rule: Name of the rule that was applied.
        received_on: Local date of receipt in the controller's time zone.
        due_on: Last day for the answer.
        extended_due_on: Last day if an extension is granted within ``due_on``.
    """

    rule: str
    received_on: date
    due_on: date
    extended_due_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A time in which the subject is asked and the UK clock stands still.

    Attributes:
        asked_on: Day on which the subject was asked.
        answered_on: Day of the answer; None while it is awaited.
    """

    asked_on: date
    answered_on: date | None = None


class SetClock(Protocol):
    """Sets the clock under one rule."""

    def __call__(
        self, received_on: date, /, *, is_holiday: IsHoliday, paused_days: int = 0
    ) -> Deadline:
        """Return the deadline; only some rules know pauses."""
        ...


def gdpr_deadline(
    received_on: date, /, *, is_holiday: IsHoliday, paused_days: int = 0
) -> Deadline:
    """Return the deadline under GDPR Art. 12(3) and Regulation 1182/71.

    Nothing stops this clock: whether asking the subject does is disputed, and who
    answers in time without a pause is right in either case.
    """
    del paused_days
    return _deadline_in_months(Rule.GDPR, received_on, is_holiday=is_holiday)


def uk_deadline(
    received_on: date, /, *, is_holiday: IsHoliday, paused_days: int = 0
) -> Deadline:
    """Return the deadline under UK GDPR Art. 12A.

    Args:
        received_on: The relevant day, see `relevant_day`.
        is_holiday: Public holidays of the controller's country.
        paused_days: Days on which the subject's answer was awaited.
    """
    return _deadline_in_months(
        Rule.UK, received_on, is_holiday=is_holiday, paused_days=paused_days
    )


def ccpa_deadline(
    received_on: date, /, *, is_holiday: IsHoliday, paused_days: int = 0
) -> Deadline:
    """Return the deadline under 11 CCR 7021; neither pauses nor weekends move it."""
    del is_holiday, paused_days
    return Deadline(
        rule=Rule.CCPA,
        received_on=received_on,
        due_on=received_on + timedelta(days=CCPA_RESPONSE_DAYS),
        extended_due_on=received_on + timedelta(days=CCPA_EXTENDED_RESPONSE_DAYS),
    )


CLOCKS: Mapping[Rule, SetClock] = {
    Rule.GDPR: gdpr_deadline,
    Rule.UK: uk_deadline,
    Rule.CCPA: ccpa_deadline,
}


def confirmation_due(received_on: date, *, is_holiday: IsHoliday) -> date:
    """Return the last day for confirming receipt under 11 CCR 7021."""
    return business_days_after(
        received_on, CCPA_CONFIRMATION_BUSINESS_DAYS, is_holiday=is_holiday
    )


def relevant_day(
    received_on: date, *, identified_on: date | None = None, paid_on: date | None = None
) -> date:
    """Return the day from which the UK period counts: the latest of the given ones.

    Args:
        received_on: Receipt of the request.
        identified_on: Arrival of the evidence of identity, if it was asked for.
        paid_on: Arrival of the fee, if one was asked for.
    """
    return max(day for day in (received_on, identified_on, paid_on) if day)


def paused_days(pauses: Iterable[Pause], *, today: date) -> int:
    """Count the days on which an answer was awaited; overlapping ones count once.

    The day of the question counts, the day of the answer does not, so a question
    that is answered on the same day stops nothing.
    """
    stopped: set[date] = set()
    for pause in pauses:
        end = today if pause.answered_on is None else pause.answered_on
        length = max(0, (end - pause.asked_on).days)
        stopped |= {pause.asked_on + number * _DAY for number in range(length)}
    return len(stopped)


def check_extension(deadline: Deadline, *, on: date, is_extended: bool) -> None:
    """Refuse an extension that the law does not allow.

    Args:
        deadline: The clock, pauses included.
        on: Local day on which the subject is told.
        is_extended: Whether it was extended before.

    Raises:
        ExtensionRefusedError: The first period is over, or was extended already.
    """
    if is_extended:
        raise ExtensionRefusedError(problem="extended already")
    if on < deadline.received_on:
        raise ExtensionRefusedError(problem="before receipt")
    if on > deadline.due_on:
        raise ExtensionRefusedError(
            problem="the first period is over", due_on=deadline.due_on.isoformat()
        )


def months_after(
    start: date, months: int, *, is_holiday: IsHoliday, paused_days: int = 0
) -> date:
    """Return the last day of a period of months, moved to a working day."""
    month_index = start.year * 12 + (start.month - 1) + months
    year, month = divmod(month_index, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    day = date(year, month + 1, min(start.day, last_day)) + paused_days * _DAY
    while not _is_business_day(day, is_holiday=is_holiday):
        day += _DAY
    return day


def business_days_after(start: date, days: int, *, is_holiday: IsHoliday) -> date:
    """Return the last of so many business days after a day."""
    day = start
    while days:
        day += _DAY
        days -= _is_business_day(day, is_holiday=is_holiday)
    return day


def _is_business_day(day: date, *, is_holiday: IsHoliday) -> bool:
    return day.weekday() < _SATURDAY and not is_holiday(day)


def _deadline_in_months(
    rule: Rule, received_on: date, *, is_holiday: IsHoliday, paused_days: int = 0
) -> Deadline:
    due_on, extended_due_on = (
        months_after(
            received_on, months, is_holiday=is_holiday, paused_days=paused_days
        )
        for months in (RESPONSE_MONTHS, EXTENDED_RESPONSE_MONTHS)
    )
    return Deadline(
        rule=rule,
        received_on=received_on,
        due_on=due_on,
        extended_due_on=extended_due_on,
    )
