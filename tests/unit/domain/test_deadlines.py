from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.domain.deadlines import (
    Deadline,
    ExtensionRefusedError,
    Pause,
    business_days_after,
    ccpa_deadline,
    check_extension,
    confirmation_due,
    gdpr_deadline,
    months_after,
    paused_days,
    relevant_day,
    uk_deadline,
)

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
        # 30 September 2026 is a Wednesday, 30 November a Monday.
        (date(2026, 8, 31), date(2026, 9, 30), date(2026, 11, 30)),
        # 28 February 2027 is a Sunday.
        (date(2026, 11, 30), date(2026, 12, 30), date(2027, 3, 1)),
        # 31 August has 31 days again: counting on from 30 June would lose one.
        (date(2026, 5, 31), date(2026, 6, 30), date(2026, 8, 31)),
        # 2024: thirty days would end on 1 March, a day late.
        (date(2024, 1, 31), date(2024, 2, 29), date(2024, 4, 30)),
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


# United Kingdom: the clock can stand still.


@pytest.mark.parametrize(
    ("pauses", "days"),
    [
        ([], 0),
        ([Pause(asked_on=date(2026, 3, 4), answered_on=date(2026, 3, 9))], 5),
        # Answered on the day of the question: nothing was stopped.
        ([Pause(asked_on=date(2026, 3, 4), answered_on=date(2026, 3, 4))], 0),
        # Still open on 12 March: eight days so far.
        ([Pause(asked_on=date(2026, 3, 4))], 8),
        # 4 to 8 and 7 to 10 March are seven different days.
        (
            [
                Pause(asked_on=date(2026, 3, 4), answered_on=date(2026, 3, 9)),
                Pause(asked_on=date(2026, 3, 7), answered_on=date(2026, 3, 11)),
            ],
            7,
        ),
        # An answer that is dated before its question stops nothing.
        ([Pause(asked_on=date(2026, 3, 9), answered_on=date(2026, 3, 4))], 0),
    ],
)
def test_days_of_waiting_for_an_answer_count_once(
    pauses: list[Pause], days: int
) -> None:
    assert paused_days(pauses, today=date(2026, 3, 12)) == days


def test_a_pause_moves_the_end_of_the_uk_period() -> None:
    # 2 April 2026 plus five days is Tuesday, 7 April; 2 June plus five, Sunday, 7 June.
    deadline = uk_deadline(date(2026, 3, 2), is_holiday=never, paused_days=5)
    assert deadline == Deadline(
        rule="uk-12a",
        received_on=date(2026, 3, 2),
        due_on=date(2026, 4, 7),
        extended_due_on=date(2026, 6, 8),
    )


def test_nothing_pauses_the_clock_elsewhere() -> None:
    for clock in (gdpr_deadline, ccpa_deadline):
        assert clock(date(2026, 3, 2), is_holiday=never, paused_days=9) == clock(
            date(2026, 3, 2), is_holiday=never
        )


def test_the_uk_period_counts_from_the_day_on_which_all_is_there() -> None:
    received, identified, paid = (date(2026, 3, day) for day in (2, 9, 5))
    assert relevant_day(received) == received
    assert relevant_day(received, paid_on=paid) == paid
    assert relevant_day(received, identified_on=identified, paid_on=paid) == identified
    assert relevant_day(received, identified_on=date(2026, 2, 1)) == received


# California: days are days.


@pytest.mark.parametrize(
    ("received", "due", "extended"),
    [
        # 16 April 2026 is a Thursday, 31 May a Sunday: not moved.
        (date(2026, 3, 2), date(2026, 4, 16), date(2026, 5, 31)),
        # Over a leap day: 31 January 2028 plus 45 days is 16 March.
        (date(2028, 1, 31), date(2028, 3, 16), date(2028, 4, 30)),
    ],
)
def test_california_counts_calendar_days(
    received: date, due: date, extended: date
) -> None:
    deadline = ccpa_deadline(received, is_holiday=is_german_holiday)
    assert deadline.rule == "ccpa-7021"
    assert (deadline.due_on, deadline.extended_due_on) == (due, extended)


def test_receipt_is_confirmed_within_ten_business_days() -> None:
    # From Monday, 2 March 2026: two working weeks end on Monday, 16 March.
    assert confirmation_due(date(2026, 3, 2), is_holiday=never) == date(2026, 3, 16)
    # From Monday, 23 March: Good Friday and Easter Monday do not count.
    assert confirmation_due(date(2026, 3, 23), is_holiday=is_german_holiday) == date(
        2026, 4, 8
    )


@given(DAYS, st.integers(1, 30))
def test_as_many_business_days_pass_as_were_asked_for(start: date, days: int) -> None:
    end = business_days_after(start, days, is_holiday=is_german_holiday)
    between = [start + timedelta(days=n + 1) for n in range((end - start).days)]
    assert sum(d.weekday() < 5 and d not in GERMANY for d in between) == days
    assert end.weekday() < 5


@given(DAYS, st.integers(0, 200))
def test_a_pause_never_brings_the_end_forward(received: date, days: int) -> None:
    plain = uk_deadline(received, is_holiday=never)
    paused = uk_deadline(received, is_holiday=never, paused_days=days)
    later = (paused.due_on - plain.due_on).days
    # A weekend may swallow or add two days at either end.
    assert max(0, days - 2) <= later <= days + 2
    assert later >= 0


# Extension.

CLOCK = gdpr_deadline(date(2026, 1, 31), is_holiday=never)  # due on 2 March


@pytest.mark.parametrize("on", [date(2026, 1, 31), date(2026, 3, 2)], ids=str)
def test_an_extension_is_allowed_from_receipt_to_the_last_day(on: date) -> None:
    check_extension(CLOCK, on=on, is_extended=False)


@pytest.mark.parametrize(
    ("on", "is_extended", "problem"),
    [
        (date(2026, 3, 3), False, "the first period is over"),
        (date(2026, 4, 30), False, "the first period is over"),
        (date(2026, 1, 30), False, "before receipt"),
        (date(2026, 2, 10), True, "extended already"),
    ],
)
def test_an_extension_is_refused_when_it_is_late_or_a_second_one(
    on: date,
    is_extended: bool,  # noqa: FBT001 - a parameter of a table
    problem: str,
) -> None:
    with pytest.raises(ExtensionRefusedError) as caught:
        check_extension(CLOCK, on=on, is_extended=is_extended)
    assert caught.value.facts["problem"] == problem
