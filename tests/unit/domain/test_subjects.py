import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.domain.subjects import (
    IdentifierKind,
    SubjectIdentifier,
    normalise,
    parse_subject,
)
from unlearn_core.errors import InvalidIdentifierError
from unlearn_core.privacy import Personal, Pseudonymiser

ADA = {"name": "Ada Example", "email": "ada@mail.example"}
KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("kind", "spellings", "canonical"),
    [
        (
            "name",
            ["Ada Example", "  ada\u00a0 EXAMPLE ", "\uff21da Example"],
            "ada example",
        ),
        ("name", ["Jos\u00e9 Roth", "Jose\u0301 ROTH"], "jos\u00e9 roth"),
        ("name", ["Uwe Stra\u00dfe", "UWE STRASSE"], "uwe strasse"),
        ("name", ["Eva \u03ca\u0301s", "EVA \u03aa\u0301S"], "eva \u0390s"),
        ("email", ["Ada@Mail.Example", " ada@mail.example"], "ada@mail.example"),
        (
            "phone",
            [
                "+49 30 123456",
                "0049 30 123456",
                "+49-30/123 456",
                "+49 (30) 123456",
                "+49 (0)30 123456",
                "0049 (0) 30 123456",
                "\uff0b49 30 123456",
            ],
            "+4930123456",
        ),
        ("phone", ["030 123456", "(0)30 123456", "030/12 34 56"], "030123456"),
        ("customer_number", ["ab 12-34", "AB12-34", "a b 1 2-3 4"], "AB12-34"),
        ("handle", ["@Ada_X", " @ada_x "], "@ada_x"),
    ],
)
def test_spellings_of_one_identifier_share_one_form(
    kind: str, spellings: list[str], canonical: str
) -> None:
    forms = {normalise(IdentifierKind(kind), text) for text in spellings}
    assert forms == {canonical}


@given(st.sampled_from(IdentifierKind), st.text(max_size=30))
def test_what_is_accepted_is_in_its_form_after_one_pass(
    kind: IdentifierKind, text: str
) -> None:
    try:
        subject = parse_subject({"name": "Ada Example", "email": "a@b.c", kind: [text]})
    except InvalidIdentifierError:
        return
    canonical = subject.identifiers[-1].canonical.reveal()
    assert normalise(kind, canonical) == canonical


def test_a_subject_keeps_values_as_submitted_and_in_order() -> None:
    subject = parse_subject(
        {"name": "Ada Example", "phone": ["030 123456", "030 654321"]}
    )
    assert subject.of_kind(IdentifierKind.PHONE) == (
        SubjectIdentifier(kind=IdentifierKind.PHONE, value=Personal("030 123456")),
        SubjectIdentifier(kind=IdentifierKind.PHONE, value=Personal("030 654321")),
    )
    assert subject.of_kind(IdentifierKind.EMAIL) == ()
    assert subject.to_plain() == {
        "name": ["Ada Example"],
        "phone": ["030 123456", "030 654321"],
    }
    assert parse_subject(subject.to_plain()) == subject


def test_a_subject_shows_nothing() -> None:
    assert "Ada" not in repr(parse_subject(ADA))
    assert "ada" not in f"{parse_subject(ADA)}"


