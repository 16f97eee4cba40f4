import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cli import unlearn
from support.sources import ADA, write_jsonl

from unlearn_core.cli import wiring
from unlearn_core.domain.sources import records_to_bytes
from unlearn_core.domain.subjects import parse_subject


def source(name: str, path: Path, **more: object) -> dict[str, Any]:
    """Return a source of the data map."""
    return {
        "name": name,
        "kind": "jsonl",
        "path": str(path),
        "record_id": "id",
        "identifiers": {"name": "name"},
        **more,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a data map of sources good and bad."""
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    good = write_jsonl(tmp_path / "good.jsonl")
    write_map(tmp_path, [source("good", good), source("empty", empty, erasable=False)])
    return tmp_path


def write_map(folder: Path, sources: list[dict[str, Any]]) -> None:
    """Write a data map."""
    document = {
        "version": 1,
        "base_models": ["small"],
        "fields": {},
        "sources": sources,
        "holdout": source("reserved", folder / "good.jsonl"),
    }
    (folder / "map.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def test_every_source_says_what_a_request_would_do(folder: Path) -> None:
    before = (folder / "good.jsonl").read_bytes()
    ran = unlearn("sources", "check", "--data-map", folder / "map.yaml", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [(row["source"], row["state"], row["would"]) for row in ran.json()] == [
        ("good", "answers", "search; erase what is found and read back"),
        (
            "empty",
            "has no readable record",
            "search only; the outcome can only be partial",
        ),
        ("reserved", "answers", "read people who were never trained on"),
    ]
    assert (folder / "good.jsonl").read_bytes() == before


def test_a_source_where_a_name_decides_says_so(tmp_path: Path) -> None:
    good = write_jsonl(tmp_path / "good.jsonl")
    decides = {"name_alone": "decides"}
    stays = source("stays", good, erasable=False, **decides)
    write_map(tmp_path, [source("erases", good, **decides), stays])
    ran = unlearn("sources", "check", "--data-map", tmp_path / "map.yaml", "--json")
    erases, keeps, _ = (row["would"] for row in ran.json())
    assert erases.endswith("read back; a name alone is enough, a namesake's too")
    assert keeps == "search only; the outcome can only be partial"


def test_a_source_that_does_not_answer_is_named_and_the_others_are_checked(
    folder: Path,
) -> None:
    missing = source("missing", folder / "no-such.jsonl")
    write_map(folder, [missing, source("good", folder / "good.jsonl")])
    ran = unlearn("sources", "check", "--data-map", folder / "map.yaml", "--json")
    assert ran.code == 3
    assert [row["is_readable"] for row in ran.json()] == [False, True, True]
    assert "problem=no files" in ran.json()[0]["state"]
    assert ran.err.startswith("source_unreadable: ")
    assert "sources=missing" in ran.err


def test_an_error_of_the_data_map_names_the_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "map.yaml"
    path.write_text(path.read_text().replace("kind: jsonl", "kind: oracle", 1))
    monkeypatch.setenv("UNLEARN_DATA_MAP", str(path))
    ran = unlearn("sources", "check")
    assert (ran.code, ran.out) == (1, "")
    assert "unknown_kind=oracle, line=7" in ran.err


def test_a_plan_says_what_would_go_and_what_would_be_redacted(
    tmp_path: Path,
) -> None:
    good = write_jsonl(tmp_path / "good.jsonl")
    columns = {"identifiers": {"name": "name", "customer_number": "customer"}}
    write_map(
        tmp_path,
        [
            source("gone", good, **columns),
            source("redacted", good, **columns, erasure="redact"),
            source("stays", good, **columns, erasable=False),
        ],
    )
    before = good.read_bytes()
    document = tmp_path / "request.json"
    document.write_text(json.dumps({"identifiers": ADA}))
    options = ("--data-map", tmp_path / "map.yaml", "--file", document, "--json")
    ran = unlearn("sources", "plan", *options)
    assert (ran.code, ran.err) == (0, "")
    both: list[str] = ["r-1", "r-3"]
    none: list[str] = []
    assert [
        (row["source"], row["delete"], row["redact"], row["records_changed"])
        for row in ran.json()
    ] == [
        ("gone", both, none, 2),
        ("redacted", none, both, 2),
        ("stays", none, none, 0),
    ]
    for row in ran.json():
        assert (row["found"], row["uncertain"], row["unreadable"]) == (2, 2, 0)
    assert "Ada" not in ran.out
    assert good.read_bytes() == before


def test_a_check_says_which_records_are_redacted(tmp_path: Path) -> None:
    good = write_jsonl(tmp_path / "good.jsonl")
    some = {"redact": ["question", "answer"]}
    write_map(
        tmp_path,
        [source("all", good, erasure="redact"), source("some", good, erasure=some)],
    )
    ran = unlearn("sources", "check", "--data-map", tmp_path / "map.yaml", "--json")
    assert [row["would"] for row in ran.json()[:2]] == [
        "search; redact what is found and read back",
        (
            "search; erase what is found and read back; "
            "redact what is in no other column than answer, question"
        ),
    ]


def test_a_check_shows_what_the_data_map_says_of_each_source(tmp_path: Path) -> None:
    good = write_jsonl(tmp_path / "good.jsonl")
    said = {"legal_basis": "consent", "retention": "P2Y", "held": "id"}
    write_map(
        tmp_path,
        [source("one", good, **said, base_models=["small"]), source("two", good)],
    )
    ran = unlearn("sources", "check", "--data-map", tmp_path / "map.yaml", "--json")
    names = ("trained", "legal_basis", "retention", "held")
    assert [tuple(row[name] for name in names) for row in ran.json()] == [
        ("small", "consent", "P2Y", "id"),
        ("all", None, None, None),
        ("none", None, None, None),
    ]


def test_a_preview_of_a_request_shows_counts_and_no_names(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = write_jsonl(home / "good.jsonl")
    write_map(home, [source("good", good), source("stays", good, erasable=False)])
    monkeypatch.setenv("UNLEARN_DATA_MAP", str(home / "map.yaml"))
    request_id = unlearn(
        *("request", "submit", "--file", "-", "--json"),
        stdin=json.dumps({"identifiers": ADA}).encode(),
    ).json()["request_id"]
    found, _ = wiring.data_map_sources(None)
    located = [
        record for one in found for record in one.locate(parse_subject(ADA)).records
    ]
    wiring.office().custody.put(
        request_id, "located-records", records_to_bytes(located)
    )
    ran = unlearn("request", "preview", request_id, "--json")
    assert [
        (row["source"], row["delete"], row["stay"], row["trained"])
        for row in ran.json()
    ] == [
        # Of the third, who has another number, only the name is hers.
        ("good", 2, "", "all"),
        ("stays", 0, "not_erasable=2", "all"),
    ]
    assert "Ada" not in ran.out
