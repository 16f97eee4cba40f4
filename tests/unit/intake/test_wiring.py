from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from support.databases import open_sqlite

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.memory.contact import MemoryTrigger
from unlearn_core.domain.access import Role
from unlearn_core.errors import KeyMissingError, SettingsError
from unlearn_core.http_errors import ApiKeyError
from unlearn_core.intake.app import create_app
from unlearn_core.intake.wiring import build_service
from unlearn_core.settings import (
    ConsoleSettings,
    IntakeSettings,
    KeySettings,
    ObjectSettings,
    Settings,
)

DOCUMENT = {"identifiers": {"name": "Ada Example", "email": "ada@post.example"}}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of an installation with an orchestrator in memory."""
    monkeypatch.setattr("unlearn_core.wiring.PrefectTrigger", MemoryTrigger)
    open_sqlite(tmp_path).close()
    KeyDirectory(tmp_path / "keys").create()
    return Settings(
        database_url=SecretStr(f"sqlite:///{tmp_path / 'unlearn.db'}"),
        keys=KeySettings(directory=tmp_path / "keys"),
        objects=ObjectSettings(location=str(tmp_path / "objects")),
        intake=IntakeSettings(api_key=SecretStr("s3cret")),
    )


def test_a_service_from_settings_takes_a_request_in_and_seals_it(
    settings: Settings, tmp_path: Path
) -> None:
    service = build_service(settings)
    headers = {"Authorization": "Bearer s3cret"}
    with TestClient(create_app(service), headers=headers) as client:
        answer = client.post("/v1/erasure-requests", json=DOCUMENT)
        assert answer.status_code == 202
        page = client.get(answer.headers["Location"]).json()
    assert (page["stage"], page["messages"]) == ("received", [])
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [data for data in files if b"Ada" in data or b"ada@" in data]


def test_with_the_console_the_api_asks_for_a_key_even_before_there_is_one(
    settings: Settings,
) -> None:
    settings.intake = IntakeSettings()
    assert build_service(settings).doors.by_key("").roles == {Role.OPERATOR}
    settings.console = ConsoleSettings(enabled=True)
    with pytest.raises(ApiKeyError):
        build_service(settings).doors.by_key("")


def test_an_issuer_needs_an_address_to_lead_back_to(settings: Settings) -> None:
    settings.console = ConsoleSettings(enabled=True, issuer="https://id.example")
    with pytest.raises(SettingsError, match="UNLEARN_INTAKE__PUBLIC_URL"):
        build_service(settings)
    settings.intake = IntakeSettings(public_url="https://unlearn.example/")
    assert build_service(settings).doors.issuer is not None


@pytest.mark.parametrize("name", ["kek.key", "pseudonym.key"])
def test_intake_does_not_start_without_its_keys(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    (tmp_path / "keys" / name).unlink()
    with pytest.raises(KeyMissingError, match=name):
        build_service(settings)


@pytest.mark.parametrize("name", ["artifact.key", "signing.pem"])
def test_intake_needs_no_key_that_signs_or_opens_offset_pairs(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    (tmp_path / "keys" / name).unlink()
    assert build_service(settings).doors.api_key is not None
