from pathlib import Path

import pytest
import torch
from support.serving import CPU, byte_tokenizer, tiny_model, write_base_model

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.errors import (
    IncompatibleBaseError,
    KeyMissingError,
    ModelUnavailableError,
    OffsetRequiredError,
)
from unlearn_core.modeling.weights import load_language_model
from unlearn_core.remote_settings import UpstreamSettings
from unlearn_core.serving.fingerprints import fingerprint_of
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


def remote(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings of a replica whose base is elsewhere: it has no weights."""
    fingerprint = fingerprint_of(load_language_model(tmp_path / "base", device=CPU))
    (tmp_path / "base" / "fingerprint.json").write_bytes(fingerprint.to_bytes())
    (tmp_path / "base" / "model.safetensors").unlink()
    settings.upstream = UpstreamSettings(url="http://127.0.0.1:9")
    return settings


def test_a_replica_whose_base_is_elsewhere_needs_no_weights_but_an_offset(
    settings: Settings, tmp_path: Path
) -> None:
    service = build_service(remote(settings, tmp_path))
    assert (service.base.is_best_effort, service.base.vocabulary_size) == (True, 260)
    service.slot.permit_base()
    with pytest.raises(OffsetRequiredError):
        service.slot.check()


def test_a_replica_whose_base_is_elsewhere_needs_its_tokenizer_and_fingerprint(
    settings: Settings, tmp_path: Path
) -> None:
    settings = remote(settings, tmp_path)
    tokenizer = tmp_path / "base" / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + " ")
    with pytest.raises(IncompatibleBaseError, match="tokenizer"):
        build_service(settings)
    (tmp_path / "base" / "fingerprint.json").unlink()
    with pytest.raises(ModelUnavailableError, match=r"fingerprint\.json"):
        build_service(settings)


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
