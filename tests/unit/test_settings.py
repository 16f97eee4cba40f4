import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from unlearn_core.errors import SettingsError
from unlearn_core.settings import Settings, load_settings
from unlearn_core.verification.policy import load_policy


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide variables of whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith("UNLEARN_"):
            monkeypatch.delenv(name)


def test_defaults_need_no_environment() -> None:
    settings = load_settings()
    assert settings.database_url.get_secret_value() == "sqlite:///var/unlearn.db"
    assert settings.replicas == ("http://127.0.0.1:8810",)
    assert settings.recipe is None
    assert settings.intake.api_key is None
    assert settings.legal.country == "DE"


def test_the_default_acceptance_policy_is_shipped_and_valid() -> None:
    assert load_policy(load_settings().acceptance_policy).version == "3"


def test_variables_are_read_by_prefix_and_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "UNLEARN_DATABASE_URL": "postgresql://db/unlearn",
        "UNLEARN_REPLICAS": '["http://a:1", "http://b:2"]',
        "UNLEARN_MODEL__DEVICE": "cuda",
        "UNLEARN_MODEL__BASE": "models/base",
        "UNLEARN_SERVING__PORT": "9000",
        "UNLEARN_SERVING__REQUIRES_OFFSET": "true",
        "UNLEARN_WORK__LEASE_SECONDS": "2.5",
        "PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.database_url.get_secret_value() == "postgresql://db/unlearn"
    assert settings.replicas == ("http://a:1", "http://b:2")
    assert settings.model.device == "cuda"
    assert settings.model.base == Path("models/base")
    assert settings.serving.port == 9000
    assert settings.serving.requires_offset is True
    assert settings.work.lease_seconds == 2.5
    assert settings.intake.port == 8820


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("UNLEARN_SERVING__PORT", "hunter2", "UNLEARN_SERVING__PORT"),
        ("UNLEARN_MODEL__DEVICE", "hunter2", "UNLEARN_MODEL__DEVICE"),
        ("UNLEARN_WORK__LEASE_SECONDS", "-1", "UNLEARN_WORK__LEASE_SECONDS"),
        ("UNLEARN_WORK__MAXIMUM_ATTEMPTS", "0", "UNLEARN_WORK__MAXIMUM_ATTEMPTS"),
        ("UNLEARN_REPLICAS", "http://hunter2", "UNLEARN_REPLICAS"),
        ("UNLEARN_REPLICAS", "[1]", "UNLEARN_REPLICAS__0"),
        ("UNLEARN_SERVING__API_KEYS", '["hunter2"]', "UNLEARN_SERVING__API_KEYS__0"),
        ("UNLEARN_SERVING__WEBHOOK_SECRET", "", "UNLEARN_SERVING__WEBHOOK_SECRET"),
        ("UNLEARN_SERVING", "hunter2", "UNLEARN_SERVING"),
        ("UNLEARN_SERVING__PROT", "9000", "UNLEARN_SERVING__PROT"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.facts == {"variable": named}
    assert "hunter2" not in caught.value.diagnostics()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_DATABASE_URL", "postgresql://user:hunter2@db/unlearn")
    monkeypatch.setenv("UNLEARN_INTAKE__API_KEY", "hunter2")
    settings = load_settings()
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


WITHOUT_UNIT = {"largest_excluded"}  # a probability


def test_every_setting_is_described_and_names_its_unit() -> None:
    groups: list[type[BaseModel]] = [Settings]
    for group in groups:
        for name, field in group.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                groups.append(kind)
                continue
            assert field.description, f"{group.__name__}.{name}"
            assert field.description.endswith(".")
            if kind is float and name not in WITHOUT_UNIT:
                assert name.endswith(("_seconds", "_hours", "_nats")), name
    assert len(groups) == 22
