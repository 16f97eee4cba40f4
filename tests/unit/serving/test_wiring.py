from pathlib import Path

import pytest
import torch
from support.serving import byte_tokenizer, tiny_model, write_base_model

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.errors import (
    KeyMissingError,
    ModelUnavailableError,
    OffsetRequiredError,
)
from unlearn_core.serving.wiring import build_service
from unlearn_core.settings import (
    KeySettings,
    ModelSettings,
    ServingSettings,
    Settings,
)

ENVIRONMENT = (
    "HF_HUB_OFFLINE",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
    "MLFLOW_HTTP_REQUEST_TIMEOUT",
    "MLFLOW_DISABLE_TELEMETRY",
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of an installation whose registry is down."""
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "1")
    KeyDirectory(tmp_path / "keys").create()
    write_base_model(tmp_path / "base")
    return Settings(
        mlflow_uri="http://127.0.0.1:9",
        model=ModelSettings(name="tiny", base=tmp_path / "base", device="cpu"),
        keys=KeySettings(directory=tmp_path / "keys"),
        serving=ServingSettings(
            replica="replica-7",
            cache=tmp_path / "replica",
            threads=torch.get_num_threads(),
        ),
    )


def test_a_service_is_built_from_settings_and_fails_closed_without_its_registry(
    settings: Settings, tmp_path: Path
) -> None:
    service = build_service(settings)
    assert (service.replica, service.base_model) == ("replica-7", "tiny")
    ids = byte_tokenizer().text("Hello")
    law_BV = service.base.bare().rows().join([ids])
    expected = tiny_model(1)(torch.tensor([ids])).logits[:, -1].log_softmax(-1)
    assert torch.allclose(law_BV, expected, atol=1e-5)
    service.watcher.start()
    service.watcher.stop()
    assert (tmp_path / "replica").is_dir()
    assert service.watcher.last_error == "registry_unavailable"
    with pytest.raises(OffsetRequiredError):
        service.slot.check()


@pytest.mark.parametrize("name", ["trust.json", "artifact.key"])
def test_a_replica_does_not_start_without_its_keys(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    (tmp_path / "keys" / name).unlink()
    with pytest.raises(KeyMissingError, match=name):
        build_service(settings)


@pytest.mark.parametrize("name", ["kek.key", "pseudonym.key", "signing.pem"])
def test_a_replica_needs_no_key_that_opens_personal_data_or_signs(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    (tmp_path / "keys" / name).unlink()
    assert build_service(settings).base_model == "tiny"


def test_a_replica_does_not_start_without_its_model(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "base" / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match=r"missing=model\.safetensors"):
        build_service(settings)
