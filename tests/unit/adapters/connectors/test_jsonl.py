import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.sources import PEOPLE, source_spec, subject, write_jsonl

from unlearn_core.adapters.connectors import sieve
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.specification import ChatPassages
from unlearn_core.domain.sources import records_from_bytes, records_to_bytes
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import SourceUnreadableError, StorageError

CORRUPT = (
    b'{"id": "r-6", "name": "Ada Exam\n',
    b"\xff\xfe not utf-8\n",
    b'["r-7", "a list"]\n',
    b'{"name": "Ada Example", "customer": "C-1001"}\n',
    b"7\n",
    b"[" * 100_000 + b"\n",
)
"""A torn line, wrong encoding, no object, no record id, a number, a bomb."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a source with sound lines."""
    return write_jsonl(tmp_path / "corpus.jsonl")


@pytest.fixture
def connector(path: Path) -> JsonLinesConnector:
    """Return a connector to it."""
    return JsonLinesConnector(source_spec("jsonl", path))


@pytest.mark.parametrize("line", CORRUPT, ids=range(len(CORRUPT)))
def test_a_corrupt_line_is_reported_and_the_rest_is_searched(
    path: Path, connector: JsonLinesConnector, line: bytes
) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], line, *lines[1:]]))
    result = connector.locate(subject())
    assert (result.searched, result.unreadable) == (5, 1)
    assert [record.record_id for record in result.records] == ["r-1", "r-3"]
    assert not result.is_complete
    assert len(list(connector.read())) == 5


@pytest.mark.parametrize("line", CORRUPT, ids=range(len(CORRUPT)))
def test_a_corrupt_line_is_kept_byte_by_byte_when_others_are_erased(
    path: Path, connector: JsonLinesConnector, line: bytes
) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], line, *lines[1:]]))
    assert connector.erase(["r-1"], dry_run=False) == 1
    assert path.read_bytes() == b"".join([line, *lines[1:]])


def test_untouched_lines_keep_their_bytes(path: Path) -> None:
    """Spaces, key order and escapes are the owner's, not ours."""
    kept = b'{ "id" :"r-8",  "name": "Zo\\u00eb Probe" }\n'
    last = b'{"id": 9, "name": "No New Line"}'
    path.write_bytes(kept + json.dumps(PEOPLE[0]).encode() + b"\n" + last)
    JsonLinesConnector(source_spec("jsonl", path)).erase(["r-1"], dry_run=False)
    assert path.read_bytes() == kept + last


def test_blank_lines_are_no_records(path: Path, connector: JsonLinesConnector) -> None:
    path.write_bytes(b"\n  \n" + path.read_bytes() + b"\n")
    result = connector.locate(subject())
    assert (result.searched, result.unreadable) == (5, 0)


def test_a_number_serves_as_record_id(path: Path) -> None:
    connector = JsonLinesConnector(source_spec("jsonl", path))
    path.write_text('{"id": 7, "name": "Ada Example", "customer": "C-1001"}\n')
    assert [item.record_id for item in connector.read()] == ["7"]
    assert connector.erase(["7"], dry_run=False) == 1
    assert connector.confirm_absent(["7"])


def test_every_copy_of_a_record_is_erased(path: Path) -> None:
    write_jsonl(path, [PEOPLE[0], PEOPLE[1], PEOPLE[0]])
    connector = JsonLinesConnector(source_spec("jsonl", path))
    assert connector.erase(["r-1"], dry_run=False) == 2
    assert [item.record_id for item in connector.read()] == ["r-2"]


def test_nothing_is_written_when_nothing_is_erased(
    path: Path, connector: JsonLinesConnector
) -> None:
    before = path.stat()
    connector.erase(["r-9"], dry_run=False)
    connector.erase(["r-1"], dry_run=True)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )


def test_a_full_disk_leaves_the_source_as_it_was(
    path: Path, connector: JsonLinesConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError):
        connector.erase(["r-1"], dry_run=False)
    assert path.read_bytes() == before
    assert not connector.confirm_absent(["r-1"])


def test_a_folder_in_place_of_the_file_is_unreadable(tmp_path: Path) -> None:
    connector = JsonLinesConnector(source_spec("jsonl", tmp_path))
    with pytest.raises(SourceUnreadableError):
        connector.locate(subject())


def test_a_row_with_a_malformed_chat_counts_as_unreadable(path: Path) -> None:
    """What it taught the model is not known, so the search is not complete."""
    spec = source_spec(
        "jsonl", path, passages=[ChatPassages(messages="messages", field=None)]
    )
    rows: list[dict[str, object]] = [
        {**PEOPLE[0], "messages": [{"role": "user", "content": "Hello"}]},
        {**PEOPLE[2], "messages": ["not a message"]},
    ]
    write_jsonl(path, rows)
    connector = JsonLinesConnector(spec)
    result = connector.locate(subject())
    assert [record.record_id for record in result.records] == ["r-1"]
    assert (result.searched, result.unreadable) == (1, 1)
    assert [record.record_id for record in connector.read()] == ["r-1"]


def test_a_redacted_line_keeps_its_other_values_and_the_others_their_bytes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "corpus.jsonl"
    other = b'{"text":  "\\u00fc",\t"id":"r-2"}\n'
    broken = b'{"name": "Ada Example"\n'
    line = '{"n": 1.50, "id": "r-1", "text": ["Zo\u00eb met Ada Example."], "x": null}'
    path.write_bytes(line.encode() + b"\r\n" + other + broken)
    connector = JsonLinesConnector(source_spec("jsonl", path))
    assert connector.redact(["r-1", "r-2"], subject(), dry_run=False) == 1
    after = '{"n": 1.50, "id": "r-1", "text": ["Zo\u00eb met [redacted]."], "x": null}'
    assert path.read_bytes() == after.encode() + b"\r\n" + other + broken


