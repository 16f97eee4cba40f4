import json
from pathlib import Path

import pytest
import yaml
from support.cli import unlearn

from benchmarks.intake_parts import write_sources

pytestmark = pytest.mark.integration


@pytest.fixture
def described(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an installation with a data map and a controller."""
    write_sources(home)
    monkeypatch.setenv("UNLEARN_DATA_MAP", str(home / "data-map.yaml"))
    monkeypatch.setenv("UNLEARN_LEGAL__CONTROLLER", "Example GmbH, Berlin")
    monkeypatch.setenv("UNLEARN_RETENTION__RECORD_DAYS", "800")
    return home


def test_the_record_says_what_is_configured(described: Path) -> None:
    file = described / "record.json"
    assert unlearn("records", "export", file).code == 0
    record = json.loads(file.read_text())["record"]
    assert record["a_controller"] == "Example GmbH, Berlin"
    assert record["c_sources"] == {"people": "jsonl"}
    assert record["c_identifiers"] == ["email", "name"]
    assert "800 days" in yaml.safe_dump(record["f_time_limits"])
    text = described / "record.md"
    assert unlearn("records", "export", text).code == 0
    assert "Example GmbH, Berlin" in text.read_text()


def test_recipients_are_named_without_their_secrets(
    described: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "MLFLOW_URI": "http://mlflow:pa55@registry.example:5050/secret",
        "REPLICAS": '["https://one.example", "https://two.example"]',
        "TEACHER__URL": "https://base.example/tok3n",
    }.items():
        monkeypatch.setenv(f"UNLEARN_{name}", value)
    file = described / "record.json"
    assert unlearn("records", "export", file).code == 0
    assert json.loads(file.read_text())["record"]["d_recipients"] == {
        "http://registry.example:5050": "sealed offset pairs, figures of verification",
        "https://base.example": "texts about data subjects, to be trained on",
        "https://one.example": "sealed offset pairs, questions of users",
        "https://two.example": "sealed offset pairs, questions of users",
    }


def test_another_ending_is_wrong_usage(described: Path) -> None:
    assert unlearn("records", "export", described / "record.pdf").code == 2
