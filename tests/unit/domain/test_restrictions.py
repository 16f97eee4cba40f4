from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.domain import BASE_MODEL, NOW

from unlearn_core.domain.restrictions import (
    BLOCK_BYTES,
    RestrictionList,
    named,
    read_people,
    write_people,
)
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.errors import DowngradeRefusedError, ManifestInvalidError

LIST = RestrictionList(
    base_model=BASE_MODEL,
    version=7,
    issued_at=NOW,
    expires_at=NOW + timedelta(hours=24),
    people=b"sealed",
)
ADA = parse_subject({"name": "Ada Example", "email": ["a@x.example", "b@x.example"]})


def test_the_written_form_is_fixed() -> None:
    assert LIST.to_json() == {
        "format": "unlearn/restrictions/v1",
        "base_model": "small-world",
        "version": 7,
        "issued_at": "2026-03-02T09:30:00+00:00",
        "expires_at": "2026-03-03T09:30:00+00:00",
        "people": "c2VhbGVk",
    }
    assert RestrictionList.from_json(LIST.to_json()) == LIST


@pytest.mark.parametrize(
    "change",
    [
        {"format": "unlearn/restrictions/v2"},
        {"version": "many"},
        {"version": None},
        {"issued_at": "2026-03-02T09:30:00"},
        {"expires_at": "soon"},
        {"people": "not base64!"},
        {"people": None},
    ],
)
def test_a_malformed_list_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ManifestInvalidError):
        RestrictionList.from_json(LIST.to_json() | change)


def test_a_list_does_not_go_back() -> None:
    LIST.check_follows(None)
    LIST.check_follows(LIST)
    replace(LIST, version=8).check_follows(LIST)
    with pytest.raises(DowngradeRefusedError):
        replace(LIST, version=6).check_follows(LIST)
    with pytest.raises(DowngradeRefusedError):
        replace(LIST, issued_at=NOW - timedelta(seconds=1)).check_follows(LIST)


def test_people_are_read_as_they_were_written_and_fill_whole_blocks() -> None:
    people = (ADA, named("Ida Unbekannt"))
    read = read_people(write_people(people))
    assert [who.to_plain() for who in read] == [who.to_plain() for who in people]
    assert read_people(write_people([])) == ()
    sizes = [len(write_people([ADA] * count)) for count in (0, 1, 5, 40)]
    assert [size % BLOCK_BYTES for size in sizes] == [0, 0, 0, 0]
    # How many there are does not show before a block is full.
    assert sizes[1] == sizes[2] == BLOCK_BYTES < sizes[3]


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'[{"shoe": ["43"]}]', b"[[1]]"])
def test_what_is_no_list_of_people_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestInvalidError):
        read_people(data)
