"""What was refused is not fetched again at every look.

A bundle that failed its checks will most likely fail them again, and it is large. So
the next try waits twice as long as the one before, until something else is wanted.
"""

import time
from collections.abc import Callable

from unlearn_core.errors import UnlearnError

LONGEST_SECONDS = 300.0


class Backoff:
    """Remembers the last refusal.

    Args:
        first_seconds: Wait after the first refusal.
        now: Tells seconds that never go back.
    """

    def __init__(
        self, *, first_seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_seconds = first_seconds
        self._now = now
        self._wanted = ""
        self._wait_seconds = 0.0
        self._next_try = 0.0
        self._error: UnlearnError | None = None

    def check(self, wanted: str) -> None:
        """Repeat the refusal of what is wanted, while it is too early to try again.

        Raises:
            UnlearnError: The refusal.
        """
        if self._error and wanted == self._wanted and self._now() < self._next_try:
            raise self._error.with_traceback(None)

    def refused(self, wanted: str, error: UnlearnError) -> None:
        """Remember a refusal; the same one again doubles the wait."""
        again = wanted == self._wanted
        wait_seconds = self._wait_seconds * 2 if again else self._first_seconds
        self._wanted, self._error = wanted, error
        self._wait_seconds = min(wait_seconds, LONGEST_SECONDS)
        self._next_try = self._now() + self._wait_seconds
