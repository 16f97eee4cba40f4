"""Replicas that answer with a fixed state page over real HTTP."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler

from support.pages import listening


def silent_address() -> str:
    """Return an address at which nothing answers."""
    return "http://127.0.0.1:9"


@contextmanager
def state_pages(*pages: object, status: int = 200) -> Iterator[list[str]]:
    """Serve each page at an address of its own, at ``/state`` only."""
    with ExitStack() as stack:
        yield [stack.enter_context(_replica(page, status)) for page in pages]


@contextmanager
def _replica(page: object, status: int) -> Iterator[str]:
    body = page if isinstance(page, bytes) else json.dumps(page).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/state" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, *_: object) -> None:
            """Keep the test's output clean."""

    with listening(Handler) as address:
        yield address
