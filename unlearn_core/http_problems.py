"""Errors as HTTP answers: RFC 9457 problems that OpenAI clients understand as well.

The body never repeats what was sent.
"""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from unlearn_core.errors import (
    DependencyError,
    IntegrityError,
    PolicyError,
    RequestError,
    UnknownRequestError,
    UnlearnError,
)

MEDIA_TYPE = "application/problem+json"

_STATUS: Mapping[type[UnlearnError], HTTPStatus] = {
    UnknownRequestError: HTTPStatus.NOT_FOUND,
    RequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    PolicyError: HTTPStatus.CONFLICT,
    IntegrityError: HTTPStatus.INTERNAL_SERVER_ERROR,
    DependencyError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def problem(
    status: HTTPStatus, *, code: str, detail: str, where: tuple[str, ...] = ()
) -> JSONResponse:
    """Build a problem answer."""
    body: dict[str, object] = {
        "type": f"urn:unlearn:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        # The member that OpenAI clients look for.
        "error": {"message": detail, "type": code, "code": code, "param": None},
    }
    if where:
        body["where"] = list(where)
    return JSONResponse(body, status_code=status.value, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make an application answer errors as problems."""

    @app.exception_handler(UnlearnError)
    async def known(_request: Request, error: UnlearnError) -> JSONResponse:
        """Answer an error of ours with its code and next step."""
        status = next(
            status for kind, status in _STATUS.items() if isinstance(error, kind)
        )
        return problem(status, code=error.code, detail=error.diagnostics())

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        """Say which fields are wrong, never what they held."""
        places = {".".join(map(str, item["loc"])) for item in error.errors()}
        return problem(
            HTTPStatus.BAD_REQUEST,
            code="invalid_request",
            detail="A field is missing, unknown, unsupported or malformed.",
            where=tuple(sorted(places)),
        )

    @app.exception_handler(HTTPException)
    async def plain(_request: Request, error: HTTPException) -> JSONResponse:
        """Answer with the meaning of the status alone."""
        status = HTTPStatus(error.status_code)
        return problem(status, code="http_error", detail=status.phrase)

    @app.exception_handler(Exception)
    async def unexpected(_request: Request, _error: Exception) -> JSONResponse:
        """Say nothing of an error that nobody foresaw."""
        return problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            code="unexpected_error",
            detail="Something went wrong; the operator's log knows when.",
        )
