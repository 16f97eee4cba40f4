from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sources import source_spec, subject

from unlearn_core.adapters.connectors.matching import SubjectMatcher, search
from unlearn_core.adapters.connectors.specification import Row
from unlearn_core.domain.subjects import IdentifierKind, normalise

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
)

NONE: tuple[Mapping[str, object], ...] = (
    {},
    {"name": "Ada Examples"},
    {"name": "Example Ada"},
    {"name": "Ada"},
    {"customer": "C-10011"},
    {"note": "Nevada Example and Ada Exampleton"},
    {"note": "ada@example.organic, nada@example.org"},
    {"note": "C-10011 and XC-1001"},
    {"note": 1001},
    # Phone numbers are not searched in text: any long number might be one.
    {"note": "+49 731 555 0100"},
)

DOUBTFUL: tuple[Mapping[str, object], ...] = (
    {"name": "Ada Example", "customer": "C-1002"},
    {"customer": "C-1002", "note": "a friend of Ada Example"},
    {"name": "Ben Muster", "note": "a friend of Ada Example"},
)

ADA = subject(
    name="Ada Example",
    customer_number="C-1001",
    email="Ada@Example.org",
    phone="+49 731 5550100",
)


@pytest.mark.parametrize(("row", "kinds"), CERTAIN)
def test_a_row_about_the_subject_matches(
    row: Row, kinds: tuple[IdentifierKind, ...]
) -> None:
    match = SubjectMatcher(ADA, source_spec()).match(row)
    assert (match.kinds, match.is_certain) == (kinds, True)


@pytest.mark.parametrize("row", NONE)
def test_a_row_about_somebody_else_does_not_match(row: Row) -> None:
    assert SubjectMatcher(ADA, source_spec()).match(row).kinds == ()


@pytest.mark.parametrize("row", DOUBTFUL)
def test_a_name_that_other_identifiers_contradict_is_uncertain(row: Row) -> None:
    match = SubjectMatcher(ADA, source_spec()).match(row)
    assert (match.kinds, match.is_certain) == ((NAME,), False)


def test_a_mail_address_in_text_outweighs_a_foreign_number() -> None:
    row = {"customer": "C-1002", "note": "Ada Example, ada@example.org"}
    match = SubjectMatcher(ADA, source_spec()).match(row)
    assert (match.kinds, match.is_certain) == ((EMAIL, NAME), True)


def test_one_of_several_names_is_enough() -> None:
    renamed = subject(name=["Ada Example", "Ada Muster"], customer_number="C-1001")
    matcher = SubjectMatcher(renamed, source_spec())
    for name in ("Ada Example", "Ada Muster"):
        assert matcher.match({"name": name}).kinds == (NAME,)
        assert matcher.match({"note": f"It was {name}."}).kinds == (NAME,)


@pytest.mark.parametrize("written", ["Zo\u00eb Example", "Zoe\u0308 Example"])
def test_accents_are_found_composed_and_decomposed(written: str) -> None:
    matcher = SubjectMatcher(
        subject(name="Zo\u00eb Example", customer_number="C-1001"), source_spec()
    )
    assert matcher.match({"note": f"It was {written}."}).kinds == (NAME,)
    assert matcher.match({"name": written}).kinds == (NAME,)


def test_signs_of_a_pattern_in_an_identifier_mean_themselves() -> None:
    odd = subject(name="A. (B) *", customer_number="C-1001")
    matcher = SubjectMatcher(odd, source_spec())
    assert matcher.match({"note": "seen: A. (B) *"}).kinds == (NAME,)
    assert matcher.match({"note": "seen: Ax (B) *"}).kinds == ()


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
    assert SubjectMatcher(ADA, source_spec()).match(row).kinds == (NAME,)


@given(
    st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=3)
    # Some letters fold into a letter and a sign, which ends a word.
    .filter(lambda letters: normalise(NAME, letters).isalnum())
)
def test_a_name_inside_a_longer_word_is_not_found(letters: str) -> None:
    matcher = SubjectMatcher(ADA, source_spec())
    for text in (f"Ada Example{letters}", f"{letters}Ada Example"):
        assert matcher.match({"note": text}).kinds == ()


def test_a_search_counts_every_row_once() -> None:
    rows: list[Row | None] = [
        {"id": 1, "name": "Ada Example"},
        {"id": 2, "name": "Ada Example", "customer": "C-1002"},
        {"id": 3, "name": "Ben Muster"},
        {"name": "Ada Example"},
        None,
    ]
    result = search(rows, ADA, source_spec())
    assert [record.record_id for record in result.records] == ["1"]
    assert (result.searched, result.uncertain, result.unreadable) == (3, 1, 2)
    assert not result.is_complete
