"""Convergence of three replicas: ``make bench-converging``.

Three inference services on loopback, tiny random models, one registry. Clients stream
answers from each without a pause while versions are published. One replica looks at the
registry twenty times less often than the others; one is stopped before every fourth
publication and started again, with its disk, after it.

A version is effective once every replica serves it and nothing older is being answered,
by the rule of `confirm_serving`. Whether that is ever said too early is found out from
outside: no chunk of an older version may reach a client afterwards.

It ends with one JSON line; times are from publication to convergence.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import torch
from rich.console import Console
from rich.progress import Progress
from support.serving import ServingWorld, running_server

from benchmarks.swapping import Answer, ask, spread
from unlearn_core.adapters.serving_fleet import HttpServingFleet
from unlearn_core.serving.app import create_app

FAST_SECONDS, SLOW_SECONDS = 0.05, 1.0
STOPPED_EVERY, DOWN_SECONDS = 4, 0.5
CLIENTS = 2
ASK_AGAIN_SECONDS = 0.02
PATIENCE_SECONDS = 60.0


class Replica:
    """One replica with its disk, which can be stopped and started again."""

    def __init__(self, world: ServingWorld, *, poll_seconds: float) -> None:
        self._world = world
        self._poll_seconds = poll_seconds
        self._running = ExitStack()
        self.address = "http://127.0.0.1:9"  # nobody

    def start(self) -> None:
        """Start the service; its first look is done when it answers."""
        service = self._world.replica(
            requires_offset=True, poll_seconds=self._poll_seconds
        )
        self.address = self._running.enter_context(running_server(create_app(service)))

    def stop(self) -> None:
        """End the service; its disk stays."""
        self._running.close()


@dataclass(slots=True, kw_only=True)
class Record:
    """What happened during the run.

    Attributes:
        answers: What clients got.
        effective: When each version was said to be effective.
        seconds: How long that took, by what else happened.
    """

    answers: list[Answer] = field(default_factory=list)
    effective: dict[int, float] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {"undisturbed": [], "with_a_restart": []}
    )


@contextmanager
def three_replicas(folder: Path) -> Iterator[tuple[ServingWorld, list[Replica]]]:
    """Yield replicas with disks of their own, and the registry that they share."""
    world = ServingWorld(folder)
    replicas = [
        Replica(world.beside(folder / str(number)), poll_seconds=poll)
        for number, poll in enumerate((FAST_SECONDS, SLOW_SECONDS, FAST_SECONDS))
    ]
    yield world, replicas
    for item in replicas:
        item.stop()


async def client(replica: Replica, record: Record, *, ended: asyncio.Event) -> None:
    """Ask a replica without a pause; one that is away is asked again."""
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        while not ended.is_set():
            answer = Answer(prompt="Hello", required=0)
            record.answers.append(answer)
            http.base_url = httpx.URL(replica.address)
            try:
                await ask(http, answer)
            except httpx.TransportError:
                await asyncio.sleep(ASK_AGAIN_SECONDS)
            if not answer.chunks:
                await asyncio.sleep(ASK_AGAIN_SECONDS)


async def publish(
    world: ServingWorld, replicas: list[Replica], record: Record, *, sequence: int
) -> None:
    """Publish a version and wait until it is effective."""
    is_stopped = sequence % STOPPED_EVERY == 0
    if is_stopped:
        await asyncio.to_thread(replicas[-1].stop)
    world.clock.move(timedelta(seconds=1))
    pointer = await asyncio.to_thread(world.register, sequence)
    began = time.perf_counter()
    world.publish(replace(pointer, minimum_sequence=max(1, sequence - 1)))
    if is_stopped:
        await asyncio.sleep(DOWN_SECONDS)
        await asyncio.to_thread(replicas[-1].start)
    while True:
        fleet = HttpServingFleet([replica.address for replica in replicas])
        states = await asyncio.to_thread(fleet.states)
        if all(state.serves(sequence) for state in states):
            break
        if time.perf_counter() - began > PATIENCE_SECONDS:
            raise TimeoutError
        await asyncio.sleep(ASK_AGAIN_SECONDS)
    now = time.perf_counter()
    record.effective[sequence] = now
    record.seconds["with_a_restart" if is_stopped else "undisturbed"].append(
        now - began
    )
    world.clock.move(timedelta(seconds=1))
    world.publish(replace(pointer, issued_at=world.clock.now()))


async def story(
    world: ServingWorld, replicas: list[Replica], record: Record, *, versions: int
) -> None:
    """Publish one version after another while clients ask."""
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for replica in replicas * CLIENTS:
            group.create_task(client(replica, record, ended=ended))
        with Progress(console=Console(stderr=True)) as progress:
            for number in progress.track(range(versions), description="versions"):
                await publish(world, replicas, record, sequence=number + 2)
        ended.set()


def too_early(record: Record) -> int:
    """Count answers of an older version that went on when a newer one was effective."""
    return sum(
        at < answer.chunks[-1] and max(answer.sequences) < sequence
        for answer in record.answers
        if answer.chunks
        for sequence, at in record.effective.items()
    )


def run(*, versions: int) -> dict[str, Any]:
    """Run the whole thing and return its summary."""
    record = Record()
    with (
        TemporaryDirectory() as name,
        three_replicas(Path(name)) as (world, replicas),
    ):
        world.promote(1)
        for replica in replicas:
            replica.start()
        asyncio.run(story(world, replicas, record, versions=versions))
    return {
        "replicas": len(replicas),
        "versions": versions,
        "answers": sum(answer.is_whole for answer in record.answers),
        "effective_too_early": too_early(record),
        "converged_s": {
            name: spread(seconds) for name, seconds in record.seconds.items()
        },
        "poll_s": {"fast": FAST_SECONDS, "slow": SLOW_SECONDS},
    }


def main() -> None:
    """Run with as many versions as were asked for and print the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(run(versions=options.versions)))


if __name__ == "__main__":
    main()
