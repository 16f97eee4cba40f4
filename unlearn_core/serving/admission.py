"""Who may ask, and how often; decided before anything of a request is read.

- Keys are known by their SHA-256 digests only. They are long random values, so a plain
  digest cannot be reversed by guessing.
- The rate is limited per key, or per address where no keys are used. A caller may use
  a whole minute's share at once and then gets it back evenly.
"""

import hashlib
import hmac
import math
import time
from collections.abc import Callable, Collection

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from unlearn_core.errors import UnlearnError
from unlearn_core.http_errors import ApiKeyError, RateLimitedError
from unlearn_core.http_problems import refusal

OPEN_PATHS = frozenset({"/health", "/ready", "/state"})
"""What probes and the worker ask for; nothing of it concerns a question."""

MAXIMUM_CALLERS = 10_000
MINUTE_SECONDS = 60.0


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
        self._seconds_each = (
            MINUTE_SECONDS / requests_per_minute if requests_per_minute else 0.0
        )
        self._now = now
        # When each caller's share will be whole again.
        self._whole_at: dict[str, float] = {}

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
        if self._seconds_each:
            self._count(caller)

    def _known(self, authorization: str) -> str:
        scheme, _, key = authorization.partition(" ")
        digest = hashlib.sha256(key.strip().encode()).hexdigest()
        # All are compared, so the time tells nothing about a key's place.
        matches = [hmac.compare_digest(digest, known) for known in self._api_keys]
        if scheme.lower() != "bearer" or not any(matches):
            raise ApiKeyError
        return digest

    def _count(self, caller: str) -> None:
        now = self._now()
        whole_at = max(self._whole_at.get(caller, now), now)
        wait_seconds = whole_at + self._seconds_each - now - MINUTE_SECONDS
        # Sums of thirds and the like are not exact.
        if wait_seconds > self._seconds_each * 1e-6:
            raise RateLimitedError(retry_seconds=math.ceil(wait_seconds))
        self._whole_at[caller] = whole_at + self._seconds_each
        if len(self._whole_at) > MAXIMUM_CALLERS:
            self._forget(now)

    def _forget(self, now: float) -> None:
        """Forget callers whose share is whole again, else who came first."""
        self._whole_at = {
            caller: moment for caller, moment in self._whole_at.items() if moment > now
        }
        while len(self._whole_at) > MAXIMUM_CALLERS:
            del self._whole_at[next(iter(self._whole_at))]


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
