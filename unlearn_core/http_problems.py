"""Errors as HTTP answers: RFC 9457 problems that OpenAI clients understand as well.

- No answer and no log line repeats what was sent, nor the text of a foreign error.
- A body larger than `MAXIMUM_BODY_BYTES` is refused while it is being read.
"""

from collections.abc import Mapping
from http import HTTPStatus
from itertools import takewhile

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unlearn_core.errors import (
    DependencyError,
    IntegrityError,
    LeaseBusyError,
    PolicyError,
    RequestError,
    UnexpectedError,
    UnknownRequestError,
    UnlearnError,
)
from unlearn_core.http_errors import (
    ApiKeyError,
    BoundExceededError,
    ContextExceededError,
    ForbiddenError,
    RateLimitedError,
    UnknownModelError,
    UnsupportedParameterError,
    UpstreamMismatchError,
)
from unlearn_core.observability import EventLog

MEDIA_TYPE = "application/problem+json"
MAXIMUM_BODY_BYTES = 1_000_000

_PARTS = frozenset({"body", "path", "query", "header"})

_STATUS: Mapping[type[UnlearnError], HTTPStatus] = {
    UnknownRequestError: HTTPStatus.NOT_FOUND,
    UnknownModelError: HTTPStatus.NOT_FOUND,
    ContextExceededError: HTTPStatus.BAD_REQUEST,
    UnsupportedParameterError: HTTPStatus.BAD_REQUEST,
    ApiKeyError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    # Asking again does not help, and clients ask again after 409 and 5xx.
    BoundExceededError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UpstreamMismatchError: HTTPStatus.BAD_GATEWAY,
    RequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    PolicyError: HTTPStatus.CONFLICT,
    IntegrityError: HTTPStatus.INTERNAL_SERVER_ERROR,
    # Nothing is down: who asks again in a moment is served.
    LeaseBusyError: HTTPStatus.CONFLICT,
    DependencyError: HTTPStatus.SERVICE_UNAVAILABLE,
    UnlearnError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_LOG = EventLog("http")


def problem(
    status: HTTPStatus, *, code: str, detail: str, where: tuple[str, ...] = ()
) -> JSONResponse:
    """Build a problem answer."""
    parameter = where[0].removeprefix("body.") if where else None
    body: dict[str, object] = {
        "type": f"urn:unlearn:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        # The member that OpenAI clients look for.
        "error": {"message": detail, "type": code, "code": code, "param": parameter},
    }
    if where:
        body["where"] = list(where)
    return JSONResponse(body, status_code=status.value, media_type=MEDIA_TYPE)


def status_of(error: UnlearnError) -> HTTPStatus:
    """Return the status that an error is answered with."""
    return next(status for kind, status in _STATUS.items() if isinstance(error, kind))


def refusal(error: UnlearnError) -> JSONResponse:
    """Return an error as a problem.

    Its fact ``parameter`` is named as the offending one; ``retry_seconds`` becomes
    the header ``Retry-After``.
    """
    status = status_of(error)
    parameter = error.facts.get("parameter")
    where = () if parameter is None else (f"body.{parameter}",)
    answer = problem(status, code=error.code, detail=error.diagnostics(), where=where)
    if "retry_seconds" in error.facts:
        answer.headers["Retry-After"] = str(error.facts["retry_seconds"])
    if isinstance(error, ApiKeyError):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def install(app: FastAPI, *, names: frozenset[str]) -> None:
    """Make an application answer errors as problems.

    Args:
        app: The application.
        names: Field names that an answer may repeat; any other could be personal.
    """
    app.add_middleware(_Boundary)

    @app.exception_handler(UnlearnError)
    async def known(_request: Request, error: UnlearnError) -> JSONResponse:
        """Answer an error of ours with its code and next step."""
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        """Say only where, never what: the offending value may be personal."""
        places = {_place(item["loc"], names=names) for item in error.errors()}
        where = tuple(sorted(places))
        return problem(
            HTTPStatus.BAD_REQUEST,
            code="invalid_request",
            detail=f"Missing, unknown, unsupported or malformed: {', '.join(where)}.",
            where=where,
        )

    @app.exception_handler(HTTPException)
    async def plain(_request: Request, error: HTTPException) -> JSONResponse:
        """Answer with the meaning of the status alone."""
        status = HTTPStatus(error.status_code)
        answer = problem(status, code="http_error", detail=status.phrase)
        answer.headers.update(error.headers or {})
        return answer


def _place(location: tuple[int | str, ...], *, names: frozenset[str]) -> str:
    """Return the beginning of a location, up to what may not be repeated."""
    known = takewhile(
        lambda part: isinstance(part, int) or part in names | _PARTS, location
    )
    return ".".join(map(str, known))


class _Boundary:
    """Limits what comes in and withholds the text of unexpected errors.

    Left to itself, the framework raises such an error again after answering, and the
    server logs its text, which may hold personal data.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, _limited(receive), sending)
        except Exception as error:  # noqa: BLE001 - nothing foreign leaves from here
            _LOG.error("request_failed", reason=type(error).__name__)
            if not has_begun:
                answer = problem(
                    HTTPStatus.INTERNAL_SERVER_ERROR,
                    code=UnexpectedError.code,
                    detail="Something went wrong; the operator's log knows when.",
                )
                await answer(scope, receive, send)


def _limited(receive: Receive) -> Receive:
    """Return a receiver that refuses a body beyond the limit."""
    received_bytes = 0

    async def limited() -> Message:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > MAXIMUM_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return limited
