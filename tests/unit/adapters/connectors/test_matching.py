import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sources import source_spec, subject, write_jsonl, write_parquet

from unlearn_core.adapters.connectors.arrow import DatasetConnector
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.matching import (
    Match,
    PeopleMatcher,
    search,
    search_each,
)
from unlearn_core.adapters.connectors.parquet import ParquetConnector
from unlearn_core.adapters.connectors.specification import Row
from unlearn_core.adapters.connectors.sql import SqlConnector
from unlearn_core.domain.subjects import DataSubject, IdentifierKind, normalise
from unlearn_core.ports.storage import SourceConnector

NAME, EMAIL = IdentifierKind.NAME, IdentifierKind.EMAIL
PHONE, NUMBER = IdentifierKind.PHONE, IdentifierKind.CUSTOMER_NUMBER

FULL_WIDTH = "\uff21\uff24\uff21\u00a0 example"
"""ADA in the wide letters of East Asian keyboards, then two kinds of space."""

CERTAIN: tuple[tuple[Mapping[str, object], tuple[IdentifierKind, ...]], ...] = (
    # Columns, in whatever spelling.
    ({"name": "Ada Example"}, (NAME,)),
    ({"name": FULL_WIDTH}, (NAME,)),
    ({"customer": "c-1001"}, (NUMBER,)),
    ({"customer": " C-1001 "}, (NUMBER,)),
    ({"name": "Ada Example", "customer": "C-1001"}, (NUMBER, NAME)),
    ({"name": "Ada Married", "customer": "C-1001"}, (NUMBER,)),
    ({"name": "Ada Example", "customer": None}, (NAME,)),
    # Text.
    ({"note": "I spoke to ADA\n  EXAMPLE, today."}, (NAME,)),
    ({"note": f"signed {FULL_WIDTH}"}, (NAME,)),
    ({"note": "write to ada@example.org!"}, (EMAIL,)),
    ({"note": "(C-1001)"}, (NUMBER,)),
    ({"notes": [{"text": "Ada Example"}, 7, None]}, (NAME,)),
    ({"customer": "C-1002", "note": "C-1001 gave this number"}, (NUMBER,)),
    ({"note": "+49 731 555 0100"}, (PHONE,)),
    ({"note": "call (0731) 555/01-00, or 0731 5550100."}, (PHONE,)),
    ({"note": "ada+letters@EXAMPLE.org"}, (EMAIL,)),
    ({"note": "C 1001"}, (NUMBER,)),
    # Keys.
    ({"ada@example.org": {"city": "Ulm"}}, (EMAIL,)),
    ({"people": [{"Ada Example": 1}]}, (NAME,)),
    # Order and columns.
    ({"name": "Example, Ada"}, (NAME,)),
    ({"note": "EXAMPLE, ADA"}, (NAME,)),
    ({"first": "Ada", "last": "Example"}, (NAME,)),
    ({"note": "A. Example, C-1001"}, (NUMBER, NAME)),
)

NONE: tuple[Mapping[str, object], ...] = (
    {},
    {"name": "Ada Examples"},
    {"name": "Ada"},
    {"customer": "C-10011"},
    {"note": "Nevada Example and Ada Exampleton"},
    {"note": "ada@example.organic, nada@example.org"},
    {"note": "C-10011 and XC-1001"},
    {"note": 1001},
    # What every row of a table has, and is empty in this one.
    {"ada@example.org": None, "people": {"Ada Example": ""}},
    {"note": "+49 731 555 0101 and 0100"},
    # A first name at the end of one text, a surname at the beginning of the next.
    {"note": "by Ada", "comment": "Example of a text"},
)

DOUBTFUL: tuple[Mapping[str, object], ...] = (
    {"name": "Ada Example", "customer": "C-1002"},
    {"customer": "C-1002", "note": "a friend of Ada Example"},
    {"name": "Ben Muster", "note": "a friend of Ada Example"},
    {"note": "Yours, A. Example"},
    {"name": "Example, A."},
    # Nobody here is called Ada Example.
    {"note": "present: Ben Example, Ada Muster"},
)

ADA = subject(
    name="Ada Example",
    customer_number="C-1001",
    email="Ada@Example.org",
    phone="+49 731 5550100",
)


DECIDES = source_spec(reviews_names=False)
"""A source in which a name alone decides."""


def match(person: DataSubject, row: Row) -> Match:
    """Compare a row with one person, where a name alone decides."""
    return PeopleMatcher([person], DECIDES).match(row).get(0, Match())


