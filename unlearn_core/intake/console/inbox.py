"""The inbox: every request with the days that are left, the most pressing first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from fastapi import FastAPI, Request, Response

from unlearn_core.domain.decisions import Waiting, waiting_proposal
from unlearn_core.domain.docket import NEAR_DAYS
from unlearn_core.domain.forecast import Forecast, Risk
from unlearn_core.domain.requests import WAITS_FOR_A_PERSON, ErasureRequest
from unlearn_core.intake.console.desk import ConsoleDesk, show


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request in the inbox.

    Attributes:
        request: The request.
        due_on: Last day for the answer, extensions included.
        days_left: Days until then; negative when it has passed.
        waiting: A proposal that a second officer has to agree to.
        forecast: When the answer is expected, in the inbox and where that is known.
    """

    request: ErasureRequest
    due_on: date
    days_left: int
    waiting: Waiting | None
    forecast: Forecast | None = None

    @property
    def risk(self) -> Risk | None:
        """Return whether the answer is expected in time, if that can be said."""
        return self.forecast.risk(self.due_on) if self.forecast else None

    @property
    def urgency(self) -> str:
        """Return how pressing it is: closed, late, near or calm."""
        if self.request.is_closed:
            return "closed"
        if self.days_left < 0:
            return "late"
        return "near" if self.days_left <= NEAR_DAYS else "calm"

    @property
    def is_for_a_person(self) -> bool:
        """Tell whether somebody has to decide."""
        return self.request.stage in WAITS_FOR_A_PERSON or self.waiting is not None


FILTERS: Mapping[str, Callable[[Row], bool]] = {
    "open": lambda row: not row.request.is_closed,
    "person": lambda row: row.is_for_a_person,
    "pressing": lambda row: row.urgency in {"near", "late"},
    "late": lambda row: row.urgency == "late",
    "closed": lambda row: row.request.is_closed,
}


def read_rows(desk: ConsoleDesk) -> tuple[Row, ...]:
    """Return all requests, the one that is due first at the top."""
    expected = desk.decisions.forecasts()
    rows = [
        replace(read_row(request, desk), forecast=expected.get(request.request_id))
        for request in desk.decisions.requests.all()
    ]
    return tuple(
        sorted(rows, key=lambda row: (row.due_on, str(row.request.request_id)))
    )


def read_row(request: ErasureRequest, desk: ConsoleDesk) -> Row:
    """Return one request as the inbox shows it."""
    due_on = desk.decisions.docket(request).due_on
    entries = desk.decisions.ledger.entries(request.request_id)
    return Row(
        request=request,
        due_on=due_on,
        days_left=(due_on - desk.decisions.today()).days,
        waiting=None if request.is_closed else waiting_proposal(entries),
    )


def add_inbox(app: FastAPI, desk: ConsoleDesk) -> None:
    """Add the inbox."""

    @app.get("/console", include_in_schema=False)
    def inbox(request: Request) -> Response:
        """Show requests, the open ones unless others are asked for."""
        rows = read_rows(desk)
        chosen = request.query_params.get("show", "open")
        chosen = chosen if chosen in FILTERS else "open"
        counts = {name: sum(map(wanted, rows)) for name, wanted in FILTERS.items()}
        return show(
            request,
            "console_inbox.html",
            rows=[row for row in rows if FILTERS[chosen](row)],
            counts=counts,
            chosen=chosen,
        )
