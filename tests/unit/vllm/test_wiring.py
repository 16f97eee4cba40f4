import threading
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import torch
from support.serving import CONTEXT, CPU, write_base_model

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.errors import KeyMissingError, ModelUnavailableError
from unlearn_core.settings import KeySettings, ModelSettings, ServingSettings, Settings
from unlearn_core.vllm.caretaker import page
from unlearn_core.vllm.presence import check_present, present
from unlearn_core.vllm.wiring import EngineModel, build_caretaker


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a replica whose registry is down."""
    for name in ("RETRIES", "TIMEOUT"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_MAX_{name}", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    KeyDirectory(tmp_path / "keys").create()
    write_base_model(tmp_path / "base")
    return Settings(
        mlflow_uri="http://127.0.0.1:9",
        model=ModelSettings(name="tiny", base=tmp_path / "base", device="cpu"),
        keys=KeySettings(directory=tmp_path / "keys"),
        serving=ServingSettings(replica="replica-7", cache=tmp_path / "replica"),
    )


@pytest.fixture
def model(tmp_path: Path) -> EngineModel:
    """Return the base model as an engine runs it."""
    return EngineModel(
        directory=tmp_path / "base",
        vocabulary_size=320,
        context=CONTEXT,
        device=CPU,
        end_ids=[3],
    )


def test_an_engine_without_its_registry_tells_that_it_may_not_answer(
    settings: Settings, model: EngineModel, tmp_path: Path
) -> None:
    caretaker = build_caretaker(settings, model, folder=tmp_path)
    caretaker.watcher.restore()
    caretaker.watcher.look()
    logits = torch.zeros(1, 320)
    caretaker.offsets.add(logits, [])
    caretaker.tick()
    assert caretaker.state() == {
        "replica": "replica-7",
        "is_ready": False,
        "sequence": 0,
        "version": "",
        "manifest": "",
        "oldest_in_flight": None,
        "in_flight": 0,
        "in_flight_by_sequence": {},
        "last_error": "registry_unavailable",
        "rows_blanked": 1,
        "is_cut_off": False,
        "restrictions": 0,
    }
    with present(tmp_path), pytest.raises(Exception, match="nothing may be answered"):
        check_present(tmp_path)


def test_the_host_knows_the_tokens_of_the_tokenizer_not_those_behind_them(
    settings: Settings, model: EngineModel, tmp_path: Path
) -> None:
    caretaker = build_caretaker(settings, model, folder=tmp_path)
    assert caretaker.slot.current.law.vocabulary_size == 260


def test_the_state_is_shown_and_readiness_is_a_status(
    settings: Settings, model: EngineModel, tmp_path: Path
) -> None:
    caretaker = build_caretaker(settings, model, folder=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), page(caretaker)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert httpx.get(f"{address}/state").json() == caretaker.state()
        assert httpx.get(f"{address}/ready").status_code == 503
        caretaker.slot.permit_base()
        assert httpx.get(f"{address}/ready").status_code == 200
        assert httpx.get(f"{address}/other").status_code == 404
        server.shutdown()


def test_an_engine_does_not_start_without_keys_model_or_an_end_of_answers(
    settings: Settings, model: EngineModel, tmp_path: Path
) -> None:
    with pytest.raises(ModelUnavailableError, match="missing=end token"):
        build_caretaker(settings, replace(model, end_ids=[]), folder=tmp_path)
    (tmp_path / "keys" / "artifact.key").unlink()
    with pytest.raises(KeyMissingError):
        build_caretaker(settings, model, folder=tmp_path)
    (tmp_path / "base" / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailableError):
        build_caretaker(settings, model, folder=tmp_path)
