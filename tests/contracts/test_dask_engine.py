"""What is found does not depend on where it is searched."""

import gzip
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn
from uuid import uuid4

import pytest
from support.clusters import (
    HAPPENED,
    Cluster,
    dask_cluster,
    search_and_die_once,
    search_and_fail_once,
    tell_if_dumpable,
)
from support.engines import SerialEngine
from support.file_sources import jsonl_bytes
from support.seaweed import CREDENTIALS, Seaweed, seaweed
from support.sources import PEOPLE, source_spec, subject, write_jsonl, write_parquet

from unlearn_core.adapters.connectors.bucket import BucketConnector, BucketFiles
from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.parquet import ParquetConnector
from unlearn_core.adapters.connectors.parts import Engine
from unlearn_core.adapters.dask_engine import (
    ClusterUnavailableError,
    DaskEngine,
    ExtraMissingError,
)
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.cluster_wiring import search_part
from unlearn_core.domain.sources import SearchResult
from unlearn_core.errors import SourceUnreadableError

pytestmark = pytest.mark.integration
PART_BYTES = 2000
ROWS = [
    {**row, "id": f"{row['id']}-{number}"} for number in range(30) for row in PEOPLE
]
SOUGHT = ("Ada", "ADA", "Example", "C-1001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Keys and servers."""

    keys: Path
    server: Seaweed
    cluster: Cluster

    def engine(self, **changed: Any) -> DaskEngine:  # noqa: ANN401 - any argument
        """Return the engine of the cluster, whose workers are all there."""
        self.cluster.revive()
        chosen = {
            "scheduler": self.cluster.scheduler,
            "key": KeyDirectory(self.keys).cluster_key(),
            "search": search_part,
            "part_bytes": PART_BYTES,
            "patience_seconds": 300.0,
            **changed,
        }
        return DaskEngine(chosen.pop("scheduler"), **chosen)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Run an S3 server, and a cluster that alone has the way to it."""
    pytest.importorskip(
        "distributed", reason="the extra `cluster` of unlearn is not installed"
    )
    folder = tmp_path_factory.mktemp("cluster")
    keys = folder / "keys"
    KeyDirectory(keys).create()
    processes = folder / "processes"
    processes.mkdir()
    with seaweed(folder / "seaweed") as server:
        environment = {
            "UNLEARN_KEYS__DIRECTORY": str(keys),
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            HAPPENED: str(folder),
            **CREDENTIALS,
        }
        with dask_cluster(processes, environment) as cluster:
            yield Installation(keys=keys, server=server, cluster=cluster)


@pytest.fixture(params=["serial", "cluster"])
def engine(
    installation: Installation,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Engine:
    """Return an engine of either kind."""
    if request.param == "cluster":
        return installation.engine()
    monkeypatch.setenv("UNLEARN_KEYS__DIRECTORY", str(installation.keys))
    key = KeyDirectory(installation.keys).cluster_key()
    return SerialEngine(key, part_bytes=PART_BYTES)


def lines(folder: Path, _server: Seaweed) -> FilesConnector:
    """Return a folder of JSON lines, one file of it compressed."""
    write_jsonl(folder / "a.jsonl", ROWS)
    packed = jsonl_bytes([{**row, "id": f"z-{row['id']}"} for row in ROWS])
    # So little that it is only divided because nothing tells what is inside.
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(packed, compresslevel=0))
    (folder / "c.jsonl").write_bytes(b"no record\n" + jsonl_bytes(PEOPLE[:1]))
    return JsonLinesConnector(source_spec("jsonl", folder))


def tables(folder: Path, _server: Seaweed) -> FilesConnector:
    """Return a folder of Parquet, of small row groups."""
    write_parquet(folder / "a.parquet", ROWS[:40])
    return ParquetConnector(source_spec("parquet", folder))


def objects(_folder: Path, server: Seaweed) -> FilesConnector:
    """Return a prefix of a versioned bucket, with a version that was replaced."""
    bucket = f"bucket-{uuid4().hex}"
    client = server.client()
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    client.put_object(
        Bucket=bucket, Key="corpus/a.jsonl", Body=jsonl_bytes(PEOPLE[::-1])
    )
    client.put_object(Bucket=bucket, Key="corpus/a.jsonl", Body=jsonl_bytes(ROWS))
    client.close()
    return BucketConnector(source_spec("s3", f"s3://{bucket}/corpus/"))


@pytest.mark.parametrize("stored", [lines, tables, objects])
def test_the_same_is_found_wherever_it_is_searched(
    engine: Engine,
    installation: Installation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stored: Callable[[Path, Seaweed], FilesConnector],
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", installation.server.endpoint)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    source = stored(tmp_path, installation.server)
    assert len(source.parts(PART_BYTES)) > 4
    here = source.locate(subject())
    assert in_order(source.on(engine).locate(subject())) == in_order(here)
    # Two of five are hers for certain, and two may be; there are forty at least.
    assert len(here.records) >= 16
    assert len(here.doubtful) >= 16


def test_a_bucket_is_searched_though_a_worker_dies_and_nothing_of_it_is_read_here(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", installation.server.endpoint)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    source = objects(tmp_path, installation.server)
    here = source.locate(subject())
    engine = installation.engine(search=search_and_die_once)

    def refuse(_files: BucketFiles, name: str) -> NoReturn:
        raise AssertionError(name)

    monkeypatch.setattr(BucketFiles, "open", refuse)
    found = source.on(engine).locate(subject())
    assert installation.cluster.revive() == 1
    assert in_order(found) == in_order(here)
    # Who asks has what concerns her, and a count of all others.
    assert found.searched == len(ROWS)
    assert {record.record_id.split("-")[1] for record in found.records} == {"1", "3"}


def in_order(found: SearchResult) -> SearchResult:
    """Return a result with its records in the order of their identifiers."""
    return replace(
        found,
        records=tuple(sorted(found.records, key=lambda item: item.record_id)),
        doubtful=tuple(sorted(found.doubtful, key=lambda item: item.record_id)),
    )


def test_a_part_is_done_again_whose_worker_dies_and_nobody_else_sees_whom_it_concerns(
    installation: Installation, tmp_path: Path
) -> None:
    """The source is a pipe, so a worker waits in the middle of it."""
    path = tmp_path / "people.jsonl"
    os.mkfifo(path)
    source = JsonLinesConnector(source_spec("jsonl", path)).on(installation.engine())
    found: list[SearchResult] = []
    search = Thread(target=lambda: found.append(source.locate(subject())))
    search.start()
    with path.open("wb") as begun:
        begun.write(jsonl_bytes(PEOPLE[:1]))
        begun.flush()
        seen = scheduler_memory(installation.cluster)
        installation.cluster.kill_busy()
    with path.open("wb") as again:
        again.write(jsonl_bytes())
    search.join()
    assert [item.record_id for item in found[0].records] == ["r-1", "r-3"]
    assert found[0].searched == len(PEOPLE)
    assert b"part-" in seen
    said = installation.cluster.said()
    assert b"part-" in said
    for word in (*SOUGHT, path.name):
        assert word.encode() not in seen
        assert word.encode() not in said


def scheduler_memory(cluster: Cluster) -> bytes:
    """Return all that the scheduler has of tasks, as it has it."""
    from distributed import Client  # noqa: PLC0415 - may not be installed

    def tasks(dask_scheduler: Any) -> bytes:  # noqa: ANN401 - of Dask
        from distributed.protocol.pickle import dumps  # noqa: PLC0415 - over there

        return b"".join(
            task.key.encode() + dumps(task.run_spec)
            for task in dask_scheduler.tasks.values()
        )

    with Client(cluster.scheduler, set_as_default=False) as client:
        return bytes(client.run_on_scheduler(tasks))


def test_a_part_that_fails_once_is_searched_in_the_end(
    installation: Installation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = lines(tmp_path, installation.server)
    engine = installation.engine(search=search_and_fail_once)
    found = source.on(engine).locate(subject())
    assert in_order(found) == in_order(source.locate(subject()))
    assert caplog.messages.count("source_part_failed") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_the_memory_of_who_searches_is_dumped_nowhere(
    installation: Installation, tmp_path: Path
) -> None:
    source = JsonLinesConnector(source_spec("jsonl", write_jsonl(tmp_path / "a.jsonl")))
    engine = installation.engine(search=tell_if_dumpable)
    with pytest.raises(SourceUnreadableError) as caught:
        source.on(engine).locate(subject())
    assert caught.value.facts["problem"] == "dumpable=0"


def test_a_part_that_keeps_failing_leaves_its_source_unsearched(
    installation: Installation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_jsonl(tmp_path / "a.jsonl")
    broken = gzip.compress(jsonl_bytes())[:-20]
    (tmp_path / "b.jsonl.gz").write_bytes(broken)
    source = JsonLinesConnector(source_spec("jsonl", tmp_path))
    with (
        caplog.at_level(logging.INFO, logger="unlearn"),
        pytest.raises(SourceUnreadableError),
    ):
        source.on(installation.engine()).locate(subject())
    failed = [item for item in caplog.records if item.msg == "source_part_failed"]
    assert [vars(item)["facts"] for item in failed] == [
        {"source": "customers", "code": "source_unreadable"}
    ] * 3


def test_workers_with_another_key_are_a_fault_of_the_cluster(
    installation: Installation, tmp_path: Path
) -> None:
    source = JsonLinesConnector(source_spec("jsonl", write_jsonl(tmp_path / "a.jsonl")))
    engine = installation.engine(key=bytes(32))
    with pytest.raises(ClusterUnavailableError) as caught:
        source.on(engine).locate(subject())
    assert caught.value.facts == {"problem": "seal_broken"}


def test_a_cluster_that_does_not_answer_is_no_fault_of_the_source(
    installation: Installation, tmp_path: Path
) -> None:
    source = JsonLinesConnector(source_spec("jsonl", write_jsonl(tmp_path / "a.jsonl")))
    engine = installation.engine(scheduler="tcp://127.0.0.1:9", patience_seconds=0.2)
    with pytest.raises(ClusterUnavailableError):
        source.on(engine).locate(subject())


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExtraMissingError) as caught:
        DaskEngine(
            "tls://cluster:8786",
            key=bytes(32),
            search=search_part,
            part_bytes=1,
            patience_seconds=1.0,
        )
    assert "unlearn[cluster]" in caught.value.diagnostics()
