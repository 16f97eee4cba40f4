import json

import pytest

from unlearn_core.cli.output import show, show_rows
from unlearn_core.domain.canonical import JsonValue

LONG = "sha256:" + "f" * 64


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for a narrow terminal without colours."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")


def test_one_thing_is_printed_for_programs_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    value: dict[str, JsonValue] = {"valid": True, "head": None, "names": ["a", "b"]}
    show(value, as_json=True)
    assert json.loads(capsys.readouterr().out) == value


def test_several_things_are_printed_for_programs_as_a_list(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_rows([{"a": 1}, {"a": None}], as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"a": 1}, {"a": None}]
    show_rows([], as_json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_for_people_names_are_words_and_nothing_is_cut_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show({"ledger_head": LONG, "outcome": None, "word": "[red]x[/red]"}, as_json=False)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        f"ledger head  {LONG}",
        "outcome",
        "word         [red]x[/red]",
    ]


def test_for_people_rows_have_a_heading(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"request_id": LONG, "due_on": "2026-04-02"}] * 2
    show_rows(rows, as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["request", "id", "due", "on"], *[[LONG, "2026-04-02"]] * 2]


def test_no_rows_are_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([], as_json=False)
    assert capsys.readouterr().out.strip() == ""
