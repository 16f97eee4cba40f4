"""A process that works on a request and is killed, with everything in its folders.

The flow is the real one, with a Prefect server of its own, an MLflow store, a database
and sealed objects. It is killed when the working data would be destroyed, so all of it
is there. Before that, a value is planted where others must not be.

Run as ``python -m support.leaving_traces FOLDER BUCKET``.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile

from mlflow.tracking import MlflowClient
from prefect import get_run_logger
from support.databases import open_sqlite
from support.file_sources import FILES
from support.sources import source_spec, subject
from support.stations import MemoryStation
from support.steps import Controller, open_controller

from flows import tasks, work
from flows.erasure import fulfil_erasure_request
from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.adapters.custody import SealedCustody
from unlearn_core.adapters.database.key_store import DatabaseKeyStore
from unlearn_core.adapters.database.lease_store import DatabaseLeaseStore
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.mlflow_registry import (
    MlflowArtifactRegistry,
    MlflowRunTracker,
)
from unlearn_core.adapters.objects import FolderObjects
from unlearn_core.adapters.sealing import PairSeal
from unlearn_core.adapters.wrapping import LocalWrapping
from unlearn_core.domain.requests import RequestId
from unlearn_core.steps.workbench import Workbench

SOURCES = "sources"
REPORT = "report.json"
PLANTED = "Ottilie Quästenflosser"


def main(folder: Path, bucket: str) -> None:
    """Search and erase in every kind of source; fulfil a request; be killed."""
    found = {
        spec.location.removeprefix(str(folder)): _erased(spec)
        for spec in _specifications(folder / SOURCES / "files", bucket)
    }
    controller = _controller(folder)
    station = MemoryStation(controller=controller)
    for module, name, other in (
        (work, "open_station", station.opened),
        (tasks, "_purge_working_data", partial(_die, folder, found)),
    ):
        setattr(module, name, other)
    fulfil_erasure_request(controller.receive())


def _specifications(folder: Path, bucket: str) -> Iterator[SourceSpec]:
    folder.mkdir(parents=True)
    for number, (name, write) in enumerate(FILES.items()):
        yield write(folder / f"{number}.{name}")
    yield source_spec("s3", f"s3://{bucket}/corpus/")


def _erased(spec: SourceSpec) -> int:
    source = CONNECTORS.get(spec.kind)(spec)
    list(source.read())
    ids = [record.record_id for record in source.locate(subject()).records]
    source.erase(ids, dry_run=False)
    if not source.confirm_absent(ids):
        raise AssertionError(spec.kind)
    return len(ids)


def _controller(folder: Path) -> Controller:
    """Return a controller that keeps on the disk what can be kept there."""
    controller = open_controller(folder / SOURCES)
    database, clock = open_sqlite(folder), controller.clock
    kept = DatabaseRequestStore(database, clock=clock)
    controller.store = kept  # type: ignore[assignment]  # the same ports
    controller.leases = DatabaseLeaseStore(database, clock=clock)  # type: ignore[assignment]
    controller.custody = SealedCustody(  # type: ignore[assignment]
        wrapping=LocalWrapping(bytes(range(32))),
        keys=DatabaseKeyStore(database, clock=clock),
        objects=FolderObjects(folder / "objects"),
        ledger=kept,
    )
    controller.runs = MlflowRunTracker(_mlflow(folder))  # type: ignore[assignment]
    controller.registry = MlflowArtifactRegistry(_mlflow(folder))  # type: ignore[assignment]
    controller.sealer = PairSeal(bytes(range(32)))  # type: ignore[assignment]
    return controller


def _mlflow(folder: Path) -> str:
    return f"sqlite:///{folder}/mlflow.db"


def _die(
    folder: Path, found: dict[str, int], request_id: RequestId, *, bench: Workbench
) -> None:
    """Tell Prefect, MLflow, the terminal and a temporary file a name; be killed.

    Nothing is tidied up at the end.
    """
    stage = bench.requests.get(request_id).stage
    (folder / REPORT).write_text(json.dumps({"stage": stage, "found": found}))
    get_run_logger().warning(PLANTED)
    for handler in logging.getLogger("prefect.task_runs").handlers:
        handler.flush()
    MlflowClient(_mlflow(folder)).create_experiment(PLANTED)
    with NamedTemporaryFile("w", delete=False) as file:
        file.write(PLANTED)
    print(PLANTED, flush=True)  # noqa: T201
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
