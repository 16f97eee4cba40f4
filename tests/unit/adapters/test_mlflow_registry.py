import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from support.domain import digest, request_id
from support.mlflow_store import mlflow_store

from unlearn_core.adapters.mlflow_registry import (
    MlflowArtifactRegistry,
    MlflowRunTracker,
    translated,
)
from unlearn_core.errors import (
    ManifestInvalidError,
    RegistryOutdatedError,
    RegistryUnavailableError,
    StorageError,
)
from unlearn_core.ports import RegisteredVersion

integration = pytest.mark.integration
WANTED = RegisteredVersion(
    version="", manifest=digest("manifest"), sequence=1, request_id=str(request_id())
)
CANARY = "Ada Example"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the store."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="module")
def uri(folder: Path) -> Iterator[str]:
    """Return the address of a real store."""
    with mlflow_store(folder) as uri:
        yield uri


@pytest.fixture
def base_model() -> str:
    """Return the name of a base model of this test only."""
    return f"small-world-{uuid4().hex}"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a bundle of two files."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "manifest.json").write_bytes(b"{}")
    (bundle / "pair.safetensors").write_bytes(b"sealed")
    return bundle


@integration
def test_tags_hold_digests_numbers_and_request_ids_only(
    uri: str, base_model: str, bundle: Path
) -> None:
    registry, run = MlflowArtifactRegistry(uri), MlflowRunTracker(uri).start("r", {})
    registry.register(base_model, bundle, version=WANTED, run=run)
    registry.publish_pointer(base_model, b'{"payload":"e30="}')
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    name = f"offset-pair.{base_model}"
    version = client.get_model_version(name, "1")
    assert version.tags == {
        "unlearn.manifest": digest("manifest"),
        "unlearn.sequence": "1",
        "unlearn.request_id": "00000000-0000-0000-0000-000000000001",
    }
    assert (version.description or "", version.source) == ("", f"runs:/{run}/bundle")
    assert client.get_registered_model(name).tags == {
        "unlearn.pointer": '{"payload":"e30="}'
    }


@integration
@pytest.mark.parametrize("place", ["elsewhere", "other-run"])
def test_a_version_that_points_elsewhere_is_refused(
    uri: str, base_model: str, tmp_path: Path, place: str
) -> None:
    """Whoever may create versions could otherwise choose what replicas fetch."""
    tracker = MlflowRunTracker(uri)
    run, other = tracker.start("r", {}), tracker.start("r", {})
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    name = f"offset-pair.{base_model}"
    client.create_registered_model(name)
    source = f"runs:/{run if place == 'elsewhere' else other}/" + (
        "elsewhere" if place == "elsewhere" else "bundle"
    )
    client.create_model_version(name, source=source, run_id=run)
    with pytest.raises(ManifestInvalidError, match="source of the version"):
        MlflowArtifactRegistry(uri).download(base_model, "1", tmp_path)


@integration
def test_a_version_that_is_not_ours_is_not_listed(
    uri: str, base_model: str, bundle: Path
) -> None:
    registry, run = MlflowArtifactRegistry(uri), MlflowRunTracker(uri).start("r", {})
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    name = f"offset-pair.{base_model}"
    client.create_registered_model(name)
    client.create_model_version(name, source=f"runs:/{run}/bundle", run_id=run)
    ours = registry.register(base_model, bundle, version=WANTED, run=run)
    assert ours.version == "2"
    assert registry.versions(base_model) == (ours,)


@integration
def test_a_full_disk_while_fetching_is_a_fault_of_the_storage(
    uri: str,
    base_model: str,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry, run = MlflowArtifactRegistry(uri), MlflowRunTracker(uri).start("r", {})
    registry.register(base_model, bundle, version=WANTED, run=run)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device", CANARY)

    fetched = tmp_path / "fetched"
    fetched.mkdir()
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StorageError, match="errno=28"):
        registry.download(base_model, "1", fetched)


