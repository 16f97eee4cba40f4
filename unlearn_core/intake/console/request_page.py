"""One request: its way so far, what would be touched, and what can be decided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from fastapi import FastAPI, Request, Response

from unlearn_core.domain.certificates import certificate_name
from unlearn_core.domain.codes import PROOF_ASKED
from unlearn_core.domain.cooling import cancel_until
from unlearn_core.domain.decisions import (
    DECISION_PROPOSED,
    Decision,
    Reason,
    Verb,
    waiting_proposal,
)
from unlearn_core.domain.docket import DEADLINE_EXTENDED, EXTENSION_DRAFTED, Alarm
from unlearn_core.domain.grounds import ARTICLES, GROUND, Ground, ground_of
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.possible import REASONS, can_be_withdrawn, possible_decisions
from unlearn_core.domain.recipients import read_recipients
from unlearn_core.domain.requests import WAITS, RequestId, Stage
from unlearn_core.domain.restricted import EVENTS
from unlearn_core.domain.stage_limits import (
    WORKING_DATA_DESTROYED,
    WORKING_DATA_LINGERS,
)
from unlearn_core.errors import UnlearnError
from unlearn_core.http_errors import ForbiddenError
from unlearn_core.http_problems import status_of
from unlearn_core.intake.console import restriction
from unlearn_core.intake.console.desk import (
    ConsoleDesk,
    caller_of,
    form_of,
    may,
    show,
)
from unlearn_core.intake.console.inbox import read_row
from unlearn_core.intake.rendering import HEADERS, lead_to
from unlearn_core.steps.decide_request import decide_request, withdraw_request

PAGE = "/console/requests/{request_id}"
DECIDE = f"{PAGE}/decide"
WITHDRAW = f"{PAGE}/withdraw"
RESTRICT = f"{PAGE}/restrict"
LIFT = f"{PAGE}/lift"
SEARCHED = "source_searched"
POLICY = (
    HEADERS["Content-Security-Policy"]
    + "; frame-src 'self'; script-src 'self'; connect-src 'self'"
)
"""A report in a frame, and the script that follows the progress; both are ours."""

_TOLD = frozenset(
    {
        *Stage,
        *Alarm,
        *EVENTS,
        DECISION_PROPOSED,
        DEADLINE_EXTENDED,
        EXTENSION_DRAFTED,
        PROOF_ASKED,
        WORKING_DATA_LINGERS,
        WORKING_DATA_DESTROYED,
    }
)
_REPORTED = frozenset({Stage.UNLEARNING_VERIFIED, Stage.UNLEARNING_REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the timeline.

    Attributes:
        at: When, in the controller's time zone.
        event: What happened.
        who: The officers who decided it.
        verb: What was proposed, if something was.
        reason: The coded reason, if there is one.
        seconds: How long every replica took to serve the version, if they do.
        without: Replicas that were cut off meanwhile.
    """

    at: datetime
    event: str
    who: tuple[str, ...]
    verb: str | None
    reason: str | None
    seconds: float | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What the latest search of one source found."""

    source: str
    searched: int
    found: int
    uncertain: int
    unreadable: int


def add_request_page(app: FastAPI, desk: ConsoleDesk) -> None:
    """Add the page of a request, and its forms."""

    @app.get(PAGE, include_in_schema=False)
    def shown(request: Request, request_id: UUID) -> Response:
        """Show where a request stands."""
        return _page(request, RequestId(request_id), desk)

    @app.post(DECIDE, include_in_schema=False)
    def decide(request: Request, request_id: UUID) -> Response:
        """Propose a decision, or carry out what another officer has proposed."""
        key = RequestId(request_id)
        try:
            is_done = decide_request(key, _decision(request), desk=desk.decisions)
        except UnlearnError as error:
            return _page(request, key, desk, error=error)
        return lead_to(f"{_place(key)}?said={'done' if is_done else 'proposed'}")

    @app.post(RESTRICT, include_in_schema=False)
    def restrict(request: Request, request_id: UUID) -> Response:
        """Order that nothing is said about the subject."""
        return _changed(request, RequestId(request_id), desk, restriction.restrict)

    @app.post(LIFT, include_in_schema=False)
    def lift(request: Request, request_id: UUID) -> Response:
        """Propose to end a restriction, or end it."""
        return _changed(request, RequestId(request_id), desk, restriction.lift)

    @app.post(WITHDRAW, include_in_schema=False)
    def withdraw(request: Request, request_id: UUID) -> Response:
        """Call a request off on behalf of the subject."""
        key, who = RequestId(request_id), caller_of(request).who
        try:
            _check_confirmed(request)
            withdraw_request(key, who=who, desk=desk.decisions)
        except UnlearnError as error:
            return _page(request, key, desk, error=error)
        return lead_to(f"{_place(key)}?said=done")


def _changed(
    request: Request,
    key: RequestId,
    desk: ConsoleDesk,
    change: Callable[[Request, RequestId, ConsoleDesk], str],
) -> Response:
    """Do what a form about a restriction asks for; lead back to the page."""
    try:
        said = change(request, key, desk)
    except UnlearnError as error:
        return _page(request, key, desk, error=error)
    return lead_to(f"{_place(key)}?said={said}")


def timeline(entries: Sequence[LedgerEntry], desk: ConsoleDesk) -> tuple[Moment, ...]:
    """Return what people need to know of a request's entries, oldest first."""
    return tuple(
        Moment(
            at=entry.recorded_at.astimezone(desk.decisions.timezone),
            event=entry.event,
            who=tuple(
                str(entry.payload[name])
                for name in ("proposed_by", "officer")
                if entry.payload.get(name)
            ),
            verb=_text(entry, "decision"),
            reason=_text(entry, "reason"),
            seconds=_seconds(entry),
            without=_cut_off(entry),
        )
        for entry in entries
        if entry.event in _TOLD
    )


