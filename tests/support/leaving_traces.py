"""A process that works on a request and is killed, with everything in its folders.

Run as ``python -m support.leaving_traces FOLDER BUCKET``.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from support.databases import open_sqlite
from support.file_sources import FILES
from support.sources import source_spec, subject
from support.steps import open_controller
from support.story import work_until

from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.adapters.custody import SealedCustody
from unlearn_core.adapters.database.key_store import DatabaseKeyStore
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.mlflow_registry import MlflowRunTracker
from unlearn_core.adapters.objects import FolderObjects
from unlearn_core.adapters.wrapping import LocalWrapping
from unlearn_core.domain.requests import Stage

SOURCES = "sources"


def main(folder: Path, bucket: str) -> None:
    """Search and erase in every kind of source; build, train and verify; be killed."""
    found = {
        spec.location.removeprefix(str(folder)): _erased(spec)
        for spec in _specifications(folder / SOURCES / "files", bucket)
    }
    stage = _worked_on(folder)
    print(json.dumps({"stage": stage, "found": found}), flush=True)  # noqa: T201
    # Nothing is tidied up at the end.
    os.kill(os.getpid(), signal.SIGKILL)


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


def _worked_on(folder: Path) -> str:
    controller = open_controller(folder / SOURCES)
    database = open_sqlite(folder)
    controller.custody = SealedCustody(  # type: ignore[assignment]  # the same port
        wrapping=LocalWrapping(bytes(range(32))),
        keys=DatabaseKeyStore(database, clock=controller.clock),
        objects=FolderObjects(folder / "objects"),
        ledger=DatabaseRequestStore(database, clock=controller.clock),
    )
    request_id = controller.receive()
    runs = MlflowRunTracker(f"sqlite:///{folder}/mlflow.db")
    bench = replace(controller.bench(request_id), runs=runs)
    work_until(Stage.UNLEARNING_VERIFIED, request_id, bench=bench)
    return controller.store.get(request_id).stage.value


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
