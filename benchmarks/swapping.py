"""Swaps under load: ``make bench-swapping``.

One inference service on loopback, as it runs in production but for its size: tiny
random models, another nonsense for each version. Streaming clients ask without a pause
while versions are published, each in the two steps of the real protocol: serve *n* and
require what is served; then, once *n* is served, require *n*. In between come a
tampered artifact, a pointer that goes back, and a registry that is away.

Every answer is checked afterwards:

- it came whole, and each of its chunks names the same version;
- that version is at least what was required when it was asked;
- its text is what the version's law says, computed anew by the separate models.

It ends with one JSON line. ``gap_ms`` is the time between two chunks of one stream,
``lock_us`` how long the exchange itself holds everybody up.
"""

import argparse
import asyncio
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import torch
from rich.console import Console
from rich.progress import Progress
from support.serving import (
    ServingWorld,
    byte_tokenizer,
    greedy_tokens,
    offset_law,
    running_server,
)

from unlearn_core.modeling.bundles import PAIR_FILE
from unlearn_core.serving.app import InferenceService, create_app
from unlearn_core.serving.slot import ServedVersion

PROMPTS = ("Where does Ada live?", "Hello", "Tell me of the sea, at length.")
TOKENS = 16
POLL_SECONDS = 0.05
OUTAGE_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.3


@dataclass(slots=True, kw_only=True)
class Answer:
    """What one client got for one question.

    Attributes:
        prompt: What it asked.
        required: Lowest sequence that could answer when it asked.
        sequences: The versions that the chunks name.
        text: The answer.
        is_whole: Whether it ended as it should.
        chunks: When its chunks came.
    """

    prompt: str
    required: int
    sequences: set[int] = field(default_factory=set)
    text: str = ""
    is_whole: bool = False
    chunks: list[float] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Log:
    """What happened during the run.

    Attributes:
        required: Lowest sequence that may answer now, as far as clients know.
        answers: What clients got.
        swaps: When each publication began and ended.
        locks: How long each exchange took, in seconds.
        refusals: Error codes that the replica showed, by what was wrong.
        during_outage: Answers that began while the registry was away.
    """

    required: int = 1
    answers: list[Answer] = field(default_factory=list)
    swaps: list[tuple[float, float]] = field(default_factory=list)
    locks: list[float] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    during_outage: int = 0


async def client(
    http: httpx.AsyncClient, log: Log, number: int, *, ended: asyncio.Event
) -> None:
    """Ask one question after another until the end."""
    while not ended.is_set():
        prompt = PROMPTS[number % len(PROMPTS)]
        answer = Answer(prompt=prompt, required=log.required)
        log.answers.append(answer)
        await ask(http, answer)


async def ask(http: httpx.AsyncClient, answer: Answer) -> None:
    """Ask a question and take note of every chunk."""
    body = {
        "model": "small-world",
        "prompt": answer.prompt,
        "max_tokens": TOKENS,
        "temperature": 0,
        "stream": True,
    }
    async with http.stream("POST", "/v1/completions", json=body) as response:
        if response.status_code != httpx.codes.OK:
            return
        answer.sequences.add(int(response.headers["X-Offset-Sequence"]))
        async for line in response.aiter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line.removeprefix("data: "))
            if "error" in chunk:
                return
            answer.chunks.append(time.perf_counter())
            answer.sequences.add(int(chunk["offset"]["sequence"]))
            (choice,) = chunk["choices"]
            answer.text += choice["text"]
            answer.is_whole = choice["finish_reason"] in {"length", "stop"}


class Publisher:
    """Publishes versions, good and bad ones.

    Args:
        world: Registry and keys.
        service: The replica.
        log: Where it is written down.
    """

    def __init__(
        self, world: ServingWorld, service: InferenceService, log: Log
    ) -> None:
        self._world = world
        self._service = service
        self._log = log
        self._sequence = 0

    async def swap(self) -> None:
        """Publish a version, wait until it is served, then require it."""
        began = time.perf_counter()
        self._sequence += 1
        sequence = self._sequence
        self._world.clock.move(timedelta(seconds=1))
        pointer = await asyncio.to_thread(self._world.register, sequence)
        first = replace(pointer, minimum_sequence=self._log.required)
        self._world.publish(first)
        await self._until(lambda: self._service.slot.current.sequence == sequence)
        self._log.swaps.append((began, time.perf_counter()))
        self._world.clock.move(timedelta(seconds=1))
        self._world.publish(replace(pointer, issued_at=self._world.clock.now()))
        self._log.required = sequence

    async def tamper(self) -> None:
        """Publish a version whose weights were changed after it was signed."""
        self._sequence += 1
        self._world.clock.move(timedelta(seconds=1))
        pointer = self._world.register(self._sequence, spoil=_flip)
        self._world.publish(replace(pointer, minimum_sequence=self._log.required))
        await self._refused("tampered")

    async def go_back(self) -> None:
        """Publish a genuine pointer to the version before; publish the last again."""
        models = self._world.registry._models["small-world"]  # noqa: SLF001 - what a thief of the registry can do
        latest, before = models.pointer, self._old
        models.pointer = before
        await self._refused("downgrade")
        models.pointer = latest

    async def vanish(self) -> None:
        """Take the registry away for a while."""
        begun = len(self._log.answers)
        self._world.registry.is_reachable = False
        await self._refused("outage")
        await asyncio.sleep(OUTAGE_SECONDS)
        self._log.during_outage = len(self._log.answers) - begun
        self._world.registry.is_reachable = True
        await self._until(lambda: not self._service.watcher.last_error)

    def remember(self) -> None:
        """Keep the present pointer, to go back to it later."""
        self._old = self._world.registry.pointer("small-world")

    async def _refused(self, name: str) -> None:
        await self._until(lambda: bool(self._service.watcher.last_error))
        self._log.refusals[name] = self._service.watcher.last_error

    async def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while not condition():
            if time.perf_counter() > deadline:
                raise TimeoutError
            await asyncio.sleep(POLL_SECONDS / 5)


