"""Does a flood for one person delay another's request? ``make bench-flood``.

One caller submits requests one after another, first alone and then while another caller
submits requests for one and the same person from many connections at once, as often as
the service lets it. Both have a key and the same limit a minute. Workers answer the
first caller's requests meanwhile, with the real steps.

One JSON line ends it. ``ratio`` is the first caller's p99 of the receipt during the
flood by that without it; ``lost`` counts requests of either that were accepted and are
not kept, or of the first that were not answered.
"""

import argparse
import json
import secrets
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np

from benchmarks.intake import (
    PATIENCE_SECONDS,
    SPAWN,
    doubled,
    installation,
    is_valid_chain,
    lost,
    url_of,
    wait_for,
)
from unlearn_core.domain.access import AccessKey, Role, digest_of_secret, key_text
from unlearn_core.domain.requests import RequestId
from unlearn_core.wiring import Office

REQUESTS = "/v1/erasure-requests"
ACCEPTED, LIMITED = 202, 429


def give_key(office: Office, name: str) -> str:
    """Add an operator's key and return it."""
    key_id = secrets.token_hex(4)
    text = key_text(key_id, secrets.token_urlsafe(16))
    office.access.add_key(
        AccessKey(
            key_id=key_id,
            name=name,
            roles=frozenset({Role.OPERATOR}),
            digest=digest_of_secret(text),
            created_at=office.clock.now(),
        )
    )
    return text


def submit(client: httpx.Client, name: str) -> tuple[httpx.Response, float]:
    """Submit a request about somebody; return the answer and the seconds it took."""
    email = f"{name.lower().replace(' ', '-')}@unlearn.example"
    began = time.perf_counter()
    answer = client.post(REQUESTS, json={"identifiers": {"name": name, "email": email}})
    return answer, time.perf_counter() - began


def flood(url: str, key: str, connections: int, over: Any, result: Any) -> None:  # noqa: ANN401 - of multiprocessing
    """Submit requests for one person until it is over; give statuses and ids."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(
        base_url=url, headers=headers, timeout=PATIENCE_SECONDS
    ) as client:

        def insist(_number: int) -> list[tuple[int, str]]:
            seen = []
            while not over.is_set():
                answer, _ = submit(client, "Loud Person")
                seen.append((answer.status_code, answer.json().get("request_id", "")))
            return seen

        with ThreadPoolExecutor(connections) as pool:
            found = pool.map(insist, range(connections))
            result.put([item for seen in found for item in seen])


def p99_ms(seconds: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return round(1000 * float(np.percentile(seconds, 99)), 1)


def summary(
    calm: list[float], flooded: list[float], statuses: Counter[int]
) -> dict[str, object]:
    """Return what was measured."""
    before, during = p99_ms(calm), p99_ms(flooded)
    return {
        "requests": len(calm) + len(flooded),
        "flood_accepted": statuses[ACCEPTED],
        "flood_refused": statuses[LIMITED],
        "flood_failed": statuses.total() - statuses[ACCEPTED] - statuses[LIMITED],
        "p99_calm_ms": before,
        "p99_flood_ms": during,
        "ratio": round(during / before, 2),
    }


def probe(
    client: httpx.Client,
    offers: Any,  # noqa: ANN401 - a queue
    *,
    first: int,
    count: int,
) -> dict[str, float]:
    """Submit requests one after another; return how long each took."""
    taken: dict[str, float] = {}
    for number in range(first, first + count):
        answer, seconds = submit(client, f"Quiet Number{number}")
        request_id = str(answer.raise_for_status().json()["request_id"])
        taken[request_id] = seconds
        offers.put(request_id)
    return taken


def measure(
    folder: Path, *, probes: int, connections: int, per_minute: int
) -> dict[str, object]:
    """Measure without and with the flood, then look at what is kept."""
    offers, over, told = SPAWN.Queue(), SPAWN.Event(), SPAWN.Queue()
    limit = {"UNLEARN_INTAKE__REQUESTS_PER_MINUTE": str(per_minute)}
    with installation(folder, 1, offers, **limit) as office:
        quiet, loud = give_key(office, "quiet"), give_key(office, "loud")
        headers = {"Authorization": f"Bearer {quiet}"}
        with httpx.Client(
            base_url=url_of(office), headers=headers, timeout=PATIENCE_SECONDS
        ) as client:
            wait_for(client)
            probe(client, offers, first=0, count=1)
            calm = probe(client, offers, first=1, count=probes)
            flooding = SPAWN.Process(
                target=flood, args=(url_of(office), loud, connections, over, told)
            )
            flooding.start()
            _wait_until_refused_or_many(office, len(calm), per_minute)
            during = probe(client, offers, first=1 + probes, count=probes)
            over.set()
            seen: list[tuple[int, str]] = told.get(timeout=PATIENCE_SECONDS)
            flooding.join()
        _wait_answered(office, [*calm, *during])
        entries = list(office.store.entries())
        kept = {str(request.request_id) for request in office.store.all()}
        accepted = {request_id for status, request_id in seen if status == ACCEPTED}
        statuses = Counter(status for status, _ in seen)
        return summary([*calm.values()], [*during.values()], statuses) | {
            "lost": lost([*calm, *during], entries) + len(accepted - kept),
            "doubled": doubled(entries),
            "ledger_valid": is_valid_chain(entries),
        }


def _wait_until_refused_or_many(office: Office, before: int, per_minute: int) -> None:
    """Wait until the flood has begun."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    wanted = before + 1 + min(per_minute or 20, 20)
    while len(office.store.all()) < wanted and time.monotonic() < deadline:
        time.sleep(0.2)


def _wait_answered(office: Office, submitted: list[str]) -> None:
    """Wait until the workers have answered these requests."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    keys = [RequestId(UUID(item)) for item in submitted]
    while time.monotonic() < deadline:
        if all(office.store.get(key).is_closed for key in keys):
            return
        time.sleep(1.0)


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--probes", type=int, default=200)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--per-minute", type=int, default=600)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unlearn-bench-") as folder:
        result = measure(
            Path(folder),
            probes=asked.probes,
            connections=asked.connections,
            per_minute=asked.per_minute,
        )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
