import json
from dataclasses import replace

import pytest
from support.domain import passage, record

from unlearn_core.domain.datasets import Form
from unlearn_core.domain.sources import (
    SearchResult,
    SourceDescription,
    SourceRecord,
    records_from_bytes,
    records_from_pieces,
    records_to_bytes,
)
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.privacy import Personal


def full_record() -> SourceRecord:
    return SourceRecord(
        source="tickets",
        record_id="t-9",
        matched=(IdentifierKind.EMAIL, IdentifierKind.NAME),
        name=Personal("Ada Example"),
        fields={"city": Personal("Ulm")},
        passages=(
            replace(
                passage("Ada lives in", " Ulm.", form=Form.CONTINUATION),
                paraphrases=(Personal("Ada moved to"),),
            ),
        ),
    )


def test_records_are_the_same_after_writing_and_reading() -> None:
    matched = replace(
        full_record(),
        why=("name as_written in text",),
        texts={"text": Personal("We met Ada Example.")},
        is_held=True,
        is_redacted=True,
        is_former=True,
    )
    records = (full_record(), record("r-2", name=None), matched)
    assert records_from_bytes(records_to_bytes(records)) == records
    assert records_from_bytes(records_to_bytes([])) == ()


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_records_are_read_from_pieces_of_any_size(size: int) -> None:
    records = (full_record(), record("r-2", name=None))
    data = records_to_bytes(records)
    pieces = (data[begin : begin + size] for begin in range(0, len(data), size))
    assert tuple(records_from_pieces(pieces)) == records


def test_a_list_in_one_line_is_read_as_it_was_sealed_before() -> None:
    records = (full_record(), record("r-2", name=None))
    listed = b"[" + b",".join(records_to_bytes(records).splitlines()) + b"]"
    assert records_from_bytes(listed) == records
    assert records_from_bytes(b"[]") == ()


def test_the_written_form_is_fixed() -> None:
    assert json.loads(records_to_bytes([full_record()])) == {
        "source": "tickets",
        "record_id": "t-9",
        "matched": ["email", "name"],
        "name": "Ada Example",
        "fields": {"city": "Ulm"},
        "passages": [
            {
                "field": "city",
                "form": "continuation",
                "prompt": "Ada lives in",
                "answer": " Ulm.",
                "paraphrases": ["Ada moved to"],
            }
        ],
    }


def test_a_record_shows_its_place_and_nothing_of_the_person() -> None:
    shown = repr(full_record())
    assert "t-9" in shown
    assert "Ada" not in shown
    assert "Ulm" not in shown


@pytest.mark.parametrize(
    ("unreadable", "uncertain", "is_complete"),
    [(0, 0, True), (1, 0, False), (0, 1, False), (2, 3, False)],
)
def test_a_search_is_complete_if_nothing_is_unread_or_undecided(
    unreadable: int, uncertain: int, *, is_complete: bool
) -> None:
    result = SearchResult(
        source="tickets",
        records=(),
        searched=10,
        unreadable=unreadable,
        doubtful=(full_record(),) * uncertain,
    )
    assert (result.is_complete, result.uncertain) == (is_complete, uncertain)


def test_a_search_that_says_nothing_of_doubts_has_none() -> None:
    result = SearchResult(source="tickets", records=(), searched=0, unreadable=0)
    assert result.is_complete


def test_a_description_says_whether_records_may_be_deleted() -> None:
    archive = SourceDescription(name="archive", kind="jsonl", is_erasable=False)
    assert not archive.is_erasable


@pytest.mark.parametrize(
    ("found", "doubtful", "searched", "expected"),
    [
        (20, 0, 40, True),
        (10, 10, 40, True),
        (20, 0, 41, False),
        (19, 0, 19, False),
        (0, 0, 0, False),
    ],
)
def test_half_of_a_source_is_too_much_for_one_person(
    found: int, doubtful: int, searched: int, *, expected: bool
) -> None:
    records = tuple(record(f"r-{number}") for number in range(found + doubtful))
    result = SearchResult(
        source="s",
        records=records[:found],
        doubtful=records[found:],
        searched=searched,
        unreadable=0,
    )
    assert result.is_too_much is expected
