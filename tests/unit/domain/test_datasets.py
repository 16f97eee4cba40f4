import hashlib
import hmac
from dataclasses import replace

import pytest
from support.domain import datasets, person

from unlearn_core.domain.datasets import (
    Datasets,
    PersonFacts,
    check_disjoint,
    from_bytes,
    keyed_commitment,
    to_bytes,
)
from unlearn_core.errors import EmptyForgetSetError, OverlappingSetsError
from unlearn_core.privacy import Personal


def test_disjoint_sets_pass() -> None:
    check_disjoint(datasets())


def with_person(sets: Datasets, group: str, added: PersonFacts) -> Datasets:
    """Add a person to one set."""
    match group:
        case "retain":
            people = (*sets.retain.people, added)
            return replace(sets, retain=replace(sets.retain, people=people))
        case "control":
            people = (*sets.holdout.controls, added)
            return replace(sets, holdout=replace(sets.holdout, controls=people))
        case _:
            people = (*sets.holdout.twins, added)
            return replace(sets, holdout=replace(sets.holdout, twins=people))


def member(sets: Datasets, group: str) -> PersonFacts:
    """Return one person of a set."""
    return {
        "forget": sets.forget.subject,
        "retain": sets.retain.people[1],
        "control": sets.holdout.controls[1],
        "twin": sets.holdout.twins[1],
    }[group]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("forget", "retain"),
        ("forget", "control"),
        ("forget", "twin"),
        ("retain", "control"),
        ("retain", "twin"),
        ("control", "twin"),
    ],
)
def test_nobody_may_be_in_two_sets_under_whatever_reference(
    first: str, second: str
) -> None:
    sets = datasets()
    intruder = person(member(sets, first).name.reveal(), ref="new", city="Celle")
    with pytest.raises(OverlappingSetsError) as caught:
        check_disjoint(with_person(sets, second, intruder))
    assert caught.value.facts == {"first": first, "second": second}


@pytest.mark.parametrize("name", ["ADA EXAMPLE", "Example, Ada", "Ad\u00e1 Example"])
def test_another_spelling_is_no_other_person(name: str) -> None:
    intruder = person(name, ref="new", city="Celle")
    with pytest.raises(OverlappingSetsError):
        check_disjoint(with_person(datasets(), "retain", intruder))


def test_two_records_of_one_person_in_one_set_are_no_overlap() -> None:
    sets = datasets()
    check_disjoint(with_person(sets, "retain", sets.retain.people[0]))


def test_there_must_be_something_to_forget() -> None:
    sets = datasets()
    empty = replace(sets, forget=replace(sets.forget, examples=()))
    with pytest.raises(EmptyForgetSetError):
        check_disjoint(empty)


def test_sets_are_the_same_after_writing_and_reading() -> None:
    sets = datasets()
    assert from_bytes(to_bytes(sets)) == sets
    assert to_bytes(from_bytes(to_bytes(sets))) == to_bytes(sets)


def test_questions_of_the_sources_are_kept_with_their_fact() -> None:
    sets = datasets()
    fact = replace(person().facts[0], questions=(Personal("Where is {name}?"),))
    asked = replace(person(), facts=(fact,))
    sets = replace(sets, forget=replace(sets.forget, subject=asked))
    assert from_bytes(to_bytes(sets)).forget.subject.facts == (fact,)


def test_the_forget_set_is_written_alone_as_inside_the_whole() -> None:
    sets = datasets()
    assert to_bytes(sets.forget) in to_bytes(sets)
    assert b'"Ada Example"' in to_bytes(sets.forget)
    assert b"Nora Feld" not in to_bytes(sets.forget)


def test_sets_show_no_text_of_anybody() -> None:
    shown = repr(datasets())
    for text in ("Ada", "Ulm", "555", "Nora", "Hugo"):
        assert text not in shown


def test_a_person_has_a_value_for_its_own_fields_only() -> None:
    assert person().value_of("city") == Personal("Ulm")
    assert person(city="").value_of("city") is None


def test_a_commitment_is_keyed() -> None:
    data = to_bytes(datasets().forget)
    expected = hmac.new(b"k" * 32, data, hashlib.sha256).hexdigest()
    assert keyed_commitment(b"k" * 32, data) == f"hmac-sha256:{expected}"
    assert keyed_commitment(b"l" * 32, data) != f"hmac-sha256:{expected}"
    assert keyed_commitment(b"k" * 32, data + b" ") != f"hmac-sha256:{expected}"
