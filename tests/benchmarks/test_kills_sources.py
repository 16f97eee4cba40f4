import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.buckets import CREDENTIALS, endpoint

from benchmarks.kills_sources import (
    MARK,
    PEOPLE,
    RECORDS_OF_SUBJECT,
    SUBJECT,
    Places,
    create_bucket,
    fill_bucket,
    look,
    open_client,
    redacted,
    rows,
    write_files,
)


def test_the_records_of_the_subject_are_scattered_and_marked() -> None:
    found = rows("a")
    assert len(found) == PEOPLE == len({row["id"] for row in found})
    theirs = [at for at, row in enumerate(found) if row["name"] == SUBJECT["name"]]
    assert len(theirs) == RECORDS_OF_SUBJECT
    assert theirs != list(range(theirs[0], theirs[0] + RECORDS_OF_SUBJECT))
    marked = [row for row in found if MARK.decode() in row.values()]
    assert len(marked) == RECORDS_OF_SUBJECT


def test_records_are_the_same_every_time_and_differ_by_place() -> None:
    assert rows("a") == rows("a") != rows("b")


def test_what_is_redacted_is_all_that_changes() -> None:
    theirs = next(row for row in rows("n") if row["name"] == SUBJECT["name"])
    after = redacted(theirs, "n")
    assert MARK.decode() in theirs.values()
    assert (after["name"], after["email"]) == ("[redacted]", "[redacted]")
    assert after["text"] == theirs["text"].removesuffix("Ada Killjoy") + "[redacted]"
    assert after["id"] == theirs["id"]
    other = next(row for row in rows("n") if row["name"] != SUBJECT["name"])
    assert redacted(other, "n") == other


@pytest.mark.integration
def test_what_is_left_lost_changed_or_lies_about_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    places = Places(folder=tmp_path, client=open_client(endpoint()))
    create_bucket(places.client)
    write_files(places)
    fill_bucket(places)
    before = look(places)
    # Nothing was erased: twenty records in each of ten places, and bytes of each.
    assert before.left > 10 * RECORDS_OF_SUBJECT
    lines = places.lines / "a.jsonl"
    _, second, *rest = (
        line
        for line in lines.read_bytes().splitlines(keepends=True)
        if MARK not in line
    )
    theirs = [
        line for line in lines.read_bytes().splitlines(keepends=True) if MARK in line
    ]
    changed = json.dumps({**json.loads(second), "text": "another"}).encode() + b"\n"
    lines.write_bytes(b"".join([changed, *rest, *theirs]))
    (tmp_path / "a.replacing").touch()
    assert look(places) == replace(
        before,
        lost=before.lost + 1,
        changed=before.changed + 2,
        leftovers=before.leftovers + 1,
    )
