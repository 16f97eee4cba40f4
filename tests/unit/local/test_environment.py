import socket
from pathlib import Path

import pytest

from unlearn_core.local.environment import (
    HOST,
    LocalInstallation,
    Ports,
    PortTakenError,
)
from unlearn_core.settings import load_settings

PORTS = Ports(prefect=1001, mlflow=1002, intake=1003, inference=1004)


@pytest.fixture
def installation(tmp_path: Path) -> LocalInstallation:
    return LocalInstallation(home=tmp_path / "home", ports=PORTS)


def test_free_ports_are_different_and_can_be_bound() -> None:
    ports = Ports.free()
    numbers = {ports.prefect, ports.mlflow, ports.intake, ports.inference}

    assert len(numbers) == 4
    ports.check_free()


def test_a_port_that_somebody_listens_on_is_named() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        free = Ports.free()
        ports = Ports(
            prefect=free.prefect,
            mlflow=taken,
            intake=free.intake,
            inference=free.inference,
        )

        with pytest.raises(PortTakenError, match=f"process=mlflow, port={taken}"):
            ports.check_free()


def test_everything_is_in_one_folder(installation: LocalInstallation) -> None:
    folders = (
        installation.sources,
        installation.models,
        installation.keys,
        installation.logs,
        installation.temporary,
        installation.identity_provider,
    )

    assert len(set(folders)) == 6
    assert all(folder.parent == installation.home for folder in folders)


def test_every_service_listens_on_this_machine_alone(
    installation: LocalInstallation,
) -> None:
    assert [
        installation.prefect_url,
        installation.mlflow_url,
        installation.intake_url,
        installation.inference_url,
    ] == [f"http://127.0.0.1:{port}" for port in (1001, 1002, 1003, 1004)]


def test_the_settings_are_those_that_the_services_read(
    installation: LocalInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installation.settings().items():
        monkeypatch.setenv(name, value)

    settings = load_settings()

    home = installation.home
    assert settings.database_url.get_secret_value() == f"sqlite:///{home}/unlearn.db"
    assert settings.data_map == home / "sources" / "data-map.yaml"
    assert settings.model.base == home / "models" / "base"
    assert settings.model.reference == home / "models" / "reference"
    assert settings.keys.directory == home / "keys"
    assert settings.identity.public_key == home / "identity-provider" / "public.jwk"
    assert settings.objects.location == str(home / "objects")
    assert settings.mlflow_uri == "http://127.0.0.1:1002"
    assert settings.replicas == ("http://127.0.0.1:1004",)
    assert (settings.intake.port, settings.serving.port) == (1003, 1004)
    assert settings.serving.cache == home / "replica-1"


def test_processes_write_below_the_folder_and_call_nobody(
    installation: LocalInstallation,
) -> None:
    environment = installation.environment()

    for name in ("TMPDIR", "PREFECT_HOME", "MPLCONFIGDIR", "HF_HOME"):
        assert Path(environment[name]).is_relative_to(installation.home)
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:1001/api"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["HF_HUB_OFFLINE"] == "1"
    # The one serialiser of results that cannot run code when it is read.
    assert environment["PREFECT_RESULTS_DEFAULT_SERIALIZER"] == "json"


def test_processes_inherit_the_rest_and_find_their_own_programs_first(
    installation: LocalInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNRELATED", "kept")
    monkeypatch.setenv("UNLEARN_MODEL__NAME", "another")
    monkeypatch.setenv("PATH", "/somewhere")

    environment = installation.environment()

    assert environment["UNRELATED"] == "kept"
    assert environment["UNLEARN_MODEL__NAME"] == "small-world"
    assert environment["PATH"].endswith(":/somewhere")


def test_folders_are_made_once(installation: LocalInstallation) -> None:
    for _ in range(2):
        installation.make_folders()

    assert installation.logs.is_dir()
    assert installation.temporary.is_dir()
