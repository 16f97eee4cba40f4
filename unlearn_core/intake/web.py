"""The pages for data subjects: a form and a status page, plain HTML without scripts.

- Personal data travels in the body of one POST and is never shown again.
- Every answer forbids scripts, frames, foreign content, caching and referrers.
- A status page is reached by an opaque link alone and names nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request, Response

from unlearn_core.domain import cooling
from unlearn_core.domain.codes import PROOF_ASKED, CodeRefusedError, Proof
from unlearn_core.domain.decisions import (
    DecisionRefusedError,
    RefusalReason,
)
from unlearn_core.domain.docket import DEADLINE_EXTENDED, read_docket
from unlearn_core.domain.exemptions import KeptCounts
from unlearn_core.domain.grounds import GROUND, read_ground
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.letters import LANGUAGES, kept_lines
from unlearn_core.domain.possible import can_be_withdrawn
from unlearn_core.domain.requests import (
    Channel,
    ErasureRequest,
    Outcome,
    RequestId,
    RequestStatus,
    Stage,
)
from unlearn_core.domain.restricted import restriction_state
from unlearn_core.domain.subjects import IdentifierKind, parse_subject
from unlearn_core.errors import (
    IllegalTransitionError,
    InvalidIdentifierError,
    LeaseBusyError,
    UnknownRequestError,
    UnlearnError,
)
from unlearn_core.http_problems import status_of
from unlearn_core.intake.languages import subject_page, texts_of
from unlearn_core.intake.links import StatusLinks
from unlearn_core.intake.rendering import HEADERS, PAGES, lead_to
from unlearn_core.intake.texts import FIELDS, Texts
from unlearn_core.privacy import Personal
from unlearn_core.steps.decide_request import DecisionDesk, withdraw_request
from unlearn_core.steps.prove_identity import (
    ProofDesk,
    code_standing,
    prove_identity,
    send_new_code,
)
from unlearn_core.steps.receive_request import (
    FrontDesk,
    Submission,
    checked_evidence,
    receive_request,
)

BY_LINK = "subject"
"""Who cancels a request by its link, in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDesk:
    """What the pages need.

    Attributes:
        desk: Receives requests.
        proof: Takes the codes of subjects.
        decisions: Cancels requests.
        authority: Supervisory authority that refusals name, if it is configured.
        asks_for: How subjects prove who they are; the form says it.
    """

    desk: FrontDesk
    proof: ProofDesk
    decisions: DecisionDesk
    authority: str | None
    asks_for: Proof = Proof.WITH_REQUEST


def add_pages(app: FastAPI, web: WebDesk) -> None:
    """Add the pages to the application."""
    links = StatusLinks(web.desk.pseudonymiser)

    @app.get("/request", include_in_schema=False)
    def form(request: Request) -> Response:
        """Show the empty form."""
        return _form(request, web, problems={})

    @app.post("/request", include_in_schema=False)
    def send(request: Request) -> Response:
        """Take in a form; lead to its status page."""
        try:
            submission = _submission(request.state.form, texts_of(request))
        except InvalidIdentifierError as error:
            return _form(request, web, problems=_problems(error, texts_of(request)))
        received = receive_request(submission, desk=web.desk)
        return lead_to(f"/status/{links.token(received.request_id)}")

    @app.get("/status/{token}", include_in_schema=False)
    def status(request: Request, token: str) -> Response:
        """Show where a request stands."""
        try:
            found = web.desk.requests.get(links.read(token))
        except UnknownRequestError:
            return _missing(request)
        shown = _shown(found, web, texts_of(request), token=token)
        return subject_page(request, "status.html", path=f"/status/{token}", **shown)

    add_code_forms(app, web)
    add_cancel_form(app, web)


def _form(request: Request, web: WebDesk, *, problems: Mapping[str, str]) -> Response:
    """Return the form, with what was wrong if something was."""
    texts = texts_of(request)
    return subject_page(
        request,
        "form.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK,
        path="/request",
        fields=FIELDS,
        labels=texts.labels,
        hints=texts.hints,
        grounds=texts.grounds,
        proof=web.asks_for.value,
        problems=problems,
    )


