"""Signing in and out.

Nothing is kept here between the way to the issuer and back: a cookie holds one random
secret, and state, nonce and verifier are derived from it by HMAC, so none of them tells
another.
"""

import base64
import hashlib
import hmac
import secrets
from http import HTTPStatus
from typing import NamedTuple

from fastapi import FastAPI, Request, Response

from unlearn_core.http_errors import LoginRefusedError, LoginUnavailableError
from unlearn_core.intake.console.desk import NAVIGATION, form_of, may, words_of
from unlearn_core.intake.console.words import keep_choice
from unlearn_core.intake.doors import TOKEN_BYTES, Doors
from unlearn_core.intake.gate import COOKIE, LOGIN
from unlearn_core.intake.rendering import lead_to, page
from unlearn_core.ports import LoginIssuer

HOME = "/console"
LOGIN_COOKIE = "__Host-unlearn-login"
LOGIN_SECONDS = 600


class Handshake(NamedTuple):
    """What one sign-in shares with the issuer (RFC 7636 and OpenID Connect Core)."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def of(cls, secret: str) -> "Handshake":
        """Derive everything from the secret of the cookie."""
        return cls(*(_derived(secret, purpose) for purpose in cls._fields))

    @property
    def challenge(self) -> str:
        """Return the S256 challenge of the verifier."""
        return _encoded(hashlib.sha256(self.verifier.encode()).digest())


def add_login(app: FastAPI, doors: Doors) -> None:
    """Add the pages for signing in and out."""

    @app.get("/console/login", include_in_schema=False)
    def login(request: Request) -> Response:
        """Show the ways to sign in."""
        return _login_page(request, doors)

    @app.post("/console/login", include_in_schema=False)
    def with_key(request: Request) -> Response:
        """Sign in with an access key."""
        try:
            token = doors.sign_in_with_key(form_of(request).get("key", "").strip())
        except LoginRefusedError:
            return _login_page(request, doors, problem="login_refused")
        return _signed_in(token, doors)

    @app.post("/console/logout", include_in_schema=False)
    def logout(request: Request) -> Response:
        """Sign out."""
        doors.sign_out(request.cookies[COOKIE])
        answer = lead_to(LOGIN)
        _forget(answer, COOKIE)
        # ASVS 8.3.2: nothing of the session stays in the browser.
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer

    if doors.issuer is not None:
        _add_issuer(app, doors, doors.issuer)


def _add_issuer(app: FastAPI, doors: Doors, issuer: LoginIssuer) -> None:
    """Add the way to the issuer and back."""

    @app.get("/console/login/issuer", include_in_schema=False)
    def begin(request: Request) -> Response:
        """Send the browser to the issuer."""
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        shaken = Handshake.of(secret)
        try:
            address = issuer.address(
                state=shaken.state, nonce=shaken.nonce, challenge=shaken.challenge
            )
        except LoginUnavailableError:
            return _login_page(request, doors, problem="login_unavailable")
        answer = lead_to(address)
        answer.set_cookie(
            LOGIN_COOKIE,
            secret,
            max_age=LOGIN_SECONDS,
            secure=True,
            httponly=True,
            samesite="lax",
        )
        return answer

    @app.get("/console/callback", include_in_schema=False)
    def callback(request: Request) -> Response:
        """Take in the issuer's answer."""
        try:
            shaken = _begun_here(request)
            identity = issuer.identify(
                request.query_params.get("code", ""),
                nonce=shaken.nonce,
                verifier=shaken.verifier,
            )
            answer = _signed_in(doors.sign_in(identity), doors)
        except (LoginRefusedError, LoginUnavailableError) as error:
            answer = _login_page(request, doors, problem=error.code)
        _forget(answer, LOGIN_COOKIE)
        return answer


def _begun_here(request: Request) -> Handshake:
    """Return what this browser's sign-in shares with the issuer.

    Raises:
        LoginRefusedError: This browser has begun none, or another one.
    """
    secret = request.cookies.get(LOGIN_COOKIE, "")
    shaken = Handshake.of(secret)
    state = request.query_params.get("state", "")
    if not secret or not hmac.compare_digest(state.encode(), shaken.state.encode()):
        raise LoginRefusedError(problem="not begun here")
    return shaken


def _login_page(
    request: Request, doors: Doors, *, problem: str | None = None
) -> Response:
    answer = page(
        "console_login.html",
        HTTPStatus.FORBIDDEN if problem else HTTPStatus.OK,
        t=words_of(request),
        problem=problem,
        has_issuer=doors.issuer is not None,
        path=LOGIN,
    )
    return keep_choice(request, answer)


def _signed_in(token: str, doors: Doors) -> Response:
    """Lead to the first page that the caller may see."""
    caller = doors.by_session(token)
    answer = lead_to(
        next(
            (path for _, path in NAVIGATION if caller and may(caller, f"GET {path}")),
            HOME,
        )
    )
    answer.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="lax")
    return answer


def _forget(answer: Response, cookie: str) -> None:
    answer.delete_cookie(cookie, secure=True, httponly=True, samesite="lax")


def _derived(secret: str, purpose: str) -> str:
    return _encoded(hmac.digest(secret.encode(), purpose.encode(), "sha256"))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
