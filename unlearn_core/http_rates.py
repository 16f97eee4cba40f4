"""How often one caller of an HTTP interface may ask.

A caller may use a whole minute's share at once and then gets it back evenly (a leaky
bucket as a meter; only the moment at which a share is whole again is kept).
"""

import math
import time
from collections.abc import Callable

from unlearn_core.http_errors import RateLimitedError

MAXIMUM_CALLERS = 10_000
MINUTE_SECONDS = 60.0


class Rate:
    """Counts what callers ask.

    Args:
        per_minute: Most requests of one caller; 0 for any number.
        now: Tells seconds that never go back.
    """

    def __init__(
        self, per_minute: int, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds_each = MINUTE_SECONDS / per_minute if per_minute else 0.0
        self._now = now
        # When each caller's share will be whole again.
        self._whole_at: dict[str, float] = {}

    def count(self, caller: str) -> None:
        """Take one request off a caller's share.

        Raises:
            RateLimitedError: The caller's share is used up.
        """
        if not self._seconds_each:
            return
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