def _missing(request: Request) -> Response:
    return subject_page(request, "missing.html", HTTPStatus.NOT_FOUND)


def add_code_forms(app: FastAPI, web: WebDesk) -> None:
    """Add the forms of a status page by which subjects prove who they are."""

    @app.post("/status/{token}/code", include_in_schema=False)
    def enter(request: Request, token: str) -> Response:
        """Take the code that was sent."""
        code = Personal(str(request.state.form.get("code", "")))
        return _answered(
            request, token, web, lambda key: prove_identity(key, code, desk=web.proof)
        )

    @app.post("/status/{token}/new-code", include_in_schema=False)
    def renew(request: Request, token: str) -> Response:
        """Send another code."""
        return _answered(
            request, token, web, lambda key: send_new_code(key, desk=web.proof)
        )


def add_cancel_form(app: FastAPI, web: WebDesk) -> None:
    """Add the form of a status page by which subjects cancel their request."""

    @app.post("/status/{token}/cancel", include_in_schema=False)
    def cancel(request: Request, token: str) -> Response:
        """Cancel the request; the working data is then destroyed."""
        is_meant = request.state.form.get("confirmed") == "yes"

        def do(key: RequestId) -> None:
            if not is_meant:
                raise DecisionRefusedError(problem="not confirmed")
            withdraw_request(key, who=BY_LINK, desk=web.decisions)

        return _answered(request, token, web, do)


def _answered(
    request: Request, token: str, web: WebDesk, do: Callable[[RequestId], None]
) -> Response:
    """Do what a form of a status page asks for; lead back to the page."""
    links = StatusLinks(web.desk.pseudonymiser)
    try:
        do(links.read(token))
    except UnknownRequestError:
        return _missing(request)
    except (
        CodeRefusedError,
        DecisionRefusedError,
        IllegalTransitionError,
        LeaseBusyError,
    ) as error:
        found = web.desk.requests.get(links.read(token))
        texts = texts_of(request)
        shown = _shown(found, web, texts, token=token, problem=_problem(error, texts))
        return subject_page(
            request,
            "status.html",
            HTTPStatus(status_of(error)),
            path=f"/status/{token}",
            **shown,
        )
    return lead_to(f"/status/{token}")


def _problem(error: UnlearnError, texts: Texts) -> str:
    """Say what is wrong with what a form asked for."""
    if isinstance(error, IllegalTransitionError):
        return texts.form_problems["the time to cancel is over"]
    return texts.form_problems[str(error.facts.get("problem", "busy"))]


def add_style(app: FastAPI) -> None:
    """Add the style sheet of all pages."""

    @app.get("/style.css", include_in_schema=False)
    def style() -> Response:
        """Return the style sheet."""
        text = (PAGES / "style.css").read_text(encoding="utf-8")
        return Response(text, media_type="text/css", headers=dict(HEADERS))


_LESS_THAN_ASKED = frozenset(
    {Outcome.PARTIAL, Outcome.EXEMPT, Outcome.REFUSED, Outcome.FAILED}
)
"""Outcomes about which the subject may complain (Art. 12(4) GDPR)."""


def _submission(form: Mapping[str, str], texts: Texts) -> Submission:
    """Read the form; an error names a field and never what was in it."""
    filled = {name: value.strip() for name, value in form.items() if value.strip()}
    evidence = checked_evidence(filled.pop("identity_token", None))
    ground = read_ground(filled.pop(GROUND, None))
    return Submission(
        subject=parse_subject(filled),
        evidence=evidence,
        contact=None,
        channel=Channel.WEB_PAGE,
        ground=ground,
        language=texts.language,
    )


def _problems(error: InvalidIdentifierError, texts: Texts) -> dict[str, str]:
    """Return which field to correct, and how."""
    kind = str(error.facts.get("kind") or IdentifierKind.NAME.value)
    if error.facts.get("missing") == "second identifier":
        kind = IdentifierKind.EMAIL.value
        return {kind: texts.problems["second"]}
    return {kind: texts.problems.get(kind, texts.problems["other"])}


