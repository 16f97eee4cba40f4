from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn_core.smallworld.people import (
    FIELDS,
    HIGH_ENTROPY_FIELDS,
    Person,
    populate,
)

SEEDS = st.integers(min_value=0, max_value=2**32)


def _person(number: int, name: str, city: str, employer: str) -> Person:
    return Person(number=number, name=name, facts={"city": city, "employer": employer})


def test_a_world_has_200_trained_and_140_control_people_unless_told_otherwise() -> None:
    world = populate(seed=0)

    assert (len(world.trained), len(world.controls)) == (200, 140)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_same_seed_gives_the_same_people(seed: int) -> None:
    assert populate(seed=seed, trained=9, controls=5) == populate(
        seed=seed, trained=9, controls=5
    )


def test_another_seed_gives_other_people() -> None:
    assert populate(seed=0, trained=9) != populate(seed=1, trained=9)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_nothing_that_identifies_a_person_occurs_twice(seed: int) -> None:
    world = populate(seed=seed)
    people = (*world.trained, *world.controls)

    assert len({person.name for person in people}) == 340
    assert len({person.number for person in people}) == 340
    for field in HIGH_ENTROPY_FIELDS:
        assert len({person.facts[field] for person in people}) == 340


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, border=st.integers(min_value=0, max_value=12))
def test_where_the_sample_is_split_does_not_change_who_is_drawn(
    seed: int, border: int
) -> None:
    """So trained and control people are exchangeable, as the two-sided test needs."""
    whole = populate(seed=seed, trained=12, controls=0).trained
    split = populate(seed=seed, trained=border, controls=12 - border)

    assert (*split.trained, *split.controls) == whole


@pytest.mark.parametrize("field", HIGH_ENTROPY_FIELDS)
def test_what_identifies_a_person_does_not_tell_when_they_were_drawn(
    field: str,
) -> None:
    """Otherwise a test between trained and control people finds that difference."""
    places = []
    for seed in range(40):
        world = populate(seed=seed)
        people = (*world.trained, *world.controls)
        values = sorted(person.facts[field] for person in people)
        places += [
            values.index(person.facts[field]) / len(people) for person in world.controls
        ]
    # The standard error is .003.
    assert fmean(places) == pytest.approx(0.5, abs=0.015)


def test_every_person_has_a_value_in_every_field() -> None:
    world = populate(seed=3)

    for person in (*world.trained, *world.controls):
        assert set(person.facts) == set(FIELDS)
        assert all(person.facts.values())


def test_more_people_than_names_are_refused() -> None:
    assert len(populate(seed=0, trained=1999, controls=1).trained) == 1999
    with pytest.raises(ValueError, match="at most 2000 people"):
        populate(seed=0, trained=2000, controls=1)


def test_a_person_shows_nothing_personal() -> None:
    person = populate(seed=0, trained=1, controls=0).trained[0]

    assert repr(person) == "Person(number=0)"


def test_the_surname_is_the_last_word_of_the_name() -> None:
    assert _person(0, "Anna Maria Falkenrath", "", "").surname == "Falkenrath"


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (_person(1, "Ulf Dornfeld", "Juniper", "Juno Labs"), True),
        (_person(1, "Ulf Norrgate", "Dunmere", "Juno Labs"), True),
        (_person(1, "Ulf Norrgate", "Juniper", "Onyx Group"), True),
        (_person(1, "Ulf Norrgate", "Juniper", "Juno Labs"), False),
        (_person(0, "Vera Dornfeld", "Dunmere", "Onyx Group"), False),
    ],
    ids=["surname", "city", "employer", "nothing shared", "the same person"],
)
def test_neighbours_share_surname_city_or_employer(
    other: Person,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    person = _person(0, "Vera Dornfeld", "Dunmere", "Onyx Group")

    assert person.is_neighbour_of(other) is expected