@integration
def test_a_run_keeps_parameters_numbers_files_and_its_end(uri: str) -> None:
    tracker = MlflowRunTracker(uri)
    run = tracker.start("erasure-1-rung-0", {"rung": 0, "scheme": "delta"})
    tracker.log(run, {"forget_loss": 2.5, "share_done": 0.5}, step=5)
    tracker.log(run, {"forget_loss": 1.5, "share_done": 1.0}, step=10)
    tracker.attach(run, "verification/report.json", b'{"passed":true}')
    tracker.attach(run, "plot.png", b"\x89PNG")
    tracker.finish(run, succeeded=True)
    client = MlflowClient(tracking_uri=uri)
    kept = client.get_run(run)
    assert kept.info.run_name == "erasure-1-rung-0"
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"rung": "0", "scheme": "delta"}
    history = client.get_metric_history(run, "forget_loss")
    assert [(item.step, item.value) for item in history] == [(5, 2.5), (10, 1.5)]
    attached = Path(client.download_artifacts(run, "verification/report.json"))
    assert attached.read_bytes() == b'{"passed":true}'
    assert {item.path for item in client.list_artifacts(run)} == {
        "verification",
        "plot.png",
    }


@integration
def test_a_run_that_did_not_succeed_is_marked(uri: str) -> None:
    tracker = MlflowRunTracker(uri)
    run = tracker.start("erasure-1-rung-0", {})
    tracker.finish(run, succeeded=False)
    assert MlflowClient(tracking_uri=uri).get_run(run).info.status == "FAILED"


@integration
def test_runs_of_one_tracker_share_its_experiment(uri: str) -> None:
    first = MlflowRunTracker(uri, experiment="trials").start("a", {})
    second = MlflowRunTracker(uri, experiment="trials").start("b", {})
    client = MlflowClient(tracking_uri=uri)
    experiments = {client.get_run(run).info.experiment_id for run in (first, second)}
    assert len(experiments) == 1
    assert client.get_experiment(experiments.pop()).name == "trials"


@integration
def test_nothing_is_written_to_another_store_than_the_one_named(
    uri: str, folder: Path
) -> None:
    """MLflow's module-level functions would open one in the working directory."""
    tracker = MlflowRunTracker(uri)
    run = tracker.start("r", {})
    tracker.log(run, {"loss": 1.0}, step=1)
    tracker.finish(run, succeeded=True)
    databases = [path.name for path in folder.rglob("*.db")]
    assert databases == ["mlflow.db"]
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM metrics WHERE run_uuid = ?", (run,)
        ).fetchone()
    assert count == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (MlflowException(CANARY), "INTERNAL_ERROR"),
        (MlflowException(CANARY, error_code=1), "INTERNAL_ERROR"),
        (requests.ConnectionError(CANARY), "ConnectionError"),
        (requests.Timeout(CANARY), "Timeout"),
    ],
)
def test_a_foreign_error_is_reported_by_its_code_and_not_its_text(
    fault: Exception, code: str
) -> None:
    with pytest.raises(RegistryUnavailableError) as raised, translated():
        raise fault
    assert raised.value.facts == {"code": code}
    assert raised.value.__cause__ is None
    assert CANARY not in str(raised.value)


@integration
def test_a_store_of_another_version_of_mlflow_says_what_to_do(tmp_path: Path) -> None:
    with mlflow_store(tmp_path) as uri:
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store, store:
            store.execute("UPDATE alembic_version SET version_num = 'before'")
        with pytest.raises(RegistryOutdatedError) as raised:
            MlflowArtifactRegistry(uri).pointer("base")
        with pytest.raises(RegistryOutdatedError):
            MlflowRunTracker(uri).start("run", {})
    assert raised.value.__cause__ is None
    assert str(tmp_path) not in str(raised.value)
    assert "mlflow db upgrade" in raised.value.next_step


def test_an_error_of_ours_passes_unchanged() -> None:
    with pytest.raises(ManifestInvalidError), translated():
        raise ManifestInvalidError(problem="source of the version")
