"""Looks for requests that nobody works on, messages that wait, restrictions to tell.

Several intake services may run; a lease makes one of them the watchdog at a time.
"""

import threading
from collections.abc import Callable
from datetime import timedelta

from unlearn_core.errors import LeaseBusyError, UnlearnError
from unlearn_core.observability import EventLog
from unlearn_core.steps.deliver_messages import PostRoom, deliver_messages
from unlearn_core.steps.resume_requests import WatchPost, resume_requests

RESOURCE = "watchdog"

_LOG = EventLog("watchdog")


class Watchdog:
    """A thread that looks every few seconds.

    Args:
        post: What it needs.
        holder: Name of this process.
        pause_seconds: Time between looks.
        room: What delivering messages needs; None leaves them on the status page.
        restrictions: Publishes what was restricted; None leaves it to workers.
    """

    def __init__(
        self,
        post: WatchPost,
        *,
        holder: str,
        pause_seconds: float,
        room: PostRoom | None = None,
        restrictions: Callable[[], None] | None = None,
    ) -> None:
        self._post = post
        self._room = room
        self._restrictions = restrictions
        self._holder = holder
        self._pause_seconds = pause_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start looking."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self._thread.join()

    def look(self) -> None:
        """Look once, unless another service is looking."""
        try:
            lease = self._post.leases.acquire(
                RESOURCE,
                holder=self._holder,
                ttl=timedelta(seconds=4 * self._pause_seconds),
            )
        except LeaseBusyError:
            return
        try:
            resume_requests(self._post)
        finally:
            self._post.leases.release(lease)

    def deliver(self) -> None:
        """Try the messages that are due, unless another service does."""
        if self._room is not None:
            deliver_messages(self._room)

    def restrict(self) -> None:
        """Tell replicas what was restricted, unless another service does."""
        if self._restrictions is not None:
            self._restrictions()

    def _run(self) -> None:
        while not self._stopped.wait(self._pause_seconds):
            for duty in (self.look, self.deliver, self.restrict):
                try:
                    duty()
                except UnlearnError as error:
                    _LOG.warning("look_failed", code=error.code)
                except Exception as error:  # noqa: BLE001 - the thread must survive
                    _LOG.error("look_failed", reason=type(error).__name__)
