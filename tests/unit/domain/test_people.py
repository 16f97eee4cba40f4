from dataclasses import replace

import pytest
from support.domain import data_map, passage, person, record

from unlearn_core.domain.data_map import NeighbourRule
from unlearn_core.domain.datasets import Entropy, Fact, Form, PersonFacts
from unlearn_core.domain.people import (
    are_neighbours,
    gather_people,
    gather_subject,
    plain_passages,
    questions_about,
    surname,
)
from unlearn_core.domain.sources import Passage
from unlearn_core.privacy import Personal


def values(found: PersonFacts) -> dict[str, str]:
    return {fact.field: fact.value.reveal() for fact in found.facts}


def test_records_of_one_name_become_one_person_in_order_of_appearance() -> None:
    found = gather_people(
        [
            record("1", name="Nora Feld", fields={"phone": "555-1"}),
            record("2", name="Emil Berg", fields={"city": "Ulm"}),
            record("3", name="Nora Feld", fields={"city": "Jena"}),
        ],
        data_map=data_map(),
        prefix="retained",
    )
    assert [item.name.reveal() for item in found] == ["Nora Feld", "Emil Berg"]
    assert [item.ref for item in found] == ["retained-0", "retained-1"]
    assert values(found[0]) == {"city": "Jena", "phone": "555-1"}
    assert found[0].facts[0] == Fact(
        field="city", entropy=Entropy.GUESSABLE, value=Personal("Jena")
    )


def test_the_first_value_of_a_field_counts() -> None:
    (found,) = gather_people(
        [
            record("1", name="Nora Feld", fields={"city": "Jena"}),
            record("2", name="Nora Feld", fields={"city": "Ulm"}),
        ],
        data_map=data_map(),
        prefix="retained",
    )
    assert values(found) == {"city": "Jena"}


def test_records_without_a_name_or_without_fields_make_nobody() -> None:
    records = [record("1", name=None, fields={"city": "Ulm"}), record("2")]
    assert gather_people(records, data_map=data_map(), prefix="x") == ()


def test_fields_that_nobody_declared_are_left_out() -> None:
    (found,) = gather_people(
        [record("1", fields={"mood": "good", "city": "Ulm"})],
        data_map=data_map(),
        prefix="x",
    )
    assert values(found) == {"city": "Ulm"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([None, "Ada  EXAMPLE"], "Ada  EXAMPLE"),
        ([None, None], "ada example"),
        ([], "ada example"),
    ],
)
def test_a_subject_is_called_as_the_records_spell_it(
    names: list[str | None], expected: str
) -> None:
    found = gather_subject(
        [record(str(number), name=name) for number, name in enumerate(names)],
        stated_name=Personal("ada example"),
        data_map=data_map(),
        ref="subject",
    )
    assert found.name.reveal() == expected
    assert found.ref == "subject"


def test_a_subject_takes_facts_from_nameless_records_too() -> None:
    found = gather_subject(
        [
            record("1", name=None, fields={"phone": "555-1"}),
            record("2", fields={"city": "Ulm", "phone": "555-2"}),
        ],
        stated_name=Personal("Ada Example"),
        data_map=data_map(),
        ref="subject",
    )
    assert values(found) == {"city": "Ulm", "phone": "555-1"}


@pytest.mark.parametrize(
    ("by_surname", "by_fields", "other", "expected"),
    [
        (True, (), person("Nora Example", city="Jena"), True),
        (True, (), person("Nora Feld", city="Ulm"), False),
        (False, (), person("Nora Example"), False),
        (False, ("city",), person("Nora Feld", city="Ulm"), True),
        (False, ("city",), person("Nora Feld", city="Jena"), False),
        (False, ("phone", "city"), person("Nora Feld", phone="1"), True),
        (True, ("city",), person("Nora Feld", city=""), False),
    ],
)
def test_neighbours_share_a_surname_or_a_declared_field(
    by_surname: bool,  # noqa: FBT001 - a column of the table
    by_fields: tuple[str, ...],
    other: PersonFacts,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    rule = NeighbourRule(by_surname=by_surname, by_fields=by_fields)
    assert are_neighbours(person(), other, rule=rule) is expected
    assert are_neighbours(other, person(), rule=rule) is expected


def test_two_people_without_a_value_do_not_share_it() -> None:
    rule = NeighbourRule(by_surname=False, by_fields=("city",))
    assert not are_neighbours(person(city=""), person("A B", city=""), rule=rule)


@pytest.mark.parametrize(
    ("name", "last"), [("Ada Example", "Example"), ("Ada M. Ex", "Ex"), ("Ada", "Ada")]
)
def test_the_surname_is_the_last_word(name: str, last: str) -> None:
    assert surname(person(name)) == last


def test_every_declared_question_is_asked_with_the_persons_name() -> None:
    subject = person()
    asked = questions_about(subject, subject.facts[0], data_map=data_map(questions=2))
    assert [item.prompt.reveal() for item in asked] == [
        "What is the city of Ada Example?",
        "Which city belongs to Ada Example?",
    ]
    assert {item.answer.reveal() for item in asked} == {"Ulm"}
    assert {(item.ref, item.field, item.form) for item in asked} == {
        ("subject", "city", Form.QUESTION)
    }


def test_a_text_about_nobody_names_no_field_and_no_person() -> None:
    plain = passage("The river", " flows.", field="")
    records = [
        record("1", name=None, passages=(plain, passage())),
        record("2", passages=(plain,)),
    ]
    assert plain_passages(records) == (plain,)


def test_a_question_in_a_record_states_a_fact_and_a_way_to_ask_for_it() -> None:
    asked = replace(
        passage("Where does Nora Feld live?", "Jena"),
        paraphrases=(Personal("Nora Feld lives where?"),),
    )
    (found,) = gather_people(
        [record("1", name="Nora Feld", passages=(asked,))],
        data_map=data_map(),
        prefix="x",
    )
    assert values(found) == {"city": "Jena"}
    assert [item.reveal() for item in found.facts[0].questions] == [
        "Where does {name} live?",
        "{name} lives where?",
    ]


def test_a_records_own_field_outranks_an_answer_wherever_it_stands() -> None:
    found = gather_subject(
        [record("1", passages=(passage(),)), record("2", fields={"city": "Trier"})],
        stated_name=Personal("Ada Example"),
        data_map=data_map(),
        ref="subject",
    )
    assert values(found) == {"city": "Trier"}


@pytest.mark.parametrize(
    "told",
    [passage(form=Form.CONTINUATION), passage(field=""), passage(field="mood")],
    ids=["no question", "no field", "undeclared field"],
)
def test_other_passages_state_nothing(told: Passage) -> None:
    records = [record("1", passages=(told,))]
    assert gather_people(records, data_map=data_map(), prefix="x") == ()


def test_questions_of_the_data_map_come_first_and_none_is_asked_twice() -> None:
    fact = replace(
        person().facts[0],
        questions=(
            Personal("Where is {name}?"),
            Personal("What is the city of {name}?"),
            Personal("Where is {name}?"),
        ),
    )
    other = person("Nora Feld")
    asked = questions_about(other, fact, data_map=data_map(questions=2))
    assert [item.prompt.reveal() for item in asked] == [
        "What is the city of Nora Feld?",
        "Which city belongs to Nora Feld?",
        "Where is Nora Feld?",
    ]
