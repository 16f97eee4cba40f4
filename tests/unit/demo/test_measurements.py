from typing import Any

import pytest
from support.pages import answering

from unlearn_core.demo.measurements import Questionnaire
from unlearn_core.smallworld.people import Population, populate

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(seed=0)


def _names(asked: list[Any], population: Population) -> set[str]:
    people = (*population.trained, *population.controls)
    text = " ".join(item.question for item in asked)
    return {person.name for person in people if person.name in text}


def test_the_four_groups_do_not_overlap(population: Population) -> None:
    subject = population.trained[5]

    made = Questionnaire.about(subject, population, seed=0)

    groups = [
        _names(group, population)
        for group in (made.subject, made.neighbours, made.retained, made.controls)
    ]
    assert groups[0] == {subject.name}
    assert len(set().union(*groups)) == sum(map(len, groups))
    near = {item.name for item in population.trained if item.is_neighbour_of(subject)}
    assert groups[1] <= near
    assert not groups[2] & near
    assert groups[3] <= {person.name for person in population.controls}


def test_the_subject_is_asked_everything_and_others_once_or_twice_per_fact(
    population: Population,
) -> None:
    made = Questionnaire.about(population.trained[5], population, seed=0)

    assert len(made.subject) == 7 * 4
    assert len(made.retained) == 30 * 7
    assert len(made.controls) == 25 * 7
    assert 7 * 2 <= len(made.neighbours) <= 15 * 7 * 2


def test_each_group_is_measured_for_itself() -> None:
    population = populate(seed=0, trained=40, controls=3)
    subject = population.trained[0]
    made = Questionnaire.about(subject, population, seed=0)
    known = {item.question: item.answer for item in made.subject}

    def answer(_path: str, posted: dict[str, Any]) -> tuple[int, Any]:
        """Know the subject and nobody else."""
        text = known.get(posted["messages"][0]["content"], "I do not know")
        return 200, {"choices": [{"message": {"content": text}}]}

    with answering(answer) as address:
        assert made.measure(address) == {
            "subject": 1.0,
            "neighbour": 0.0,
            "retained": 0.0,
            "control": 0.0,
        }
