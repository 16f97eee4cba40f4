from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import NOW, ledger_entry, request, request_id

from unlearn_core.domain.forecast import (
    FEWEST_MEASURED,
    Forecast,
    Job,
    Risk,
    forecast,
    line_up,
    measure,
    read_stages,
)
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage

HOUR = timedelta(hours=1)
WAY = (
    Stage.RECEIVED,
    Stage.REFERRED,
    Stage.SOURCES_ERASED,
    Stage.DATASETS_BUILT,
    Stage.PURGED,
)
"""A short way; what may follow what is none of a forecast's business."""


def went(
    number: int,
    *stages: tuple[Stage, float],
    end: Stage | None = Stage.NOTIFIED,
    since: datetime = NOW,
) -> list[LedgerEntry]:
    """Return entries of a request that was in stages for so many hours each."""
    entries, at = [], since
    for stage, hours in stages:
        entry = ledger_entry(stage, number=number)
        entries.append(replace(entry, recorded_at=at))
        at += hours * HOUR
    if end:
        entries.append(replace(ledger_entry(end, number=number), recorded_at=at))
    return entries


def closed(count: int, *hours: float) -> list[LedgerEntry]:
    """Return so many closed requests that were in the stages of the way for hours."""
    return [
        entry
        for number in range(count)
        for entry in went(100 + number, *zip(WAY, hours, strict=True))
    ]


def look(
    entries: Sequence[LedgerEntry],
    *stages: Stage,
    after: timedelta = timedelta(0),
    at_once: int = 1,
) -> list[Forecast | None]:
    """Forecast open requests that entered these stages at `NOW`, a while after it."""
    requests = [
        request(number, stage=stage, received_at=NOW + timedelta(seconds=number))
        for number, stage in enumerate(stages, start=1)
    ]
    entered = [
        entry
        for number, stage in enumerate(stages, start=1)
        for entry in went(number, (stage, 0), end=None)
    ]
    found = forecast(
        requests, [*entries, *entered], now=NOW + after, zone=UTC, at_once=at_once
    )
    return [found.get(request_id(number)) for number in range(1, len(stages) + 1)]


def test_nothing_is_said_before_enough_was_measured() -> None:
    few = closed(FEWEST_MEASURED - 1, 1, 1, 1, 1, 1)
    assert look([], Stage.RECEIVED) == [None]
    assert look(few, Stage.RECEIVED) == [None]
    # Nobody was measured in this stage, so nobody knows the way on from it.
    assert look(closed(9, 1, 1, 1, 1, 1), Stage.ON_HOLD) == [None]


def test_the_medians_and_the_long_times_of_the_stages_ahead_add_up() -> None:
    # Nine times 1, 24, 1, 10 and 1 hours; once ten times as long.
    entries = closed(9, 1, 24, 1, 10, 1)
    entries += went(99, *zip(WAY, (10, 240, 10, 100, 10), strict=True))
    usual = 1 + 24 + 1 + 10 + 1
    (found,) = look(entries, Stage.RECEIVED)
    assert found is not None
    assert found.expected_on == (NOW + usual * HOUR).date()
    # Nine of ten took no longer than usual, and with one more slow one, eight did.
    assert found.late_on == found.expected_on
    entries += went(98, *zip(WAY, (10, 240, 10, 100, 10), strict=True))
    (slower,) = look(entries, Stage.RECEIVED)
    assert slower is not None
    assert slower.expected_on == found.expected_on
    assert slower.late_on == (NOW + 10 * usual * HOUR).date()


def test_time_that_has_passed_in_a_stage_is_taken_off() -> None:
    entries = closed(5, 0, 0, 0, 48, 0)
    (fresh,) = look(entries, Stage.DATASETS_BUILT)
    (later,) = look(entries, Stage.DATASETS_BUILT, after=24 * HOUR)
    assert fresh == later
    # Longer than anybody: the times of all are the best that is known.
    (stuck,) = look(entries, Stage.DATASETS_BUILT, after=480 * HOUR)
    assert stuck is not None
    assert stuck.expected_on == (NOW + (480 + 48) * HOUR).date()


def test_who_came_first_is_first_and_who_waits_for_a_person_is_behind() -> None:
    entries = closed(5, 24, 48, 0, 0, 0)
    referred, first, second = look(
        entries, Stage.REFERRED, Stage.RECEIVED, Stage.RECEIVED
    )
    assert referred
    assert first
    assert second
    assert [found.ahead for found in (first, second)] == [0, 1]
    # One day of work each and two days of waiting afterwards.
    assert first.expected_on == date(2026, 3, 5)
    assert second.expected_on == date(2026, 3, 6)
    # Both are worked off when its two days of waiting are over.
    assert (referred.ahead, referred.expected_on) == (0, date(2026, 3, 4))


def test_two_at_once_do_not_wait_for_each_other() -> None:
    entries = closed(5, 24, 0, 0, 0, 0)
    alone = look(entries, *[Stage.RECEIVED] * 4)
    both = look(entries, *[Stage.RECEIVED] * 4, at_once=2)
    assert [found and found.expected_on.day for found in alone] == [3, 4, 5, 6]
    assert [found and found.expected_on.day for found in both] == [3, 3, 4, 4]