@pytest.mark.parametrize(("row", "kinds"), CERTAIN)
def test_a_row_about_the_subject_matches(
    row: Row, kinds: tuple[IdentifierKind, ...]
) -> None:
    found = match(ADA, row)
    assert (found.kinds, found.is_certain) == (kinds, True)


@pytest.mark.parametrize("row", NONE)
def test_a_row_about_somebody_else_does_not_match(row: Row) -> None:
    assert match(ADA, row).kinds == ()


@pytest.mark.parametrize("row", DOUBTFUL)
def test_a_name_that_other_identifiers_contradict_is_uncertain(row: Row) -> None:
    found = match(ADA, row)
    assert (found.kinds, found.is_certain) == ((NAME,), False)


@pytest.mark.parametrize(
    ("identifiers", "said"),
    [
        ({"handle": "sunshine"}, "What a sunshine!"),
        ({"customer_number": "BERLIN"}, "Berlin is far"),
        ({"customer_number": "A---"}, "such a day"),
        ({"phone": "555 010"}, "invoice 555010 is due"),
        ({"name": "Muster -", "handle": "@m_"}, "The Muster is clear."),
        ({"name": "A I", "handle": "@m_"}, "what a. I do not know"),
    ],
)
def test_what_may_be_an_ordinary_word_is_uncertain(
    identifiers: dict[str, object], said: str
) -> None:
    person = subject(**({"name": "Ben Probe"} | identifiers))
    found = match(person, {"note": said})
    assert (bool(found.hits), found.is_certain) == (True, False)


def test_a_key_that_the_data_map_names_is_nobodys_handle() -> None:
    person = subject(name="Ben Probe", handle="question")
    spec = source_spec()
    matcher = PeopleMatcher([person], spec)
    assert matcher.match({"question": "What?"}) == {}
    assert matcher.match({"turns": [{"question": "What?"}]}) == {}
    (found,) = PeopleMatcher([person], replace(spec, passages=())).match(
        {"question": "What?"}
    )
    assert found == 0


def test_a_long_key_is_searched_and_not_kept_in_memory() -> None:
    matcher = PeopleMatcher([ADA], source_spec())
    for at in range(3):
        assert matcher.match({f"{'x' * 300} {at} ada@example.org": 1})[0].is_certain
    assert matcher._in_key.cache_info().currsize == 0


def test_a_key_is_named_as_the_place_and_goes_with_the_record() -> None:
    match = PeopleMatcher([ADA], source_spec()).match({"c": {"ada@example.org": 1}})[0]
    assert list(map(str, match.hits)) == ["email canonical in a key"]
    assert match.columns == {"id"}


def test_a_marked_handle_and_an_odd_one_are_no_ordinary_words() -> None:
    for handle, said in (("sunshine", "by @sunshine"), ("sun_shine", "by sun_shine")):
        person = subject(name="Ben Probe", handle=handle)
        assert match(person, {"note": said}).is_certain


def test_an_ordinary_word_does_not_weaken_a_name() -> None:
    person = subject(name="Ben Probe", handle="sunshine")
    assert match(person, {"note": "Ben Probe likes sunshine"}).is_certain


def test_a_name_that_was_typed_with_many_spaces_is_one() -> None:
    person = subject(name="Ada" + " " * 20 + "Example", customer_number="C-1001")
    assert match(person, {"note": "It was Ada Example."}).kinds == (NAME,)


def test_a_mail_address_in_text_outweighs_a_foreign_number() -> None:
    row = {"customer": "C-1002", "note": "Ada Example, ada@example.org"}
    found = match(ADA, row)
    assert (found.kinds, found.is_certain) == ((EMAIL, NAME), True)


def test_one_of_several_names_is_enough() -> None:
    renamed = subject(name=["Ada Example", "Ada Muster"], customer_number="C-1001")
    for name in ("Ada Example", "Ada Muster"):
        assert match(renamed, {"name": name}).kinds == (NAME,)
        assert match(renamed, {"note": f"It was {name}."}).kinds == (NAME,)


@pytest.mark.parametrize("written", ["Zo\u00eb Example", "Zoe\u0308 Example"])
def test_accents_are_found_composed_and_decomposed(written: str) -> None:
    zoe = subject(name="Zo\u00eb Example", customer_number="C-1001")
    assert match(zoe, {"note": f"It was {written}."}).kinds == (NAME,)
    assert match(zoe, {"name": written}).kinds == (NAME,)


