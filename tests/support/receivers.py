"""A real HTTP server that keeps what it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def receiver(
    status: int, *, location: str = "", length: int = 0
) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Run a server that answers with a status; return its address and what came.

    Args:
        status: The status.
        location: Where the answer leads to.
        length: How long the server says that its answer is; nothing of it comes.
    """
    came: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((dict(self.headers), body))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            if length:
                self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", came
    finally:
        server.shutdown()
        server.server_close()
