"""The one place where access is decided, before a route runs.

- A route without a rule is refused to everybody.
- A form has to come from a page of ours: the browser says so, and in a session it
  carries the session's token.
- Who reads something of a person's request is recorded before the first byte of it
  leaves: once an hour for the same caller, thing and request.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unlearn_core import ports
from unlearn_core.domain.access import (
    ANYBODY,
    PERSONAL_DATA_ACCESSED,
    Caller,
    form_token,
)
from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import UnlearnError
from unlearn_core.http_errors import ForbiddenError
from unlearn_core.http_problems import MEDIA_TYPE, refusal
from unlearn_core.http_rates import Rate
from unlearn_core.intake.doors import Doors
from unlearn_core.intake.languages import subject_page, texts_of
from unlearn_core.intake.rendering import lead_to
from unlearn_core.intake.rules import RULES, Door, Rule

COOKIE = "__Host-unlearn-session"
LOGIN = "/console/login"
FOLLOWS = "follow"
"""Parameter of a page that is looked at again by itself, not by a person."""

MAXIMUM_FIELDS = 50
MAXIMUM_REMEMBERED = 10_000
RECORDED_FOR = timedelta(hours=1)

OWN_SITES = frozenset({"same-origin", "none"})


class Limits(Protocol):
    """How often one caller may ask."""

    @property
    def requests_per_minute(self) -> int:
        """Return the limit of the API; 0 for any number."""
        ...

    @property
    def forms_per_minute(self) -> int:
        """Return the limit of forms and sign-ins; 0 for any number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlimited:
    """`Limits` that are none."""

    requests_per_minute: int = 0
    forms_per_minute: int = 0