def test_signs_of_a_pattern_in_an_identifier_mean_themselves() -> None:
    odd = subject(name="A. (B) *", customer_number="C-1001")
    assert match(odd, {"note": "seen: A. (B) *"}).kinds == (NAME,)
    assert match(odd, {"note": "seen: Ax (B) *"}).kinds == ()


@given(
    before=st.text(alphabet=" .,;:!?\"'()\n", max_size=3),
    after=st.text(alphabet=" .,;:!?\"'()\n", max_size=3),
    spaces=st.text(alphabet=" \t\n\u00a0", min_size=1, max_size=3),
    upper=st.lists(st.booleans(), min_size=11, max_size=11),
)
def test_a_name_is_found_in_text_however_it_is_spaced_and_cased(
    before: str, after: str, spaces: str, upper: list[bool]
) -> None:
    cased = "".join(
        letter.upper() if is_upper else letter.lower()
        for letter, is_upper in zip("Ada Example", upper, strict=True)
    )
    row = {"note": before + cased.replace(" ", spaces) + after}
    assert match(ADA, row).kinds == (NAME,)


@given(
    st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=3)
    # Some letters fold into a letter and a sign, which ends a word.
    .filter(lambda letters: normalise(NAME, letters).isalnum())
)
def test_a_name_inside_a_longer_word_is_not_found(letters: str) -> None:
    for text in (f"Ada Example{letters}", f"{letters}Ada Example"):
        assert match(ADA, {"note": text}).kinds == ()


def test_a_search_counts_every_row_once() -> None:
    rows: list[Row | None] = [
        {"id": 1, "name": "Ada Example"},
        {"id": 2, "name": "Ada Example", "customer": "C-1002"},
        {"id": 3, "name": "Ben Muster"},
        {"name": "Ada Example"},
        None,
    ]
    result = search(rows, ADA, DECIDES)
    assert [record.record_id for record in result.records] == ["1"]
    assert (result.searched, result.uncertain, result.unreadable) == (3, 1, 2)
    assert not result.is_complete


def test_a_row_says_of_everybody_why_it_matches() -> None:
    ben = subject(name="Ben Muster", customer_number="C-1002", handle="@ben_m")
    row = {
        "name": "Muster, Ben",
        "customer": "c 1002",
        "note": "@ben_m saw A. Example (mail: ada+x@example.org)",
    }
    found = PeopleMatcher([ADA, ben], source_spec()).match(row)
    assert {person: list(map(str, why.hits)) for person, why in found.items()} == {
        0: ["email canonical in text", "name initials in text"],
        1: [
            "customer_number canonical in customer",
            "handle canonical in text",
            "name order in name",
        ],
    }


def test_a_name_alone_decides_nothing_unless_the_source_says_so() -> None:
    matcher = PeopleMatcher([ADA], source_spec())
    assert not matcher.match({"name": "Ada Example"})[0].is_certain
    assert not matcher.match({"note": "Ada Example was here"})[0].is_certain
    assert matcher.match({"note": "Ada Example, ada@example.org"})[0].is_certain
    assert matcher.match({"name": "Ada Example", "customer": "C-1001"})[0].is_certain
    decides = PeopleMatcher([ADA], DECIDES)
    assert decides.match({"name": "Ada Example"})[0].is_certain
    assert decides.match({"note": "Ada Example was here"})[0].is_certain


def test_a_search_for_several_people_gives_a_result_each() -> None:
    ben = subject(name="Ben Muster", customer_number="C-1002")
    rows: list[Row | int | None] = [
        {"id": 1, "name": "Ada Example", "note": "Ben Muster"},
        {"id": 2, "name": "Ben Muster", "customer": "C-1002"},
        40,
    ]
    spec = DECIDES
    ada, other = search_each(rows, PeopleMatcher([ADA, ben], spec), spec)
    assert [record.record_id for record in ada.records] == ["1"]
    assert [record.record_id for record in other.records] == ["2"]
    assert [record.record_id for record in other.doubtful] == ["1"]
    assert ada.searched == other.searched == 42
    assert other.records[0].why == (
        "customer_number canonical in customer",
        "name as_written in name",
    )


