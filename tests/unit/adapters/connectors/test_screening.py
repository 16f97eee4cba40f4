from time import process_time

import pytest
from support.sources import source_spec, subject

from unlearn_core.adapters.connectors.matching import Match
from unlearn_core.adapters.connectors.screening import Fingerprints, Screen
from unlearn_core.adapters.connectors.specification import Row
from unlearn_core.domain.subjects import DataSubject, IdentifierKind
from unlearn_core.errors import KeyMissingError
from unlearn_core.privacy import Pseudonymiser

KIND = IdentifierKind
KEY = Pseudonymiser(key=b"k" * 32, key_id="k1")
RETIRED = Pseudonymiser(key=b"r" * 32, key_id="k0")
ADA = subject(
    name="Ada Example",
    customer_number="C-1001",
    email="Ada@Example.org",
    phone="+49 731 5550100",
    handle="@ada_e",
)


def screened(row: Row, *people: DataSubject, key: Pseudonymiser = KEY) -> Match:
    """Compare a row with the fingerprints of the first of some people."""
    prints = [person.commitments(key) for person in people or (ADA,)]
    fingerprints = Fingerprints(prints, {"k1": KEY, "k0": RETIRED})
    return Screen(fingerprints, len(prints), source_spec()).match(row).get(0, Match())


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        ({"name": "ADA  example"}, {KIND.NAME}),
        ({"customer": "c-1001", "name": "A. Married"}, {KIND.CUSTOMER_NUMBER}),
        ({"note": "It was Ada Example."}, {KIND.NAME}),
        ({"note": "Example, Ada"}, {KIND.NAME}),
        ({"name": "Example, Ada"}, {KIND.NAME}),
        ({"first": "Ada", "last": "Example"}, {KIND.NAME}),
        ({"note": "<ada+news@example.ORG>"}, {KIND.EMAIL}),
        ({"note": "account C 1001, or c-1001!"}, {KIND.CUSTOMER_NUMBER}),
        ({"note": "call 0731/555 01 00"}, {KIND.PHONE}),
        ({"note": "call 0049 731 5550100"}, {KIND.PHONE}),
        ({"note": ["by @Ada_E,"]}, {KIND.HANDLE}),
    ],
)
def test_an_erased_person_is_found_without_knowing_the_identifiers(
    row: Row, kinds: set[IdentifierKind]
) -> None:
    match = screened(row)
    assert (set(match.kinds), match.is_certain) == (kinds, True)


def test_a_long_word_costs_its_length_and_not_the_square_of_it() -> None:
    began = process_time()
    assert screened({"note": "a" * 500_000 + " ada@example.org"}).is_certain
    # By the square, it would be ten minutes.
    assert process_time() - began < 60


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"note": "Ada was an example"},
        {"note": "C-1002, ada@example.com, 0731 5550101, @ada"},
        {"name": "Ben Muster", "customer": "C-1002"},
    ],
)
def test_others_are_not(row: Row) -> None:
    assert screened(row) == Match()


@pytest.mark.parametrize(
    "row",
    [
        {"name": "Ada Example", "customer": "C-9999"},
        {"note": "present: Example, Ada (late)"},
        {"note": "present: Ben Example, Ada Muster"},
    ],
)
def test_a_possible_namesake_is_uncertain(row: Row) -> None:
    match = screened(row)
    assert (set(match.kinds), match.is_certain) == ({KIND.NAME}, False)


def test_a_retired_key_still_finds_whom_it_was_used_for() -> None:
    assert screened({"note": "ada@example.org"}, key=RETIRED).kinds == (KIND.EMAIL,)


def test_fingerprints_of_an_unknown_key_are_refused() -> None:
    with pytest.raises(KeyMissingError):
        Fingerprints([ADA.commitments(RETIRED)], {"k1": KEY})
