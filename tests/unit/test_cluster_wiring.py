from pathlib import Path
from typing import NoReturn

import pytest
from support.sources import PEOPLE, source_spec, subject, write_jsonl, write_table

from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.parts import Engine, Part
from unlearn_core.adapters.connectors.sql import SqlConnector
from unlearn_core.adapters.dask_engine import ClusterUnavailableError, DaskEngine
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.parcels import Job, Parcels
from unlearn_core.cluster_settings import ClusterSettings
from unlearn_core.cluster_wiring import on_cluster, search_part
from unlearn_core.errors import KeyMissingError
from unlearn_core.settings import KeySettings, Settings


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyDirectory:
    """Return the keys of a worker of a cluster."""
    directory = KeyDirectory(tmp_path / "keys")
    directory.create()
    monkeypatch.setenv("UNLEARN_KEYS__DIRECTORY", str(directory.folder))
    return directory


def test_a_worker_searches_its_part(keys: KeyDirectory, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "people.jsonl")
    parcels = Parcels(keys.cluster_key())
    job = Job(
        spec=source_spec("jsonl", path),
        part=Part(name=str(path)),
        subjects=(subject(),),
    )
    code, sealed = search_part(parcels.pack_job(job, number="1"), "1")
    (found,) = parcels.open_found(sealed, number="1")
    assert code == ""
    assert [item.record_id for item in found.records] == ["r-1", "r-3"]
    assert found.searched == len(PEOPLE)


def test_a_worker_tells_the_code_of_an_error_and_raises_nothing(
    keys: KeyDirectory, tmp_path: Path
) -> None:
    parcels = Parcels(keys.cluster_key())

    def code(kind: str) -> str:
        spec = source_spec(kind, f"sqlite:///{tmp_path}/people.db", table="customers")
        job = Job(spec=spec, part=Part(name="Ada Example.jsonl"), subjects=(subject(),))
        return search_part(parcels.pack_job(job, number="1"), "1")[0]

    assert code("jsonl") == "source_unreadable"
    assert code("sql") == "invalid_data_map"
    assert code("unheard of") == "unexpected_error"
    assert search_part(b"forged", "1") == ("seal_broken", b"")


def test_sources_stay_as_they_are_without_a_cluster(tmp_path: Path) -> None:
    sources = {"people": JsonLinesConnector(source_spec("jsonl", tmp_path))}
    assert on_cluster(sources, Settings()) == sources


class Away:
    """An engine that is put before that of a cluster, and finds nobody there."""

    part_bytes = 9

    def __init__(self, engine: Engine) -> None:
        assert isinstance(engine, DaskEngine)

    def search(self, *_: object) -> NoReturn:
        """Find nobody there."""
        raise ClusterUnavailableError(problem="away")


def test_a_cluster_searches_files_and_nothing_else(
    keys: KeyDirectory, tmp_path: Path
) -> None:
    pytest.importorskip(
        "distributed", reason="the extra `cluster` of unlearn is not installed"
    )
    url = write_table(f"sqlite:///{tmp_path}/people.db")
    files = JsonLinesConnector(source_spec("jsonl", tmp_path))
    table = SqlConnector(source_spec("sql", url, table="customers"))
    settings = Settings(
        cluster=ClusterSettings(scheduler="tcp://127.0.0.1:9"),
        keys=KeySettings(directory=keys.folder),
    )
    chosen = on_cluster({"files": files, "table": table}, settings, through=Away)
    assert chosen["table"] is table
    assert chosen["files"] is not files
    assert chosen["files"].describe() == files.describe()
    with pytest.raises(ClusterUnavailableError, match="away"):
        chosen["files"].locate(subject())


def test_a_cluster_needs_its_key(tmp_path: Path) -> None:
    settings = Settings(
        cluster=ClusterSettings(scheduler="tcp://127.0.0.1:9"),
        keys=KeySettings(directory=tmp_path),
    )
    with pytest.raises(KeyMissingError):
        on_cluster({}, settings)