def test_what_shares_its_identifier_with_a_doubtful_record_is_doubtful_too() -> None:
    """Erasing one would erase the other."""
    rows: list[Row] = [
        {"id": "r-1", "customer": "C-1001"},
        {"id": "r-2", "customer": "C-1001"},
        {"id": "r-1", "name": "Ada Example", "customer": "C-1002"},
    ]
    found = search(rows, ADA, replace(source_spec(), passages=()))
    assert [item.record_id for item in found.records] == ["r-2"]
    assert [item.record_id for item in found.doubtful] == ["r-1", "r-1"]


def test_a_match_knows_its_columns() -> None:
    matcher = PeopleMatcher([subject()], source_spec())
    parts = {"note": "x", "first": "Ada", "last": "Example"}
    found = matcher.match({"id": "1", "customer": "C-1001", **parts})
    assert found[0].columns == {"customer", "first", "last"}
    found = matcher.match({"id": "1", "note": ["by Ada Example"]})
    assert found[0].columns == {"note"}


@pytest.mark.parametrize("empty", ["", "   ", "-", "@", "\u200b", None])
def test_an_empty_identifier_of_a_row_is_nobodys(empty: str | None) -> None:
    everything = subject(
        name="Ada Example",
        email="ada@post.example",
        phone="+49 170 1234567",
        handle="@ada_x",
        customer_number="C-1001",
    )
    for kind in IdentifierKind:
        spec = replace(source_spec(), identifiers={kind: "it"})
        matcher = PeopleMatcher([everything], spec)
        assert matcher.match({"id": "1", "it": empty, "note": empty or ""}) == {}


NUMBERED = subject(
    name="Ada Example", customer_number="4711234", phone="+49 731 555 0100"
)


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        ({"account": 4711234}, (NUMBER,)),
        ({"account": 4711234.0}, (NUMBER,)),
        ({"account": Decimal("4711234.00")}, (NUMBER,)),
        ({"of": {"all": [{"account": 4711234}]}}, (NUMBER,)),
        ({"mobile": 497315550100}, (PHONE,)),
        ({"account": 4711234.5}, ()),
        ({"account": float("inf")}, ()),
        ({"account": 47112345}, ()),
        ({"tokens": [4711234]}, ()),
        ({"is_new": True}, ()),
    ],
)
def test_what_is_kept_as_a_number_is_found_and_uncertain(
    row: Row, kinds: tuple[IdentifierKind, ...]
) -> None:
    found = PeopleMatcher([NUMBERED], source_spec()).match(row).get(0, Match())
    assert found.kinds == kinds
    assert found.is_certain == (not kinds)


@pytest.mark.parametrize("value", [4711234, 4711234.0, Decimal("4711234.00")])
def test_a_number_in_its_own_column_is_certain(value: object) -> None:
    found = PeopleMatcher([NUMBERED], source_spec()).match({"customer": value})
    assert found[0].is_certain


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow", "sql"])
def test_a_number_is_found_in_every_kind_of_source(tmp_path: Path, kind: str) -> None:
    rows = [
        {
            "id": f"r{number}",
            "account": number,
            "score": number / 2,
            "of": {"n": number},
        }
        for number in range(4711230, 4711240)
    ]
    spec = source_spec(kind, tmp_path / "people")
    connector: SourceConnector
    match kind:
        case "jsonl":
            write_jsonl(tmp_path / "people", rows)
            connector = JsonLinesConnector(spec)
        case "parquet":
            write_parquet(tmp_path / "people", rows)
            connector = ParquetConnector(spec)
        case "arrow":
            table = pa.Table.from_pylist(rows)
            (tmp_path / "people").mkdir()
            path = tmp_path / "people" / "data.arrow"
            with pa.ipc.new_stream(path, table.schema) as stream:
                stream.write_table(table)
            connector = DatasetConnector(spec)
        case _:
            url = f"sqlite:///{tmp_path / 'people'}"
            with sqlite3.connect(tmp_path / "people") as database:
                database.execute("CREATE TABLE people (id TEXT, account INTEGER)")
                database.executemany(
                    "INSERT INTO people VALUES (:id, :account)",
                    [{"id": row["id"], "account": row["account"]} for row in rows],
                )
            connector = SqlConnector(replace(spec, location=url, table="people"))
    found = connector.locate(subject(name="Ada Example", customer_number="4711236"))
    assert found.records == ()
    assert [record.record_id for record in found.doubtful] == ["r4711236"]
    found = connector.locate(subject(name="Ada Example", customer_number="2355618"))
    has_half = kind != "sql"
    assert [item.record_id for item in found.doubtful] == ["r4711236"] * has_half