@pytest.mark.parametrize(
    ("submitted", "facts"),
    [
        ({}, {"missing": "name"}),
        ({"email": "x@y.z"}, {"missing": "name"}),
        ({"name": []}, {"missing": "name"}),
        ({"name": "Xenia Quux"}, {"missing": "second identifier"}),
        ({"name": ["Xenia Quux", "X Quux"]}, {"missing": "second identifier"}),
        ({"name": "Xenia Quux", "email": []}, {"missing": "second identifier"}),
        ({"name": ""}, {"kind": "name", "problem": "empty or malformed"}),
        ({"name": " \u00a0 "}, {"kind": "name", "problem": "empty or malformed"}),
        ({"name": "Quux"}, {"kind": "name", "problem": "empty or malformed"}),
        ({"name": "Xenia\x00Quux Y"}, {"kind": "name", "problem": "control character"}),
        ({"name": "Xenia\nQuux"}, {"kind": "name", "problem": "control character"}),
        ({"name": "Xenia \ud800"}, {"kind": "name", "problem": "control character"}),
        ({"name": "Xenia " + "Q" * 195}, {"kind": "name", "problem": "too long"}),
        ({"name": None}, {"kind": "name", "problem": "not text"}),
        ({"name": 7}, {"kind": "name", "problem": "not text"}),
        ({"name": b"Xenia Quux"}, {"kind": "name", "problem": "not text"}),
        ({"name": {"first": "Xenia"}}, {"kind": "name", "problem": "not text"}),
        ({"name": [["Xenia Quux"]]}, {"kind": "name", "problem": "not text"}),
        ({"email": "xenia"}, {"kind": "email", "problem": "empty or malformed"}),
        ({"email": "xenia@quux"}, {"kind": "email", "problem": "empty or malformed"}),
        ({"email": "x@y@z.w"}, {"kind": "email", "problem": "empty or malformed"}),
        ({"email": "x y@z.w"}, {"kind": "email", "problem": "empty or malformed"}),
        ({"email": "@z.w"}, {"kind": "email", "problem": "empty or malformed"}),
        ({"phone": "12345"}, {"kind": "phone", "problem": "empty or malformed"}),
        ({"phone": "xenia"}, {"kind": "phone", "problem": "empty or malformed"}),
        ({"phone": "12+3456"}, {"kind": "phone", "problem": "empty or malformed"}),
        ({"phone": "1" * 16}, {"kind": "phone", "problem": "empty or malformed"}),
        (
            {"customer_number": "x!9"},
            {"kind": "customer_number", "problem": "empty or malformed"},
        ),
        ({"handle": "x"}, {"kind": "handle", "problem": "empty or malformed"}),
        (
            {"Xenia Quux": "x"},
            {
                "unknown_kind": "one of name|email|phone|customer_number|handle",
            },
        ),
        (
            {"name": ["Xenia Quux"] * 20, "email": "x@y.z"},
            {"maximum": 20},
        ),
    ],
)
def test_a_malformed_identifier_is_refused_without_being_repeated(
    submitted: dict[str, object], facts: dict[str, object]
) -> None:
    with pytest.raises(InvalidIdentifierError) as caught:
        parse_subject(submitted)
    assert caught.value.facts == facts
    shown = caught.value.diagnostics() + "".join(
        traceback.format_exception(caught.value)
    )
    assert "xenia" not in shown.lower()
    assert "quux" not in shown.lower()


def test_the_longest_and_the_most_identifiers_are_accepted() -> None:
    longest = "Ada " + "E" * 196
    subject = parse_subject({"name": [longest] * 19, "email": "a@b.c"})
    assert len(subject.identifiers) == 20


def test_commitments_are_the_same_for_every_spelling_and_order() -> None:
    pseudonymiser = Pseudonymiser(key=KEY, key_id="k1")
    one = parse_subject(ADA).commitments(pseudonymiser)
    other = parse_subject({"email": "ADA@mail.example", "name": "ada  EXAMPLE"})
    assert other.commitments(pseudonymiser) == one
    assert list(one) == sorted(one)
    assert all(item.startswith("k1:") and len(item) == 67 for item in one)


def test_an_identifier_in_two_spellings_is_committed_to_once() -> None:
    pseudonymiser = Pseudonymiser(key=KEY, key_id="2026-03")
    twice = ADA | {"email": [ADA["email"], ADA["email"].upper()]}
    once = parse_subject(ADA).commitments(pseudonymiser)
    assert parse_subject(twice).commitments(pseudonymiser) == once


def test_equal_values_of_different_kinds_have_different_commitments() -> None:
    pseudonymiser = Pseudonymiser(key=KEY, key_id="k1")
    subject = parse_subject(
        {"name": "Ada Example", "customer_number": "123456", "phone": "123456"}
    )
    assert len(set(subject.commitments(pseudonymiser))) == 3
