"""A completions service that tells what a function says, over real HTTP."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from support.pages import listening

Told = Callable[[Sequence[int]], dict[str, float]]
"""The likeliest tokens after a context, by the names that the service uses."""


@dataclass
class Service:
    """What the service does, and what it was asked.

    Attributes:
        told: What it tells.
        statuses: What it answers first, one a question, before it does what it should.
        asked: Bodies of all questions.
        keys: What the questions had in their authorization header.
        model: What it calls its model.
        places: Which contexts it says to answer; each in turn if there are none.
        more: What its answers hold besides.
    """

    told: Told
    statuses: list[int] = field(default_factory=list)
    asked: list[dict[str, object]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    address: str = ""
    model: str = "base"
    places: Sequence[int] = ()
    more: Mapping[str, object] = field(default_factory=dict)


@contextmanager
def completions(service: Service) -> Iterator[Service]:
    """Serve on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Answer a question."""
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.asked.append(body)
            service.keys.append(self.headers["Authorization"])
            status = service.statuses.pop(0) if service.statuses else 200
            places = service.places or range(len(body["prompt"]))
            choices = [
                {"index": n, "logprobs": {"top_logprobs": [service.told(prompt)]}}
                for n, prompt in zip(places, body["prompt"], strict=False)
            ]
            # Choices need not come in order.
            page = json.dumps(
                {"model": service.model, "choices": choices[::-1], **service.more}
            ).encode()
            self.send_response(status)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with listening(Handler) as address:
        service.address = address
        yield service
