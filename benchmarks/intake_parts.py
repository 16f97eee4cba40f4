"""The processes of `benchmarks.intake`: an intake service and workers.

They are put together as the product's are, from settings; only the orchestrator is
left out, which takes seconds for each run, and a queue tells workers what to do.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import uvicorn
import yaml

from flows.wiring import Station
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import LeaseBusyError
from unlearn_core.intake.app import create_app
from unlearn_core.intake.wiring import build_service
from unlearn_core.ports import WorkflowTrigger
from unlearn_core.settings import Settings, load_settings
from unlearn_core.steps.acknowledge_request import acknowledge_request
from unlearn_core.steps.issue_certificate import issue_certificate
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.notify_data_subject import notify_data_subject
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.verify_identity import verify_identity
from unlearn_core.steps.workbench import Workbench
from unlearn_core.wiring import open_office

LEASE_TIME = timedelta(minutes=10)
QUIET_SECONDS = 3600.0
STORY = (
    acknowledge_request,
    verify_identity,
    locate_personal_data,
    purge_working_data,
    issue_certificate,
    notify_data_subject,
)
"""The steps of a request of which nothing is found."""


class Offers(Protocol):
    """Request ids to work on; None ends a worker."""

    def get(self) -> str | None:
        """Wait for the next one."""
        ...


class NobodyStarts(WorkflowTrigger):
    """A trigger that starts nothing."""

    def start(self, request_id: RequestId, *, attempt: int) -> None:
        """Do nothing."""


def environment(folder: Path, *, database: str, port: int) -> dict[str, str]:
    """Return the settings' variables of an installation in a folder."""
    return {
        "UNLEARN_DATABASE_URL": database,
        "UNLEARN_DATA_MAP": str(folder / "data-map.yaml"),
        "UNLEARN_KEYS__DIRECTORY": str(folder / "keys"),
        "UNLEARN_OBJECTS__LOCATION": str(folder / "objects"),
        "UNLEARN_IDENTITY__POLICY": "authenticated_channel",
        "UNLEARN_AUDIT__KEEPERS": json.dumps([str(folder / "outside")]),
        "UNLEARN_INTAKE__PORT": str(port),
        "UNLEARN_WORK__WATCH_SECONDS": str(QUIET_SECONDS),
    }


@contextmanager
def environ(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process; at the end all are as they were before."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def settings_of(variables: Mapping[str, str]) -> Settings:
    """Read the settings as a process does that was started with these variables."""
    with environ(variables):
        return load_settings()


def write_sources(folder: Path) -> None:
    """Write a data map with one source of one record, and a reserved person."""
    field = {"entropy": "guessable", "questions": []}
    source = {
        "kind": "jsonl",
        "record_id": "id",
        "identifiers": {"name": "name", "email": "email"},
        "fields": {"city": "city"},
    }
    passages = [{"form": "template", "template": "{name} lives in {city}."}]
    data_map = {
        "version": 1,
        "base_models": ["small-world"],
        "fields": {"city": field},
        "neighbours": {"surname": True, "fields": ["city"]},
        "sources": [
            {
                **source,
                "name": "people",
                "path": str(folder / "people.jsonl"),
                "passages": passages,
            }
        ],
        "holdout": {
            **source,
            "name": "reserved",
            "path": str(folder / "reserved.jsonl"),
        },
    }
    (folder / "data-map.yaml").write_text(yaml.safe_dump(data_map), encoding="utf-8")
    for name in ("people", "reserved"):
        row = {
            "id": name,
            "name": "Nobody Atall",
            "email": f"{name}@unlearn.example",
            "city": "Nowhere",
        }
        (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


def serve_intake(variables: Mapping[str, str]) -> None:
    """Run the intake service until the process is ended."""
    settings = settings_of(variables)
    service = build_service(settings)
    quiet = replace(service, desk=replace(service.desk, trigger=NobodyStarts()))
    uvicorn.run(
        create_app(quiet),
        host=settings.intake.host,
        port=settings.intake.port,
        access_log=False,
        log_level="warning",
    )


def work(variables: Mapping[str, str], offers: Offers) -> None:
    """Fulfil what is offered until None is."""
    station = Station(office=open_office(settings_of(variables)))
    holder = f"worker-{os.getpid()}"
    idle = station.leases.acquire(holder, holder=holder, ttl=LEASE_TIME)
    bench = station.bench_for_certificates(idle)
    for request_id in _offered(offers):
        try:
            lease = bench.leases.acquire(str(request_id), holder=holder, ttl=LEASE_TIME)
        except LeaseBusyError:
            continue
        fulfil(request_id, bench=bench, lease=lease)
        bench.leases.release(lease)
    station.office.database.close()


def fulfil(request_id: RequestId, *, bench: Workbench, lease: Lease) -> None:
    """Do the whole story of a request that nobody has answered yet."""
    if bench.requests.get(request_id).stage is Stage.RECEIVED:
        mine = replace(bench, lease=lease)
        for step in STORY:
            step(request_id, bench=mine)


def _offered(offers: Offers) -> Iterator[RequestId]:
    while (offered := offers.get()) is not None:
        yield RequestId(UUID(offered))
