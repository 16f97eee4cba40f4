"""Review: what officers see of uncertain records, and say about each.

- Texts of records and the subject's identifiers are personal data. They are shown to
  operators and approvers alone; that somebody saw them is in the ledger.
- A form names the list that it is about, so that nobody decides about one that has
  been replaced since.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from fastapi import FastAPI, Request, Response

from unlearn_core.domain.access import Caller
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.reviews import (
    REASONS,
    RecordDecision,
    ReviewReason,
    Ruling,
    ruling_of,
)
from unlearn_core.errors import UnlearnError
from unlearn_core.http_errors import ForbiddenError
from unlearn_core.http_problems import status_of
from unlearn_core.intake.console.desk import ConsoleDesk, caller_of, form_of, show
from unlearn_core.intake.rendering import lead_to
from unlearn_core.privacy import Personal
from unlearn_core.steps.review_records import ReviewList, open_review, review_records
from unlearn_core.steps.subject import read_subject

REQUEST = "/console/requests/{request_id}"
REVIEW = f"{REQUEST}/review"
RECORDS_PER_PAGE = 20
FIELD = "record-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One record of the list, as it is shown.

    Attributes:
        number: Its number, counted from 1.
        source: Name of the source.
        why: Why it matched.
        texts: Column to what it says there: personal data.
        reason: What was said of it, if somebody has decided.
    """

    number: int
    source: str
    why: tuple[str, ...]
    texts: Mapping[str, str]
    reason: ReviewReason | None


def add_review_page(app: FastAPI, desk: ConsoleDesk) -> None:
    """Add the page of a request's uncertain records, and its form."""

    @app.get(REVIEW, include_in_schema=False)
    def shown(request: Request, request_id: UUID) -> Response:
        """Show what is uncertain; a request that needs no review shows itself."""
        return _page(request, RequestId(request_id), desk)

    @app.post(REVIEW, include_in_schema=False)
    def decide(request: Request, request_id: UUID) -> Response:
        """Record what was decided; the last decision lets the request go on."""
        key = RequestId(request_id)
        try:
            form = form_of(request)
            if form.get("confirmed") != "yes":
                raise ForbiddenError(problem="not confirmed")
            said = open_review(key, desk=desk.review).rulings
            review_records(
                key,
                *_decisions(form, said, caller=caller_of(request)),
                desk=desk.review,
                expected=form["list"],
            )
        except UnlearnError as error:
            return _page(request, key, desk, error=error)
        page = form.get("page", "")
        behind = f"&page={page}" if page.isascii() and page.isdecimal() else ""
        if _is_under_review(key, desk):
            return lead_to(f"{_place(key)}?said=done{behind}")
        return lead_to(f"{REQUEST.format(request_id=key)}?said=reviewed")


def sheets(listed: ReviewList) -> tuple[Sheet, ...]:
    """Return the records of a list as they are shown."""
    return tuple(
        Sheet(
            number=number,
            source=record.source,
            why=record.why,
            texts={name: text.reveal() for name, text in record.texts.items()},
            reason=listed.rulings.get(number),
        )
        for number, record in enumerate(listed.records, start=1)
    )


def _decisions(
    form: Mapping[str, str], said: Mapping[int, ReviewReason], *, caller: Caller
) -> tuple[RecordDecision, ...]:
    """Read the form: records that were decided about in one way belong together.

    The form repeats what was said of records before; that is no new decision, so it
    cannot contradict one about another version of the same record.

    Raises:
        ForbiddenError: It is not one that the page offers, or nothing was decided.
    """
    chosen: dict[ReviewReason, list[int]] = {}
    try:
        for name, value in form.items():
            if name.startswith(FIELD) and value:
                number, reason = int(name.removeprefix(FIELD)), ReviewReason(value)
                if said.get(number) is not reason:
                    chosen.setdefault(reason, []).append(number)
    except ValueError:
        raise ForbiddenError(problem="no such decision") from None
    if not chosen or not form.get("list"):
        raise ForbiddenError(problem="nothing was decided")
    reasoning = form.get("reasoning", "").strip()
    return tuple(
        RecordDecision(
            numbers=tuple(numbers),
            ruling=ruling_of(reason),
            reason=reason,
            officer=caller.name,
            who=caller.who,
            reasoning=Personal(reasoning) if reasoning else None,
        )
        for reason, numbers in chosen.items()
    )


def _page(
    request: Request,
    key: RequestId,
    desk: ConsoleDesk,
    *,
    error: UnlearnError | None = None,
) -> Response:
    """Return the page, with what went wrong if something did."""
    if not _is_under_review(key, desk):
        return lead_to(REQUEST.format(request_id=key))
    listed = open_review(key, desk=desk.review)
    every = sheets(listed)
    pages = range(1, -(-len(every) // RECORDS_PER_PAGE) + 1)
    asked = request.query_params.get("page", "")
    page = int(asked) if asked in set(map(str, pages)) else 1
    first = (page - 1) * RECORDS_PER_PAGE
    return show(
        request,
        "console_review.html",
        status_of(error) if error else HTTPStatus.OK,
        path=_place(key),
        request_id=str(key),
        commitment=listed.commitment,
        sheets=every[first : first + RECORDS_PER_PAGE],
        page=page,
        pages=pages,
        total=len(every),
        undecided=len(listed.undecided),
        subject=read_subject(key, bench=desk.review).to_plain(),
        choices={ruling.value: sorted(REASONS[ruling]) for ruling in Ruling},
        said="done" if request.query_params.get("said") == "done" else None,
        error=error,
    )


def _is_under_review(key: RequestId, desk: ConsoleDesk) -> bool:
    return desk.review.requests.get(key).stage is Stage.UNDER_REVIEW


def _place(key: RequestId) -> str:
    return REVIEW.format(request_id=key)
