"""Keeps an engine's offset current and tells how it is.

A thread looks at the registry, gives back what idle requests hold, and says every
second whether the engine may answer: to the process that takes requests, and, on a page
like that of our own service, to whoever waits for a version to be effective.
"""

import json
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.errors import OffsetRequiredError
from unlearn_core.observability import EventLog
from unlearn_core.serving.slot import Slot
from unlearn_core.serving.watcher import Watcher
from unlearn_core.vllm.offsets import Offsets, PairOffset
from unlearn_core.vllm.presence import tell

TICK_SECONDS = 1.0

_LOG = EventLog("vllm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caretaker:
    """What one processor needs besides the engine.

    Attributes:
        replica: Name of this replica.
        slot: Holds the version that new requests get.
        watcher: Fills it; it is looked after here and not started.
        offsets: The running requests.
        folder: Where the engine's processes meet.
        poll_seconds: Time between looks at the registry.
    """

    replica: str
    slot: Slot[PairOffset]
    watcher: Watcher[PairOffset]
    offsets: Offsets
    folder: Path
    poll_seconds: float

    def start(self, address: tuple[str, int] | None) -> None:
        """Restore, look once, then go on in the background.

        Args:
            address: Where the state is shown over HTTP; None for nowhere.

        Raises:
            OSError: The address is taken.
        """
        self.watcher.restore()
        self.watcher.look()
        tell(self.folder, self.state())
        if address is not None:
            server = ThreadingHTTPServer(address, page(self))
            threading.Thread(target=server.serve_forever, daemon=True).start()
        threading.Thread(target=self._run, name="caretaker", daemon=True).start()

    def state(self) -> dict[str, JsonValue]:
        """Return what the state page of our own service shows."""
        current = self.slot.current
        try:
            self.slot.check()
            is_ready = True
        except OffsetRequiredError:
            is_ready = False
        return {
            "replica": self.replica,
            "is_ready": is_ready,
            "sequence": current.sequence,
            "version": current.version,
            "manifest": current.manifest,
            "oldest_in_flight": self.slot.oldest_in_flight,
            "in_flight": self.slot.in_flight,
            "in_flight_by_sequence": dict(self.slot.in_flight_by_sequence),
            "last_error": self.watcher.last_error,
            "is_cut_off": self.slot.is_cut_off,
            "restrictions": self.slot.restrictions,
            "rows_blanked": self.offsets.blanked,
        }

    def tick(self) -> None:
        """Give back what is idle and tell the state."""
        self.offsets.release_idle()
        tell(self.folder, self.state())

    def _run(self) -> None:
        looked = time.monotonic()
        while True:
            time.sleep(min(TICK_SECONDS, self.poll_seconds))
            # While vLLM loads its weights, every new tensor has their type.
            if time.monotonic() - looked >= self.poll_seconds and (
                torch.get_default_dtype() is torch.float32
            ):
                self.watcher.look()
                looked = time.monotonic()
            try:
                self.tick()
            except OSError as error:
                # What is not told becomes stale, and requests are refused.
                _LOG.error("state_not_told", reason=type(error).__name__)


def page(caretaker: Caretaker) -> type[BaseHTTPRequestHandler]:
    """Return what answers ``/state`` and ``/ready``."""

    class Page(BaseHTTPRequestHandler):
        """Answers with the caretaker's state."""

        server_version = "unlearn"
        sys_version = ""

        def do_GET(self) -> None:
            """Answer a question."""
            state = caretaker.state()
            status = {
                "/state": HTTPStatus.OK,
                "/ready": HTTPStatus.OK
                if state["is_ready"]
                else HTTPStatus.SERVICE_UNAVAILABLE,
            }.get(self.path, HTTPStatus.NOT_FOUND)
            body = b"" if status == HTTPStatus.NOT_FOUND else json.dumps(state).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: it is asked every second."""

    return Page
