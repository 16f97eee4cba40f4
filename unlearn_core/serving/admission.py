"""Who may ask, and how often; decided before anything of a request is read.

- Keys are known by their SHA-256 digests only. They are long random values, so a plain
  digest cannot be reversed by guessing.
- The rate is limited per key, or per address where no keys are used.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Collection

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from unlearn_core.errors import UnlearnError
from unlearn_core.http_errors import ApiKeyError
from unlearn_core.http_problems import refusal
from unlearn_core.http_rates import Rate

OPEN_PATHS = frozenset({"/health", "/ready", "/state", "/webhook"})
"""What probes, the worker and the registry ask for; nothing of it concerns a question.
The registry signs instead of sending a key."""


class Admission:
    """Knows the callers and counts what they ask.

    Args:
        api_keys: SHA-256 digests of the accepted keys, in hexadecimal; if there are
            none, no key is asked for.
        requests_per_minute: Most requests of one caller; 0 for any number.
        now: Tells seconds that never go back.
    """

    def __init__(
        self,
        *,
        api_keys: Collection[str] = (),
        requests_per_minute: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api_keys = tuple(api_keys)
        self._rate = Rate(requests_per_minute, now=now)

    def admit(self, *, authorization: str, address: str) -> None:
        """Let one request in.

        Args:
            authorization: The header of this name, empty if there is none.
            address: Where the request came from.

        Raises:
            ApiKeyError: No key was sent, or an unknown one.
            RateLimitedError: The caller's share is used up.
        """
        caller = self._known(authorization) if self._api_keys else address
        self._rate.count(caller)

    def _known(self, authorization: str) -> str:
        scheme, _, key = authorization.partition(" ")
        digest = hashlib.sha256(key.strip().encode()).hexdigest()
        # All are compared, so the time tells nothing about a key's place.
        matches = [hmac.compare_digest(digest, known) for known in self._api_keys]
        if scheme.lower() != "bearer" or not any(matches):
            raise ApiKeyError
        return digest


class Gate:
    """Asks the `Admission` about every request except for the open paths."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            connection = HTTPConnection(scope)
            try:
                self._admission.admit(
                    authorization=connection.headers.get("authorization", ""),
                    address=connection.client.host if connection.client else "",
                )
            except UnlearnError as error:
                await refusal(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)
