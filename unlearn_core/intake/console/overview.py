"""Overviews: the deadlines of the coming months, figures of a year, the replicas."""

import calendar
from dataclasses import dataclass
from datetime import date

from fastapi import FastAPI, Request, Response

from unlearn_core.domain.figures import Answered, count
from unlearn_core.domain.forecast import Risk
from unlearn_core.domain.requests import Stage
from unlearn_core.intake.console.desk import ConsoleDesk, show
from unlearn_core.intake.console.inbox import Row, read_rows

MONTHS = 3
"""A deadline is at most three months after receipt."""


_DENIED = (Stage.REFUSED, Stage.JOINED, Stage.DECLINED, Stage.GIVEN_UP)
"""Stages that end in a denial; with a coded reason where officers decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of the calendar.

    Attributes:
        on: The day.
        rows: Requests that are due on it.
        is_off: Whether it is a weekend or a public holiday.
    """

    on: date
    rows: tuple[Row, ...]
    is_off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month, in weeks from Monday; days of other months are None."""

    first: date
    weeks: tuple[tuple[Day | None, ...], ...]


def add_overview(app: FastAPI, desk: ConsoleDesk) -> None:
    """Add the overviews."""

    @app.get("/console/calendar", include_in_schema=False)
    def deadlines(request: Request) -> Response:
        """Show which answers are due when."""
        rows = [row for row in read_rows(desk) if not row.request.is_closed]
        return show(
            request,
            "console_calendar.html",
            months=read_months(rows, desk),
            overdue=[row for row in rows if row.days_left < 0],
            endangered=[row for row in rows if is_endangered(row)],
            today=desk.decisions.today(),
        )

    @app.get("/console/figures", include_in_schema=False)
    def figures(request: Request) -> Response:
        """Show counts and medians of a year."""
        answered = read_answered(desk)
        years = sorted({item.request.deadline.received_on.year for item in answered})
        asked = request.query_params.get("year", "")
        known = {str(year): year for year in years}
        year = known.get(asked, desk.decisions.today().year)
        return show(
            request,
            "console_figures.html",
            figures=count(
                item
                for item in answered
                if item.request.deadline.received_on.year == year
            ),
            year=year,
            years=years,
        )

    @app.get("/console/replicas", include_in_schema=False)
    def replicas(request: Request) -> Response:
        """Show which version each replica answers with."""
        return show(
            request,
            "console_replicas.html",
            fleet=desk.fleet.look(),
            wanted=desk.fleet.wanted(),
            convergence=desk.fleet.convergence(),
        )


def is_endangered(row: Row) -> bool:
    """Tell whether a request is still in time, but not expected to stay so."""
    return row.days_left >= 0 and row.risk in {Risk.AT_RISK, Risk.TOO_LATE}


def read_months(rows: list[Row], desk: ConsoleDesk) -> tuple[Month, ...]:
    """Return this month and those after it in which answers can be due."""
    today = desk.decisions.today()
    return tuple(
        _month(date(year, month + 1, 1), rows, desk)
        for year, month in (
            divmod(today.year * 12 + today.month - 1 + number, 12)
            for number in range(MONTHS + 1)
        )
    )


def read_answered(desk: ConsoleDesk) -> tuple[Answered, ...]:
    """Return every request with the day of its answer."""
    zone = desk.decisions.timezone
    told = {
        entry.request_id: entry.recorded_at.astimezone(zone).date()
        for entry in desk.decisions.ledger.entries(event=Stage.NOTIFIED)
    }
    reasons = {
        entry.request_id: str(entry.payload.get("reason") or event)
        for event in _DENIED
        for entry in desk.decisions.ledger.entries(event=event)
        if not entry.is_erased
    }
    return tuple(
        Answered(
            request=row.request,
            due_on=row.due_on,
            answered_on=told.get(row.request.request_id),
            reason=reasons.get(row.request.request_id),
        )
        for row in read_rows(desk)
    )


def _month(first: date, rows: list[Row], desk: ConsoleDesk) -> Month:
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return Month(
        first=first,
        weeks=tuple(
            tuple(
                _day(on, rows, desk) if on.month == first.month else None for on in week
            )
            for week in weeks
        ),
    )


def _day(on: date, rows: list[Row], desk: ConsoleDesk) -> Day:
    return Day(
        on=on,
        rows=tuple(row for row in rows if row.due_on == on),
        is_off=on.weekday() >= calendar.SATURDAY or desk.decisions.is_holiday(on),
    )
