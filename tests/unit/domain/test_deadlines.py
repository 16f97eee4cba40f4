from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.domain.deadlines import gdpr_deadline, months_after

GERMANY = holidays.country_holidays("DE")


def is_german_holiday(day: date) -> bool:
    return day in GERMANY


def never(_day: date) -> bool:
    return False


@pytest.mark.parametrize(
    ("received", "due", "extended"),
    [
        # An ordinary month: 2 April 2026 is a Thursday, 2 June a Tuesday.
        (date(2026, 3, 2), date(2026, 4, 2), date(2026, 6, 2)),
        # February has no 31st, the 28th is a Saturday; 30 April is a Thursday.
        (date(2026, 1, 31), date(2026, 3, 2), date(2026, 4, 30)),
        # 5 April 2026 is Easter Sunday, 6 April Easter Monday; 5 June a Friday.
        (date(2026, 3, 5), date(2026, 4, 7), date(2026, 6, 5)),
        # 3 April 2026 is Good Friday; the weekend and Easter Monday follow.
        (date(2026, 3, 3), date(2026, 4, 7), date(2026, 6, 3)),
        # Received on a Saturday, due on a Tuesday and a Saturday (28 November).
        (date(2026, 8, 29), date(2026, 9, 29), date(2026, 11, 30)),
        # Received on a Sunday; 1 April is a Wednesday, 1 June a Monday.
        (date(2026, 3, 1), date(2026, 4, 1), date(2026, 6, 1)),
        # Received on a holiday: New Year. 1 February is a Sunday.
        (date(2026, 1, 1), date(2026, 2, 2), date(2026, 4, 1)),
        # 25 December 2026 is a Friday, the 26th a holiday and a Saturday.
        (date(2026, 11, 25), date(2026, 12, 28), date(2027, 2, 25)),
        # Over the turn of the year, onto New Year 2027, a Friday.
        (date(2026, 12, 1), date(2027, 1, 4), date(2027, 3, 1)),
        # 31 March: April has 30 days, a Thursday; 30 June is a Tuesday.
        (date(2026, 3, 31), date(2026, 4, 30), date(2026, 6, 30)),
        # Leap year 2028: 29 February is a Tuesday; 29 April is a Saturday and
        # 1 May a holiday.
        (date(2028, 1, 31), date(2028, 2, 29), date(2028, 5, 2)),
        (date(2028, 1, 29), date(2028, 2, 29), date(2028, 5, 2)),
        # Received on a leap day: 29 March 2028 and 29 May 2028.
        (date(2028, 2, 29), date(2028, 3, 29), date(2028, 5, 29)),
        # The same day in a year without it: 28 February 2027 is a Sunday.
        (date(2027, 1, 29), date(2027, 3, 1), date(2027, 4, 29)),
    ],
    ids=str,
)
def test_regulation_1182_71_in_germany(
    received: date, due: date, extended: date
) -> None:
    deadline = gdpr_deadline(received, is_holiday=is_german_holiday)
    assert deadline.rule == "gdpr-12-3"
    assert deadline.received_on == received
    assert (deadline.due_on, deadline.extended_due_on) == (due, extended)


def test_the_extension_counts_from_receipt_not_from_a_clamped_date() -> None:
    # One month gives 28 February; two more from there would be 28 April.
    deadline = gdpr_deadline(date(2025, 1, 31), is_holiday=never)
    assert deadline.due_on == date(2025, 2, 28)
    assert deadline.extended_due_on == date(2025, 4, 30)


DAYS = st.dates(date(1990, 1, 1), date(2200, 12, 31))


@given(DAYS, st.sets(st.integers(0, 400), max_size=60))
def test_a_due_date_is_a_working_day_and_every_day_skipped_is_none(
    received: date, free: set[int]
) -> None:
    holidays_ = {received + timedelta(days=number) for number in free}
    due = months_after(received, 1, is_holiday=holidays_.__contains__)
    assert due.weekday() < 5
    assert due not in holidays_
    # The plain end of the month is at least 28 days after receipt, at most 31.
    plain = months_after_in_words(received)
    assert 28 <= (plain - received).days <= 31
    skipped = [plain + timedelta(days=n) for n in range((due - plain).days)]
    assert all(day.weekday() >= 5 or day in holidays_ for day in skipped)


def months_after_in_words(received: date) -> date:
    """Return the day of the same number in the next month, or that month's last."""
    first_of_next = (received.replace(day=1) + timedelta(days=32)).replace(day=1)
    last_of_next = (first_of_next + timedelta(days=32)).replace(day=1) - timedelta(1)
    return min(first_of_next + timedelta(days=received.day - 1), last_of_next)


@given(DAYS, DAYS)
def test_who_asks_later_is_never_due_earlier(first: date, second: date) -> None:
    early, late = sorted((first, second))
    due = [months_after(day, 1, is_holiday=never) for day in (early, late)]
    assert due[0] <= due[1]


@given(DAYS)
def test_an_extension_is_always_later(received: date) -> None:
    deadline = gdpr_deadline(received, is_holiday=is_german_holiday)
    assert received < deadline.due_on < deadline.extended_due_on
