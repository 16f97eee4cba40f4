import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sources import source_spec, write_jsonl, write_table

from unlearn_core.adapters.connectors import quoting
from unlearn_core.adapters.connectors.copies import Copies
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.quoting import Quotes, runs_in
from unlearn_core.adapters.connectors.sieve import Sieve
from unlearn_core.adapters.connectors.specification import Row
from unlearn_core.adapters.connectors.sql import SqlConnector
from unlearn_core.domain.sources import LONGEST_TEXT, SourceRecord

SPEC = replace(source_spec(), passages=(), reviews_quotes=True)
WORDS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
STORY = " ".join(WORDS)
"""Twelve words: eight runs of five."""


def original(text: str = STORY) -> SourceRecord:
    return SPEC.record({"id": "r-1", "answer": text}, why=("email as_written in text",))


def quotes(*originals: SourceRecord) -> Copies:
    """Return what finds quotes of records, and no other copies."""
    return Copies(originals, Quotes(originals))


def reasons(*texts: str, of: str = STORY) -> list[str]:
    rows: Sequence[Row] = [
        {"id": f"q-{at}", "answer": text} for at, text in enumerate(texts)
    ]
    found = quotes(original(of)).find(rows, SPEC)
    return [f"{record.record_id} {record.why[0]}" for record in found]


def test_runs_are_five_words_in_the_form_that_spellings_share() -> None:
    assert runs_in(["One  two,\nTHREE-four f\u00edve six", "too short a text"]) == {
        "one two three four five",
        "two three four five six",
    }


@pytest.mark.parametrize(
    ("text", "similarity"),
    [
        (STORY, "1.00"),
        (STORY.upper().replace(" ", ", "), "1.00"),
        # All 8 runs of the original are among the 16 of the record.
        ("a b c d " + STORY + " e f g h", "1.00"),
        # Eight words: 4 runs, all shared.
        (" ".join(WORDS[2:10]), "1.00"),
        # Words 1 to 8 have 4 of the original's 8 runs; the record has 12.
        (" ".join(WORDS[:8]) + " a b c d e f g h", "0.50"),
        # The first word is wrong: 7 of 8 runs are left.
        ("uno " + " ".join(WORDS[1:]), "0.88"),
    ],
)
def test_a_quote_is_found_with_what_and_how_much(text: str, similarity: str) -> None:
    assert reasons(text) == [f"q-0 quotes r-1 similarity {similarity}"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ".join(WORDS[:7]),
        " ".join(reversed(WORDS)),
        " ".join(word if at % 5 else "x" for at, word in enumerate(WORDS)),
    ],
)
def test_what_shares_too_little_is_no_quote(text: str) -> None:
    assert reasons(text) == []


def test_twelve_words_in_one_piece_are_a_quote_whatever_stands_around() -> None:
    words = [f"w{number}" for number in range(100)]
    around = " ".join(f"x{number}" for number in range(100))
    assert reasons(f"{around} {' '.join(words[:12])}", of=" ".join(words)) == [
        # 8 of 96 runs.
        "q-0 quotes r-1 similarity 0.08"
    ]
    assert reasons(f"{around} {' '.join(words[:11])}", of=" ".join(words)) == []


def test_common_text_is_no_quote_and_hides_none() -> None:
    form = "please tell us in your own words what has happened on that day"
    told = f"{form} {STORY}"
    assert reasons(*[f"{form} {at}" for at in range(20)], of=told) != []
    common = [f"{form} {at}" for at in range(21)]
    (found,) = reasons(*common, STORY, of=told)
    assert found.startswith("q-21 quotes r-1")


def test_versions_of_one_record_are_one_quote_and_no_common_text() -> None:
    rows = [{"id": "q", "answer": f"{STORY} version {at}"} for at in range(30)]
    whole = {"id": "q", "answer": f"{STORY} {STORY}"}
    (found,) = quotes(original(f"{STORY} {STORY}")).find([*rows, whole], SPEC)
    # The last version shares also the runs in which the story begins anew.
    assert found.texts["answer"].reveal() == whole["answer"]


def test_a_quote_is_found_however_late_it_stands() -> None:
    (found,) = reasons("word " * LONGEST_TEXT + STORY)
    assert found.startswith("q-0 quotes r-1")


def test_originals_are_no_quotes_of_themselves() -> None:
    rows = [{"id": "r-1", "answer": STORY}]
    assert quotes(original()).find(rows, SPEC) == []


def test_the_original_that_is_quoted_most_is_named() -> None:
    other = SPEC.record({"id": "r-2", "answer": " ".join(WORDS[:8])}, why=("x",))
    rows = [{"id": "q", "answer": " ".join(WORDS[:8]) + " a b c d e f"}]
    (found,) = quotes(original(), other).find(rows, SPEC)
    assert found.why == ("quotes r-2 similarity 1.00",)


@settings(max_examples=10)
@given(
    st.lists(
        st.sampled_from([*WORDS, "\u00fcber", "na\u00efve"]), min_size=8, max_size=30
    ),
    st.sampled_from([" ", ", ", "\n", " -- "]),
)
def test_the_search_of_raw_bytes_misses_no_quote(words: list[str], gap: str) -> None:
    """Whatever is found by looking at every record is found behind the sieve."""
    told = original(" ".join(words))
    row = {"id": "q", "answer": gap.join(words), "question": "x"}
    for is_ascii in (True, False):
        line = json.dumps(row, ensure_ascii=is_ascii).encode() + b"\n"
        sieve = Sieve(quotes(told))
        sifted = list(sieve.sift(io.BytesIO(line)))
        if quotes(told).find([row], SPEC):
            assert sifted == [line]


def test_connectors_look_if_the_data_map_says_so(tmp_path: Path) -> None:
    rows = [
        {"id": "q-1", "answer": STORY},
        {"id": "q-2", "answer": "nothing of the kind"},
    ]
    full = [
        {**dict.fromkeys(("name", "customer", "city", "question"), ""), **row}
        for row in rows
    ]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    url = write_table(f"sqlite:///{tmp_path / 'a.db'}", full)
    for asked in (True, False):
        spec = replace(SPEC, reviews_quotes=asked)
        lines = JsonLinesConnector(replace(spec, kind="jsonl", location=str(path)))
        table = SqlConnector(replace(spec, kind="sql", location=url, table="customers"))
        for source in (lines, table):
            found = [record.record_id for record in source.quoting([original()])]
            assert found == ["q-1"] * asked


def test_very_many_runs_are_compared_record_by_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quoting, "MOST_PROBES", 7)
    path = write_jsonl(tmp_path / "a.jsonl", [{"id": "q-1", "answer": STORY}])
    assert not Quotes([original()]).are_few
    spec = replace(SPEC, kind="jsonl", location=str(path))
    (found,) = JsonLinesConnector(spec).quoting([original()])
    assert found.record_id == "q-1"
