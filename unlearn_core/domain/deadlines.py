"""When an answer is due by law.

GDPR Art. 12(3) gives one month from receipt, and two more for complex requests.
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
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

RESPONSE_MONTHS = 1
EXTENDED_RESPONSE_MONTHS = 3

IsHoliday = Callable[[date], bool]

_SATURDAY = 5


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


def gdpr_deadline(received_on: date, *, is_holiday: IsHoliday) -> Deadline:
    """Return the deadline under GDPR Art. 12(3) and Regulation 1182/71."""
    return Deadline(
        rule="gdpr-12-3",
        received_on=received_on,
        due_on=months_after(received_on, RESPONSE_MONTHS, is_holiday=is_holiday),
        extended_due_on=months_after(
            received_on, EXTENDED_RESPONSE_MONTHS, is_holiday=is_holiday
        ),
    )


def months_after(start: date, months: int, *, is_holiday: IsHoliday) -> date:
    """Return the last day of a period of months, moved to a working day."""
    month_index = start.year * 12 + (start.month - 1) + months
    year, month = divmod(month_index, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    day = date(year, month + 1, min(start.day, last_day))
    while day.weekday() >= _SATURDAY or is_holiday(day):
        day += timedelta(days=1)
    return day