def _shown(
    request: ErasureRequest,
    web: WebDesk,
    texts: Texts,
    *,
    token: str,
    problem: str | None = None,
) -> dict[str, object]:
    """Return what a status page says; nothing of it is personal."""
    desk = web.desk
    entries = tuple(desk.ledger.entries(request.request_id))
    docket = read_docket(
        request.deadline,
        entries,
        today=desk.clock.now().astimezone(desk.timezone).date(),
        is_holiday=desk.is_holiday,
    )
    word: Outcome | RequestStatus | Stage = request.outcome or request.status
    if request.stage in {Stage.ON_HOLD, Stage.PROOF_AWAITED, Stage.COOLING_OFF}:
        word = request.stage
    asked = texts.page["asked"] if _was_asked(request, entries) else None
    extended = [entry for entry in entries if entry.event == DEADLINE_EXTENDED]
    declined = [entry for entry in entries if entry.event == Stage.DECLINED]
    paragraphs: tuple[str, ...] = ()
    if declined:
        reason = RefusalReason(str(declined[-1].payload["reason"]))
        paragraphs = (texts.refusals[reason], *texts.remedies(web.authority))
    elif request.outcome in _LESS_THAN_ASKED:
        paragraphs = texts.remedies(web.authority)
    return {
        "token": token,
        "codes": code_standing(request.request_id, desk=web.proof),
        "problem": problem,
        "cancelling": _cancelling(request, entries, web, texts),
        "status": request.status.value,
        "headline": texts.headlines[word],
        "explanation": asked or texts.explanations[word],
        "day": texts.day,
        "received_on": request.deadline.received_on,
        "due_on": docket.due_on,
        "extension": (
            texts.extensions[str(extended[-1].payload["reason"])] if extended else None
        ),
        "reference": str(request.request_id),
        "certificate": _certificate(request, web, texts),
        "restriction": texts.restrictions.get(restriction_state(entries)),
        "heading": texts.page["why" if declined else "what_you_can_do"],
        "paragraphs": paragraphs,
        "kept": _kept(request, entries, texts),
    }


def _kept(
    request: ErasureRequest, entries: Sequence[LedgerEntry], texts: Texts
) -> tuple[str, ...]:
    """Say of an answered request which records stay, and on which ground."""
    erased = [entry for entry in entries if entry.event == Stage.SOURCES_ERASED]
    if request.outcome is None or not erased:
        return ()
    kept = cast("KeptCounts", erased[-1].payload.get("staying", {}))
    return kept_lines(kept, LANGUAGES[texts.language])


def _was_asked(request: ErasureRequest, entries: Sequence[LedgerEntry]) -> bool:
    """Tell whether an officer has asked for a proof and waits for it."""
    return request.stage is Stage.PROOF_AWAITED and any(
        entry.event == PROOF_ASKED for entry in entries
    )


def _cancelling(
    request: ErasureRequest,
    entries: Sequence[LedgerEntry],
    web: WebDesk,
    texts: Texts,
) -> str | None:
    """Say until when the request can be cancelled; None if it cannot."""
    now = web.desk.clock.now()
    if not can_be_withdrawn(request, entries, now=now):
        return None
    until, promised = cooling.cancel_until(entries), cooling.promised(entries)
    least = promised if promised and now < promised else None
    word = "until" if until else "at_least" if least else "not_erased"
    moment = until or least
    return texts.cancelling[word].format(
        moment=moment.astimezone(web.desk.timezone).strftime(texts.moment)
        if moment
        else ""
    )


def _certificate(request: ErasureRequest, web: WebDesk, texts: Texts) -> str | None:
    """Say where the certificate stands, if there is one."""
    standing = web.desk.certificates.standing(request.request_id)
    if standing is None:
        return None
    until = standing.valid_until.astimezone(web.desk.timezone).date()
    return texts.certificates[standing.reason].format(until=until.strftime(texts.day))
