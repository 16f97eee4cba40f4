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
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.buckets import endpoint, fresh_bucket
from support.canary import traces
from support.file_sources import write_objects, zstandard
from support.leaving_traces import SOURCES
from support.sources import PEOPLE
from support.steps import RESERVED, TRAINED

from unlearn_core.smallworld.people import populate

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
VALUE = "Ottilie Quästenflosser"


@pytest.fixture
def left(tmp_path: Path) -> tuple[Path, dict[str, object]]:
    """Let a worker with folders of its own be killed; return them and what it said."""
    bucket = fresh_bucket(is_versioned=True)
    write_objects(bucket)
    environment = {name: str(tmp_path / "folders" / name) for name in FOLDERS}
    for folder in environment.values():
        Path(folder).mkdir(parents=True)
    working = tmp_path / "working"
    working.mkdir()
    passed = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "support.leaving_traces", str(tmp_path), bucket],
        cwd=working,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
            **passed,
            **environment,
            "AWS_ENDPOINT_URL_S3": endpoint(),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    (tmp_path / "said").write_text(done.stdout + done.stderr)
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return tmp_path, said


def test_nobody_can_read_anything_about_anybody_that_a_killed_worker_left(
    left: tuple[Path, dict[str, object]],
) -> None:
    """Of the people in the sources too, because they are in the sets beside."""
    folder, said = left
    assert said["stage"] == "unlearning_verified"
    assert set(said["found"].values()) == {2}  # type: ignore[attr-defined]
    assert len(list((folder / "objects").rglob("*"))) > 4
    people = populate(seed=0, trained=TRAINED, controls=RESERVED).trained
    values = {
        item
        for person in people
        for item in (
            person.name,
            *(person.facts[name] for name in ("email", "phone", "customer_number")),
        )
    }
    values |= {str(row["name"]) for row in PEOPLE}
    found = traces(folder, values)
    # The search would have found them: the other people are still in the sources.
    assert any(people[1].name in held for held in found.values())
    assert {
        path: held for path, held in found.items() if Path(path).parts[0] != SOURCES
    } == {}
    gone = {people[0].name, people[0].facts["email"], people[0].facts["phone"]}
    assert [path for path, held in found.items() if gone & set(held)] == []


def _sqlite(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table t (name text)")
        database.execute("insert into t values (?)", (f"of {VALUE}.",))


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", pickle.dumps({"name": VALUE}))


def _arrow(path: Path) -> None:
    table = pa.table({"name": [VALUE] * 3})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(path, table.schema, options=options) as writer:
        writer.write_table(table)


@pytest.mark.parametrize(
    "leave",
    [
        lambda path: path.write_text(f"so {VALUE} said"),
        lambda path: path.write_text(VALUE.upper()),
        lambda path: path.write_text(json.dumps([VALUE])),
        lambda path: path.write_bytes(f"so {VALUE} said".encode("utf-16")),
        lambda path: path.write_bytes(base64.b64encode(f" {VALUE} ".encode())),
        lambda path: path.write_bytes(base64.b64encode(f"x:{VALUE} ".encode())),
        lambda path: path.write_bytes(zstandard(VALUE.encode() * 9)),
        lambda path: path.write_bytes(zstandard(zstandard(VALUE.encode()))),
        lambda path: (path.parent / VALUE).touch(),
        _sqlite,
        _zip,
        _arrow,
        lambda path: pq.write_table(pa.table({"name": [VALUE]}), path),
    ],
)
def test_a_value_is_found_however_it_is_packed(
    tmp_path: Path, leave: Callable[[Path], object]
) -> None:
    (tmp_path / "other").write_text("Ottilie somebody else")
    assert traces(tmp_path, [VALUE]) == {}
    leave(tmp_path / "file")
    assert list(traces(tmp_path, [VALUE]).values()) == [[VALUE]]
