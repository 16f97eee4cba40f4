from pathlib import Path

import pytest
from support.cli import unlearn
from support.recipients import DOWNLOADS, OFFICERS, TENANT, open_desk

from benchmarks.intake_parts import write_sources

pytestmark = pytest.mark.integration


@pytest.fixture
def registered(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an installation with a register of recipients."""
    write_sources(home)
    desk = open_desk(home)
    desk.register(TENANT | {"sources": ["people"]}, DOWNLOADS)
    monkeypatch.setenv("UNLEARN_DATA_MAP", str(home / "data-map.yaml"))
    monkeypatch.setenv("UNLEARN_RECIPIENTS", str(desk.file))
    officers = ", ".join(f'"{name}"' for name in OFFICERS)
    monkeypatch.setenv("UNLEARN_LEGAL__OFFICERS", f"[{officers}]")
    return desk.file


@pytest.mark.usefixtures("registered")
def test_the_register_is_listed_without_addresses() -> None:
    listed = unlearn("recipients", "list", "--json")
    assert [
        (row["recipient"], row["way"], row["no_notice"]) for row in listed.json()
    ] == [
        ("bolt", "webhook", None),
        ("downloads", None, "impossible"),
    ]
    assert "bolt.example" not in listed.out


def test_a_source_that_is_not_in_the_data_map_is_named(registered: Path) -> None:
    registered.write_text(registered.read_text().replace("people", "poeple"))
    refused = unlearn("recipients", "list")
    assert refused.code == 1
    assert "poeple" in refused.err


@pytest.mark.usefixtures("registered")
def test_the_record_of_processing_names_them(home: Path) -> None:
    file = home / "record.md"
    assert unlearn("records", "export", file).code == 0
    text = file.read_text()
    assert "- bolt: tenant; people; since 2026-01-05; told of erasures" in text
    assert "not told of erasures: impossible (Olga Officer)" in text


@pytest.mark.usefixtures("registered")
def test_nobody_is_settled_who_is_not_concerned() -> None:
    refused = unlearn(
        "recipients",
        "settle",
        "00000000-0000-0000-0000-000000000001",
        "bolt",
        "--reason",
        "impossible",
        "--by",
        OFFICERS[0],
    )
    assert "recipient_refused" in refused.err
