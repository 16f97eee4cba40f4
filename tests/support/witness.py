"""A witness as C2SP tlog-witness describes it, on a port of its own."""

import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.log import NOTES

from unlearn_core.domain.checkpoints import (
    Checkpoint,
    CheckpointInvalidError,
    NoteSignature,
)
from unlearn_core.domain.merkle import is_consistent

COSIGNATURE = NoteSignature("witness.example/w1", b"\x01\x02\x03\x04", bytes(72))


@dataclass(slots=True)
class Witness:
    """Remembers the latest checkpoint of one log.

    Attributes:
        fixed: An answer that is given whatever is asked.
    """

    latest: Checkpoint | None = None
    fixed: tuple[int, str, bytes] | None = None
    asked: list[bytes] = field(default_factory=list)

    def answer(self, body: bytes) -> tuple[int, str, bytes]:
        """Return status, content type and body for what was submitted."""
        self.asked.append(body)
        if self.fixed is not None:
            return self.fixed
        head, _, note = body.partition(b"\n\n")
        first, *steps = head.decode().split("\n")
        old = int(first.removeprefix("old "))
        try:
            new = NOTES.open(note)
        except CheckpointInvalidError:
            return 403, "text/plain", b""
        known = self.latest.size if self.latest else 0
        if old != known:
            return 409, "text/x.tlog.size", f"{known}\n".encode()
        path = tuple(b64decode(step) for step in steps)
        if self.latest and not is_consistent(
            old, new.size, path, before=self.latest.root, after=new.root
        ):
            return 409 if old == new.size else 422, "text/plain", b""
        self.latest = new
        return 200, "text/plain", COSIGNATURE.line()


@contextmanager
def running_witness(witness: Witness) -> Iterator[str]:
    """Serve a witness and give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, kind, answer = (
                witness.answer(body)
                if self.path == "/log/add-checkpoint"
                else (404, "text/plain", b"")
            )
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/log"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