class Recorder:
    """Records in the ledger who has seen what.

    Args:
        ledger: Where it is recorded.
        clock: Tells when the same is recorded again.
    """

    def __init__(self, ledger: ports.Ledger, clock: ports.Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._recorded: dict[tuple[str, str, UUID | None], datetime] = {}

    def record(self, caller: Caller, what: str, request_id: UUID | None) -> None:
        """Record an access, unless the same was recorded within the hour."""
        now, seen = self._clock.now(), (caller.who, what, request_id)
        if caller.who == ANYBODY.who or self._recorded.get(seen, now) > now:
            return
        self._ledger.note(
            PERSONAL_DATA_ACCESSED,
            {"who": caller.who, "roles": [*sorted(caller.roles)], "what": what},
            request_id=RequestId(request_id) if request_id else None,
        )
        if len(self._recorded) >= MAXIMUM_REMEMBERED:
            self._recorded.clear()
        self._recorded[seen] = now + RECORDED_FOR


class Gate:
    """Lets in whom the rules let in.

    Args:
        app: What stands behind the gate.
        routed: The application whose routes are guarded.
        doors: Finds out who asks.
        limits: How often somebody may ask.
    """

    def __init__(
        self, app: ASGIApp, *, routed: FastAPI, doors: Doors, limits: Limits
    ) -> None:
        self._app = app
        self._routed = routed
        self._doors = doors
        self._recorder = Recorder(doors.ledger, doors.clock)
        self._often = Rate(limits.requests_per_minute)
        self._seldom = Rate(limits.forms_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        found = self._route(scope) if scope["type"] == "http" else None
        if found is None:  # nothing of ours is behind it
            await self._app(scope, receive, send)
            return
        path, parameters = found
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        rule = RULES.get(f"{method} {path}")
        request = Request(scope, receive)
        try:
            if rule is None:
                raise ForbiddenError(problem="nobody has decided who may")
            passed = await self._admit(request, rule)
        except UnlearnError as error:
            back = _back(path, parameters)
            refused = self._refused(error, rule, request, back=back)
            await refused(scope, receive, send)
            return
        if isinstance(passed, Response):
            await passed(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if rule.reads and _shows_something(message):
                await run_in_threadpool(
                    self._recorder.record, passed, rule.reads, _request_id(parameters)
                )
            await send(message)

        await self._app(scope, receive, sending)

    def _route(self, scope: Scope) -> tuple[str, Mapping[str, object]] | None:
        """Return the path of the route that will answer, as it is declared."""
        for route in self._routed.routes:
            match, inner = route.matches(scope)
            if match is Match.FULL:
                path = route.path if isinstance(route, Route) else ""
                return path, inner.get("path_params", {})
        return None

    async def _admit(self, request: Request, rule: Rule) -> Caller | Response:
        """Return who asks, if they may; or where they have to go first.

        Raises:
            UnlearnError: They may not.
        """
        address = request.client.host if request.client else ""
        if rule.is_slow:
            self._seldom.count(address)
        caller, token = ANYBODY, request.cookies.get(COOKIE)
        if rule.door is Door.KEY:
            shown = request.headers.get("authorization", "")
            caller = await run_in_threadpool(self._doors.by_key, shown)
            self._often.count(address if caller.who == ANYBODY.who else caller.who)
        if rule.door is Door.SESSION:
            is_use = FOLLOWS not in request.query_params
            known = await run_in_threadpool(
                self._doors.by_session, token, is_use=is_use
            )
            if known is None:
                return lead_to(LOGIN)
            caller = known
        if rule.door in {Door.KEY, Door.SESSION} and not caller.roles & rule.roles:
            raise ForbiddenError(problem="the role is missing")
        request.state.caller = caller
        if rule.takes_form:
            expected = form_token(token or "") if rule.door is Door.SESSION else None
            request.state.form = await _own_form(request, expected)
        return caller

    @staticmethod
    def _refused(
        error: UnlearnError, rule: Rule | None, request: Request, *, back: str
    ) -> Response:
        """Answer people with a page, programs with a problem.

        Args:
            error: What is wrong.
            rule: The route's rule, if it has one.
            request: What was asked, in which language.
            back: Where the page leads back to.
        """
        is_page = rule is not None and (
            rule.door is Door.SESSION or (rule.door is not Door.KEY and rule.takes_form)
        )
        answer = refusal(error)
        if not is_page:
            return answer
        shown = subject_page(
            request,
            "refused.html",
            HTTPStatus(answer.status_code),
            text=texts_of(request).why_refused(error),
            path=back,
            back=back,
        )
        if "Retry-After" in answer.headers:
            shown.headers["Retry-After"] = answer.headers["Retry-After"]
        return shown


def _back(path: str, parameters: Mapping[str, object]) -> str:
    """Return the page that a refused form stands on, or the one before it."""
    if "token" in parameters:
        return f"/status/{parameters['token']}"
    return "/console" if path.startswith("/console") else "/request"


def _shows_something(message: Message) -> bool:
    """Tell whether an answer begins that neither leads elsewhere nor just refuses.

    A form that cannot be carried out is answered with the page it stands on; programs
    are refused with JSON.
    """
    if message["type"] != "http.response.start":
        return False
    leads_elsewhere = message["status"] == HTTPStatus.SEE_OTHER
    kind = Headers(raw=message["headers"]).get("content-type")
    is_refused = kind == MEDIA_TYPE or (
        message["status"] >= HTTPStatus.BAD_REQUEST and kind == "application/json"
    )
    return not leads_elsewhere and not is_refused


async def _own_form(request: Request, expected: str | None) -> dict[str, str]:
    """Return the fields of a form that a page of ours has sent.

    Raises:
        ForbiddenError: Another site has sent it, or what came is no form.
    """
    site = request.headers.get("sec-fetch-site", "none")
    # Browsers say `null` where a page forbids referrers, as ours do.
    origin = request.headers.get("origin", "null")
    is_ours = origin == "null" or (
        urlsplit(origin).netloc == request.headers.get("host")
    )
    if site not in OWN_SITES or not is_ours:
        raise ForbiddenError(problem="the form is not from here")
    try:
        body = (await request.body()).decode()
        pairs = parse_qsl(body, max_num_fields=MAXIMUM_FIELDS, errors="strict")
    except (ValueError, HTTPException):
        raise ForbiddenError(problem="not a form") from None
    form = dict(pairs)
    shown = form.pop("form_token", "")
    if expected is not None and not hmac.compare_digest(
        shown.encode(), expected.encode()
    ):
        raise ForbiddenError(problem="the form is not of this session")
    return form


def _request_id(parameters: Mapping[str, object]) -> UUID | None:
    value = parameters.get("request_id")
    return UUID(str(value)) if value else None
