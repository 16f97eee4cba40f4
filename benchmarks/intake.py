"""What intake and database stand: ``make bench-intake``.

Clients submit requests over HTTP to one intake service, all at once, while workers
fulfil them with the real steps of a request of which nothing is found, so without any
training: acknowledged, verified, searched, purged, certified, answered. The database
is a PostgreSQL of the system's package that waits for the disk; sealed objects and
certificates are files. Every request is offered to two workers, so leases decide.

Afterwards every submitted request is looked for, the stages of each are counted, the
ledger is verified, and the Merkle log is compared with the checkpoint that was kept.
One JSON line ends it. ``per_second`` counts answered requests over the whole time;
``p99_ms`` is how long a client waited for its receipt.
"""

import argparse
import json
import multiprocessing
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import sqlalchemy as sa
from rich.console import Console
from rich.progress import Progress
from sqlmodel import col

from benchmarks.intake_parts import (
    environment,
    serve_intake,
    settings_of,
    work,
    write_sources,
)
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.tables import RequestRow
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.domain.ledger import LedgerEntry, verify_chain
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import IntegrityError
from unlearn_core.local.postgres import running_postgres
from unlearn_core.steps.audit_ledger import audit_ledger
from unlearn_core.steps.publish_checkpoint import publish_checkpoint
from unlearn_core.wiring import Office, open_office

OFFERS = 2
START_SECONDS = 600.0
PATIENCE_SECONDS = 600.0

SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done.

    Attributes:
        requests: Requests that are submitted.
        clients: Clients that submit at the same time.
        workers: Processes that fulfil.
    """

    requests: int
    clients: int
    workers: int


class Clients:
    """Submit requests and remember how long each took.

    Args:
        client: Talks to the intake service.
        offers: Where workers are told of what was received.
    """

    def __init__(self, client: httpx.Client, offers: Any) -> None:  # noqa: ANN401 - a queue
        self._client = client
        self._offers = offers

    def submit(self, number: int) -> tuple[str, float]:
        """Submit one request; return its id and the seconds until the receipt."""
        identifiers = {
            "name": f"Subject Number{number}",
            "email": f"subject-{number}@unlearn.example",
        }
        began = time.perf_counter()
        answer = self._client.post(
            "/v1/erasure-requests", json={"identifiers": identifiers}
        )
        seconds = time.perf_counter() - began
        answer.raise_for_status()
        request_id = str(answer.json()["request_id"])
        for _ in range(OFFERS):
            self._offers.put(request_id)
        return request_id, seconds


def lost(submitted: Collection[str], entries: Iterable[LedgerEntry]) -> int:
    """Count submitted requests that were not answered, or not exactly once each."""
    answered = {
        str(entry.request_id) for entry in entries if entry.event == Stage.NOTIFIED
    }
    return len(set(submitted) - answered) + len(submitted) - len(set(submitted))


def doubled(entries: Iterable[LedgerEntry]) -> int:
    """Count requests of which any stage was recorded more than once."""
    seen = Counter(
        (entry.request_id, entry.event)
        for entry in entries
        if entry.event in set(Stage)
    )
    return len({request_id for (request_id, _), times in seen.items() if times > 1})


def summary(
    receipts: Mapping[str, float], entries: list[LedgerEntry], *, seconds: float
) -> dict[str, object]:
    """Return what the database says of the submitted requests."""
    p99 = float(np.percentile(list(receipts.values()), 99))
    missing = lost(receipts, entries)
    return {
        "requests": len(receipts),
        "lost": missing,
        "doubled": doubled(entries),
        "per_second": round((len(receipts) - missing) / seconds, 2),
        "p99_ms": round(1000 * p99, 1),
    }


def is_valid_chain(entries: Iterable[LedgerEntry]) -> bool:
    """Tell whether the ledger is whole."""
    try:
        verify_chain(entries)
    except IntegrityError:
        return False
    return True


def is_valid_log(office: Office) -> bool:
    """Publish a checkpoint and compare the whole database with it."""
    published = publish_checkpoint(office.checkpoints(holder="bench"))
    found = audit_ledger(office.audit())
    is_covered = published is not None and found.covered == published.size
    return is_covered and not found.findings


@contextmanager
def installation(
    folder: Path,
    workers: int,
    offers: Any,  # noqa: ANN401 - a queue
    **settings: str,
) -> Iterator[Office]:
    """Start database, intake service and workers; give the office of the parent.

    Args:
        folder: Where everything is kept.
        workers: How many fulfil.
        offers: What tells them of requests.
        **settings: More variables of the settings.
    """
    with running_postgres("max_connections=200") as database:
        variables = environment(folder, database=database, port=_free_port())
        variables |= settings
        KeyDirectory(folder / "keys").create()
        write_sources(folder)
        with closing(Database(database)) as opened:
            opened.upgrade()
        processes = [SPAWN.Process(target=serve_intake, args=(variables,))]
        processes += [
            SPAWN.Process(target=work, args=(variables, offers)) for _ in range(workers)
        ]
        for process in processes:
            process.start()
        office = open_office(settings_of(variables))
        try:
            yield office
        finally:
            office.database.close()
            for process in processes:
                process.terminate()
                process.join()


def url_of(office: Office) -> str:
    """Return the address of the intake service."""
    return f"http://127.0.0.1:{office.settings.intake.port}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(client: httpx.Client) -> None:
    """Wait until the service answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            client.get("/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError


def _wait_answered(office: Office, count: int, progress: Progress) -> None:
    """Wait until all are answered, or nothing has happened for a while."""
    bar = progress.add_task("answered", total=count)
    done, moved = -1, time.monotonic()
    while done < count and time.monotonic() - moved < PATIENCE_SECONDS:
        found = _answered(office)
        if found > done:
            done, moved = found, time.monotonic()
        progress.update(bar, completed=done)
        time.sleep(1.0)


def _answered(office: Office) -> int:
    """Count answered requests in the database, which is busy enough."""
    answered = sa.select(sa.func.count()).where(col(RequestRow.stage) == Stage.NOTIFIED)
    with office.database.reading() as session:
        return int(session.execute(answered).scalar_one())


def measure(folder: Path, size: Size, progress: Progress) -> dict[str, object]:
    """Run everything once."""
    offers = SPAWN.Queue()
    numbers = range(size.requests)
    limits = httpx.Limits(max_connections=size.clients)
    with (
        installation(folder, size.workers, offers) as office,
        httpx.Client(
            base_url=url_of(office), limits=limits, timeout=PATIENCE_SECONDS
        ) as client,
    ):
        wait_for(client)
        clients, began = Clients(client, offers), time.perf_counter()
        bar = progress.add_task("submitted", total=size.requests)
        receipts: dict[str, float] = {}
        with ThreadPoolExecutor(size.clients) as pool:
            for request_id, waited in pool.map(clients.submit, numbers):
                receipts[request_id] = waited
                progress.advance(bar)
        _wait_answered(office, size.requests, progress)
        seconds = time.perf_counter() - began
        entries = list(office.store.entries())
        result = summary(receipts, entries, seconds=seconds)
        result["ledger_valid"] = is_valid_chain(entries)
        result["log_valid"] = is_valid_log(office)
    return result


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--workers", type=int, default=4)
    asked = parser.parse_args()
    size = Size(requests=asked.requests, clients=asked.clients, workers=asked.workers)
    with (
        tempfile.TemporaryDirectory(prefix="unlearn-bench-") as folder,
        Progress(console=Console(stderr=True)) as progress,
    ):
        result = measure(Path(folder), size, progress)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