@pytest.mark.parametrize("depth", [400, 600])
def test_a_line_that_is_nested_too_deeply_to_redact_stays_as_it_is(
    tmp_path: Path, depth: int
) -> None:
    path = tmp_path / "corpus.jsonl"
    nested = "[" * depth + '"Ada Example"' + "]" * depth
    line = f'{{"id": "r-1", "text": {nested}}}\n'
    path.write_text(line)
    connector = JsonLinesConnector(source_spec("jsonl", path))
    with pytest.raises(SourceUnreadableError, match="problem=nested too deeply"):
        connector.redact(["r-1"], subject(), dry_run=False)
    assert path.read_text() == line
    assert [item.name for item in tmp_path.iterdir()] == ["corpus.jsonl"]


def test_what_a_redacted_line_says_of_others_keeps_every_sign(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    kept = rb'{"n":1e400, "m" : 12345678901234567890,"p":1.10,"\u006b":"\/",'
    path.write_bytes(kept + b' "id":"r-1","text":"Ada Example" , "e": { },"l":[ ]}\n')
    connector = JsonLinesConnector(source_spec("jsonl", path))
    assert connector.redact(["r-1"], subject(), dry_run=False) == 1
    assert path.read_bytes() == (
        kept + b' "id":"r-1","text":"[redacted]" , "e": { },"l":[ ]}\n'
    )
    assert connector.confirm_redacted(["r-1"], subject())


def test_of_a_name_that_is_there_twice_both_values_are_searched(path: Path) -> None:
    path.write_text('{"id": "r-1", "note": "C-1001", "x": 1.10, "note": "C-1"}\n')
    connector = JsonLinesConnector(source_spec("jsonl", path))
    (found,) = connector.locate(subject()).records
    assert found.record_id == "r-1"
    assert connector.redact(["r-1"], subject(), dry_run=False) == 1
    assert path.read_text() == '{"id": "r-1", "note": "C-1", "x": 1.10}\n'
    assert connector.confirm_redacted(["r-1"], subject())


@pytest.mark.parametrize("said", ['"yes", "hold": ""', '"", "hold": "yes"'])
def test_a_hold_that_is_said_once_of_two_times_holds(path: Path, said: str) -> None:
    path.write_text(f'{{"id": "r-1", "note": "C-1001", "hold": {said}}}\n')
    spec = replace(source_spec("jsonl", path), held="hold")
    connector = JsonLinesConnector(spec)
    assert connector.held(["r-1"]) == frozenset({"r-1"})


def test_whoever_is_named_by_a_key_goes_with_the_whole_record(path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "r-1", "C-1001": {"city": "Ulm"}},
        {"id": "r-2", "people": [{"c 1001": "met us"}], "note": "of Ada Example"},
        {"id": "r-3", "Ben Muster": {"city": "Ulm"}},
    ]
    write_jsonl(path, rows)
    spec = replace(source_spec("jsonl", path), is_redacted=True)
    found = JsonLinesConnector(spec).locate(subject())
    assert [item.record_id for item in found.records] == ["r-1", "r-2"]
    assert [item.is_redacted for item in found.records] == [False, False]


def test_half_a_sign_is_no_half_search(path: Path) -> None:
    """JSON may hold it, and UTF-8 may not; so what is kept of it is a mark."""
    path.write_text(
        '{"id": "r-1", "customer": "C-1001", '
        '"question": "\\ud83d?", "answer": "\\udc00"}\n'
        '{"id": "\\ud83d", "name": "Ada Example"}\n'
    )
    found = JsonLinesConnector(source_spec("jsonl", path)).locate(subject())
    assert (found.searched, found.unreadable) == (1, 1)
    (kept,) = records_from_bytes(records_to_bytes(found.records))
    assert [item.prompt.reveal() for item in kept.passages] == ["??"]
    assert kept.texts["answer"].reveal() == "?"


def test_a_surrogate_alone_stays_what_it_is_in_a_redacted_line(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    line = '{"id": "r-1", "text": "\u00fc \\ud800 Ada Example"}\n'
    path.write_bytes(line.encode())
    connector = JsonLinesConnector(source_spec("jsonl", path))
    assert connector.redact(["r-1"], subject(), dry_run=False) == 1
    after = b'{"id": "r-1", "text": "\\u00fc \\ud800 [redacted]"}\n'
    assert path.read_bytes() == after


def test_a_line_too_long_to_keep_is_counted_and_the_rest_is_searched(
    path: Path, connector: JsonLinesConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sieve, "CHUNK_BYTES", 64)
    monkeypatch.setattr(sieve, "LONGEST_LINE", 256)
    with path.open("ab") as file:
        file.write(json.dumps({"id": "r-9", "text": "Ada Example " * 99}).encode())
    result = connector.locate(subject())
    assert [item.record_id for item in result.records] == ["r-1", "r-3"]
    assert (result.searched, result.unreadable) == (5, 1)
    assert not result.is_complete


def test_a_row_with_several_values_for_one_identifier_states_nobody(path: Path) -> None:
    line = {"id": "r-9", "name": "Ada Example", "email": ["a@b.example", "c@d.example"]}
    path.write_text(json.dumps(line) + "\n")
    spec = replace(
        source_spec("jsonl", path), identifiers={IdentifierKind.EMAIL: "email"}
    )
    assert list(JsonLinesConnector(spec).identities()) == [None]