def searched(entries: Sequence[LedgerEntry]) -> tuple[Searched, ...]:
    """Return what the latest search of each source found."""
    found = {
        str(entry.payload["source"]): Searched(
            source=str(entry.payload["source"]),
            searched=int(str(entry.payload["searched"])),
            found=int(str(entry.payload["found"])),
            uncertain=int(str(entry.payload["uncertain"])),
            unreadable=int(str(entry.payload["unreadable"])),
        )
        for entry in entries
        if entry.event == SEARCHED
    }
    return tuple(found[name] for name in sorted(found))


def _decision(request: Request) -> Decision:
    """Read the form of a decision.

    Raises:
        ForbiddenError: It is not one that the page offers.
    """
    form = form_of(request)
    try:
        verb = Verb(form.get("verb", ""))
        kind = REASONS.get(verb)
        reason: Reason | None = kind(form.get("reason", "")) if kind else None  # type: ignore[assignment]  # the table holds these kinds only
        named = form.get(GROUND) if verb is Verb.APPROVE else None
        ground = Ground(named) if named else None
    except ValueError:
        raise ForbiddenError(problem="no such decision") from None
    _check_confirmed(request)
    caller = caller_of(request)
    return Decision(
        verb=verb, officer=caller.name, reason=reason, who=caller.who, ground=ground
    )


def _check_confirmed(request: Request) -> None:
    if form_of(request).get("confirmed") != "yes":
        raise ForbiddenError(problem="not confirmed")


def _page(
    request: Request,
    key: RequestId,
    desk: ConsoleDesk,
    *,
    error: UnlearnError | None = None,
) -> Response:
    """Return the page, with what went wrong if something did."""
    row = read_row(desk.decisions.requests.get(key), desk)
    entries = tuple(desk.decisions.ledger.entries(key))
    caller, item = caller_of(request), row.request
    docket, now = desk.decisions.docket(item), desk.decisions.clock.now()
    possible = possible_decisions(
        item, entries, docket=docket, today=desk.decisions.today(), now=now
    )
    said = request.query_params.get("said")
    answer = show(
        request,
        "console_request.html",
        status_of(error) if error else HTTPStatus.OK,
        path=_place(key),  # nothing can be looked up where a refused form went
        row=row,
        is_extended=docket.is_extended,
        drafted=docket.drafted,
        timeline=timeline(entries, desk),
        **_grounds(entries),
        searched=searched(entries),
        recipients=read_recipients(entries),
        standing=desk.certificates.standing(key),
        has_certificate=desk.evidence.get(certificate_name(key)) is not None,
        can_export=may(caller, f"POST {PAGE}/bundle"),
        has_report=any(entry.event in _REPORTED for entry in entries),
        waiting=waiting_proposal(entries) if not item.is_closed else None,
        **restriction.values(entries, may_decide=may(caller, f"POST {RESTRICT}")),
        possible=possible if may(caller, f"POST {DECIDE}") else (),
        reasons={verb.value: tuple(kind) for verb, kind in REASONS.items()},
        has_review=(
            item.stage is Stage.UNDER_REVIEW and may(caller, f"GET {PAGE}/review")
        ),
        can_withdraw=(
            may(caller, f"POST {WITHDRAW}") and can_be_withdrawn(item, entries, now=now)
        ),
        is_live=not item.is_closed and item.stage not in WAITS,
        cancel_until=_until(entries, desk),
        said=said if said in {"done", "proposed", "reviewed"} else None,
        error=error,
    )
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


def _grounds(entries: Sequence[LedgerEntry]) -> dict[str, object]:
    """Return the ground that counts, and those that there are."""
    return {"ground": ground_of(entries), "grounds": ARTICLES}


def _until(entries: Sequence[LedgerEntry], desk: ConsoleDesk) -> datetime | None:
    """Return until when the request can be cancelled, in the controller's time."""
    until = cancel_until(entries)
    return until.astimezone(desk.decisions.timezone) if until else None


def _place(key: RequestId) -> str:
    return PAGE.format(request_id=key)


def _text(entry: LedgerEntry, name: str) -> str | None:
    value = entry.payload.get(name)
    return value if isinstance(value, str) else None


def _seconds(entry: LedgerEntry) -> float | None:
    value = entry.payload.get("seconds")
    return value if isinstance(value, float) else None


def _cut_off(entry: LedgerEntry) -> tuple[str, ...]:
    value = entry.payload.get("cut_off")
    return tuple(map(str, value)) if isinstance(value, list) else ()