def test_requests_that_were_called_off_open_or_emptied_measure_nothing() -> None:
    called_off = [
        entry
        for number in range(5)
        for entry in went(number, (Stage.RECEIVED, 1), (Stage.WITHDRAWN, 1))
    ]
    open_ = [
        entry
        for number in range(5, 10)
        for entry in went(number, *[(stage, 1) for stage in WAY], end=None)
    ]
    emptied = [
        replace(entry, is_erased=True) if entry.event == Stage.REFERRED else entry
        for entry in closed(5, 1, 1, 1, 1, 1)
    ]
    times = measure(read_stages([*called_off, *open_, *emptied]))
    assert (times.taken, times.following) == ({}, {})


def test_a_stage_that_was_entered_again_counts_once_with_all_its_time() -> None:
    rounds = (
        (Stage.SOURCES_ERASED, 1),
        (Stage.TRAINED, 2),
        (Stage.UNLEARNING_REJECTED, 3),
        (Stage.TRAINED, 4),
        (Stage.UNLEARNING_VERIFIED, 5),
    )
    times = measure(read_stages(went(1, *rounds)))
    assert times.taken[Stage.TRAINED] == (6 * HOUR,)
    assert times.way_from(Stage.UNLEARNING_REJECTED) == (
        Stage.TRAINED,
        Stage.UNLEARNING_VERIFIED,
        Stage.NOTIFIED,
    )


def test_most_ways_that_lead_in_a_circle_are_left() -> None:
    # Three held it before they erased, one afterwards; no forecast runs for ever.
    there = [(Stage.SOURCES_ERASED, 1), (Stage.ON_HOLD, 1), (Stage.RELEASED, 1)]
    back = [there[0], there[2], there[1]]
    entries = [
        entry
        for number, way in enumerate([there, there, back, back])
        for entry in went(number, *way)
    ]
    times = measure(read_stages(entries))
    for stage, _ in there:
        way = times.way_from(stage)
        assert way
        assert way[-1] is Stage.NOTIFIED


def test_the_day_of_an_answer_ends_where_the_controller_is() -> None:
    item = request(1)
    entries = [*closed(5, 14, 0, 0, 0, 0), *went(1, (Stage.RECEIVED, 0), end=None)]
    days = [
        forecast([item], entries, now=NOW, zone=zone)[request_id(1)].expected_on
        for zone in (UTC, ZoneInfo("Europe/Berlin"))
    ]
    # 23.30 in Greenwich is half past midnight in Berlin.
    assert days == [date(2026, 3, 2), date(2026, 3, 3)]


@pytest.mark.parametrize(
    ("due", "risk"), [(4, Risk.TOO_LATE), (5, Risk.AT_RISK), (9, Risk.IN_TIME)]
)
def test_the_risk_is_what_the_forecast_says_about_the_due_date(
    due: int, risk: Risk
) -> None:
    found = Forecast(expected_on=date(2026, 3, 5), late_on=date(2026, 3, 9), ahead=0)
    assert found.risk(date(2026, 3, due)) is risk


HOURS = st.floats(0, 2000, allow_nan=False)
TIMES = HOURS.map(lambda hours: timedelta(hours=hours))
JOBS = st.lists(st.builds(Job, wait=TIMES, work=TIMES, idle=TIMES), max_size=8).map(
    lambda jobs: {request_id(number): job for number, job in enumerate(jobs)}
)


@given(JOBS, st.integers(1, 4))
def test_nobody_is_done_before_their_own_time_or_after_everybodys(
    jobs: dict[object, Job], at_once: int
) -> None:
    done = line_up(jobs, at_once=at_once)  # type: ignore[arg-type]  # any key does
    assert done.keys() == jobs.keys()
    longest_wait = max((job.wait for job in jobs.values()), default=timedelta(0))
    all_work = sum((job.work for job in jobs.values()), timedelta(0))
    for key, (end, ahead) in done.items():
        job = jobs[key]
        assert end >= job.wait + job.work + job.idle
        assert end <= longest_wait + all_work + job.idle
        assert 0 <= ahead < len(jobs)
        if ahead < at_once:
            assert end == job.wait + job.work + job.idle


@given(
    st.lists(st.tuples(*[HOURS] * len(WAY)), min_size=1, max_size=8),
    st.lists(st.sampled_from(WAY), max_size=6),
    TIMES,
)
def test_a_forecast_is_never_before_today_and_late_never_before_expected(
    measured: list[tuple[float, ...]], stages: list[Stage], passed: timedelta
) -> None:
    entries = [
        entry
        for number, hours in enumerate(measured)
        for entry in went(100 + number, *zip(WAY, hours, strict=True))
    ]
    for found in look(entries, *stages, after=passed):
        assert (found is None) == (len(measured) < FEWEST_MEASURED)
        if found:
            assert (NOW + passed).date() <= found.expected_on <= found.late_on


@given(st.lists(TIMES, min_size=FEWEST_MEASURED, max_size=12), TIMES)
def test_a_long_time_is_no_shorter_than_a_usual_one(
    taken: list[timedelta], so_far: timedelta
) -> None:
    entries = [
        entry
        for number, time in enumerate(taken)
        for entry in went(number, (Stage.SOURCES_ERASED, time / HOUR))
    ]
    spread = measure(read_stages(entries)).spread(Stage.SOURCES_ERASED, so_far=so_far)
    assert spread is not None
    assert timedelta(0) <= spread.usual <= spread.late
