import random

from benchmarks.mentions import KINDS, Expected, chatter, invent, plant


def test_every_identifier_is_one_persons_alone() -> None:
    people = invent(400, seed=1)
    for name in ("name", "email", "phone", "number", "handle"):
        assert len({getattr(person, name) for person in people}) == 400
    assert all(person.subject.identifiers for person in people)


def test_mentions_are_planted_in_equal_numbers() -> None:
    people = invent(5, seed=1)
    planted = plant(people, each=3, seed=1)
    assert sorted(kind for kind, _, _ in planted) == sorted([*KINDS] * 3)
    assert planted == plant(people, each=3, seed=1)


def test_a_typo_changes_a_letter() -> None:
    draw = random.Random(0)
    (person,) = invent(1, seed=1)
    written = {
        KINDS["name with a typo"].write(person, draw).removesuffix(" was late.")
        for _ in range(20)
    }
    assert person.name not in written
    assert {len(name) for name in written} == {len(person.name)}


def test_chatter_is_about_nobody_who_is_searched_for() -> None:
    said = " ".join(chatter(random.Random(0)))
    assert not any(person.last in said for person in invent(100, seed=1))
    assert {kind.expected for kind in KINDS.values()} == set(Expected)