def _flip(folder: Path) -> None:
    stored = bytearray((folder / PAIR_FILE).read_bytes())
    stored[-1] ^= 1
    (folder / PAIR_FILE).write_bytes(stored)


async def load(
    url: str, publisher: Publisher, log: Log, *, clients: int, swaps: int
) -> None:
    """Let clients ask while versions are published."""
    ended = asyncio.Event()
    limits = httpx.Limits(max_connections=clients)
    async with (
        httpx.AsyncClient(
            base_url=url, limits=limits, timeout=PATIENCE_SECONDS
        ) as http,
        asyncio.TaskGroup() as group,
    ):
        for number in range(clients):
            group.create_task(client(http, log, number, ended=ended))
        await _publish(publisher, swaps=swaps)
        ended.set()


async def _publish(publisher: Publisher, *, swaps: int) -> None:
    trouble = {
        swaps // 4: publisher.tamper,
        swaps // 2: publisher.go_back,
        3 * swaps // 4: publisher.vanish,
    }
    publisher.remember()
    with Progress(console=Console(stderr=True)) as progress:
        for number in progress.track(range(swaps), description="swaps"):
            await asyncio.sleep(PAUSE_SECONDS)
            if number in trouble:
                await trouble[number]()
            await publisher.swap()
    await asyncio.sleep(PAUSE_SECONDS)


@cache
def expected_text(sequence: int, prompt: str) -> str:
    """Return what a version says, computed anew for every token."""
    tokenizer = byte_tokenizer()
    ids = greedy_tokens(offset_law(sequence), tokenizer.text(prompt), TOKENS)
    end = ids.index(tokenizer.end_id) if tokenizer.end_id in ids else len(ids)
    return tokenizer.decode(ids[:end])


def summary(log: Log, *, clients: int) -> dict[str, Any]:
    """Check every answer and return what is printed."""
    whole = [answer for answer in log.answers if answer.is_whole]
    one = [answer for answer in whole if len(answer.sequences) == 1]
    right = [
        answer
        for answer in one
        if answer.text == expected_text(min(answer.sequences), answer.prompt)
    ]
    gaps: dict[str, list[float]] = {"swapping": [], "between": []}
    for answer in whole:
        for before, after in zip(answer.chunks, answer.chunks[1:], strict=False):
            is_swap = any(start < after and before < end for start, end in log.swaps)
            gaps["swapping" if is_swap else "between"].append(1e3 * (after - before))
    return {
        "clients": clients,
        "swaps": len(log.swaps),
        "requests": len(log.answers),
        "failed": len(log.answers) - len(whole),
        "mixed": len(whole) - len(one),
        "without_required_offset": sum(
            min(answer.sequences) < answer.required for answer in one
        ),
        "not_the_version_s_law": len(one) - len(right),
        "versions_that_answered": len({min(answer.sequences) for answer in one}),
        "refused": log.refusals,
        "answers_during_outage": log.during_outage,
        "lock_us": spread([1e6 * seconds for seconds in log.locks]),
        "gap_ms": {name: spread(values) for name, values in gaps.items()},
        "publication_to_service_ms": spread(
            [1e3 * (end - start) for start, end in log.swaps]
        ),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the middle, the far end and the end of some numbers."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        "p50": round(statistics.median(ordered), 2),
        "p99": round(ordered[math.ceil(0.99 * len(ordered)) - 1], 2),
        "max": round(ordered[-1], 2),
    }


def timed_swaps(service: InferenceService, log: Log) -> None:
    """Let the slot write down how long each exchange takes."""
    swap = service.slot.swap

    def timed(version: ServedVersion) -> None:
        began = time.perf_counter()
        swap(version)
        log.locks.append(time.perf_counter() - began)

    service.slot.swap = timed  # type: ignore[method-assign]  # the same, with a clock


def run(*, clients: int, swaps: int) -> dict[str, Any]:
    """Run the whole thing and return its summary."""
    log = Log()
    with TemporaryDirectory() as name:
        world = ServingWorld(Path(name))
        service = world.replica(poll_seconds=POLL_SECONDS)
        publisher = Publisher(world, service, log)
        with running_server(create_app(service)) as url:
            asyncio.run(publisher.swap())
            log.swaps.clear()
            timed_swaps(service, log)
            asyncio.run(load(url, publisher, log, clients=clients, swaps=swaps))
    return summary(log, clients=clients)


def main() -> None:
    """Run with the clients and swaps that were asked for and print the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--swaps", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(run(clients=options.clients, swaps=options.swaps)))


if __name__ == "__main__":
    main()
