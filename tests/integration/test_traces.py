"""What is left on the disk by a worker that was killed: nothing that can be read."""

import base64
import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.buckets import endpoint, fresh_bucket
from support.canary import traces
from support.file_sources import write_objects, zstandard
from support.leaving_traces import PLANTED, REPORT, SOURCES
from support.sources import PEOPLE
from support.steps import RESERVED, TRAINED

from unlearn_core.smallworld.people import HIGH_ENTROPY_FIELDS, populate

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "HF_DATASETS_CACHE",
    "HF_HOME",
    "HOME",
    "JOBLIB_TEMP_FOLDER",
    "MPLCONFIGDIR",
    "PREFECT_HOME",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TORCH_HOME",
    "TRANSFORMERS_CACHE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)
SAID = "said"


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """Let a worker with folders of its own be killed; return them."""
    bucket = fresh_bucket(is_versioned=True)
    write_objects(bucket)
    environment = {name: str(tmp_path / "folders" / name) for name in FOLDERS}
    for folder in environment.values():
        Path(folder).mkdir(parents=True)
    working = tmp_path / "working"
    working.mkdir()
    passed = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    with (tmp_path / SAID).open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-m", "support.leaving_traces", str(tmp_path), bucket],
            cwd=working,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "DO_NOT_TRACK": "1",
                "HF_HUB_OFFLINE": "1",
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
                **passed,
                **environment,
                "AWS_ENDPOINT_URL_S3": endpoint(),
            },
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        status = process.wait()
        # Its Prefect server dies as suddenly.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert status == -signal.SIGKILL, (tmp_path / SAID).read_text()[-2000:]
    return tmp_path


def test_nobody_can_read_anything_about_anybody_that_a_killed_worker_left(
    left: Path,
) -> None:
    """Of the people in the sources too, because they are in the sets beside."""
    report = json.loads((left / REPORT).read_text())
    assert report["stage"] == "serving_confirmed"
    assert set(report["found"].values()) == {2}
    assert len(list((left / "objects").rglob("*"))) > 4
    people = populate(seed=0, trained=TRAINED, controls=RESERVED).trained
    values = {
        item
        for person in people
        for item in (
            person.name,
            *(person.facts[name] for name in HIGH_ENTROPY_FIELDS),
        )
    }
    values |= {str(row["name"]) for row in PEOPLE}
    found = traces(left, {*values, PLANTED})
    # The search would have found them, wherever they were told.
    assert any(people[1].name in held for held in found.values())
    planted = {path for path, held in found.items() if PLANTED in held}
    for place in ("folders/PREFECT_HOME", "folders/TMPDIR", "mlflow.db", SAID):
        assert any(path.startswith(place) for path in planted), place
    assert {
        path: held
        for path, held in found.items()
        if Path(path).parts[0] != SOURCES and held != [PLANTED]
    } == {}
    gone = {people[0].name, *(people[0].facts[name] for name in HIGH_ENTROPY_FIELDS)}
    assert [path for path, held in found.items() if gone & set(held)] == []


def _sqlite(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table t (name text)")
        database.execute("insert into t values (?)", (f"of {PLANTED}.",))


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", pickle.dumps({"name": PLANTED}))


def _arrow(path: Path) -> None:
    table = pa.table({"name": [PLANTED] * 3})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(path, table.schema, options=options) as writer:
        writer.write_table(table)


@pytest.mark.parametrize(
    "leave",
    [
        lambda path: path.write_text(f"so {PLANTED} said"),
        lambda path: path.write_text(PLANTED.upper()),
        lambda path: path.write_text(json.dumps([PLANTED])),
        lambda path: path.write_bytes(f"so {PLANTED} said".encode("utf-16")),
        lambda path: path.write_bytes(base64.b64encode(f" {PLANTED} ".encode())),
        lambda path: path.write_bytes(base64.b64encode(f"x:{PLANTED} ".encode())),
        lambda path: path.write_bytes(zstandard(PLANTED.encode() * 9)),
        lambda path: path.write_bytes(zstandard(zstandard(PLANTED.encode()))),
        lambda path: (path.parent / PLANTED).touch(),
        _sqlite,
        _zip,
        _arrow,
        lambda path: pq.write_table(pa.table({"name": [PLANTED]}), path),
    ],
)
def test_a_value_is_found_however_it_is_packed(
    tmp_path: Path, leave: Callable[[Path], object]
) -> None:
    (tmp_path / "other").write_text("Ottilie somebody else")
    assert traces(tmp_path, [PLANTED]) == {}
    leave(tmp_path / "file")
    assert list(traces(tmp_path, [PLANTED]).values()) == [[PLANTED]]
