from dataclasses import replace

import pytest
from support.domain import datasets, example

from unlearn_core.domain.datasets import Datasets, Example, Form
from unlearn_core.errors import InvalidRecipeError
from unlearn_core.objectives.base import SecondAnswer
from unlearn_core.training.second_answers import (
    REFUSALS,
    refusals,
    second_answers,
    twin_versions,
)

SETS = datasets()
PROMPT = "What is the city of Ada Example?"


def answers(examples: tuple[Example, ...]) -> list[str]:
    return [item.answer.reveal() for item in examples]


def two_versions() -> Datasets:
    """Return sets whose subject is from Ulm, with twins from Jena and from Celle."""
    twins = tuple(
        (example(f"What is the city of {name}?", city),)
        for name, city in (("Nora Stein", "Jena"), ("Emil Berg", "Celle"))
    )
    subject = (example(PROMPT, "Ulm"),)
    return replace(SETS, forget=replace(SETS.forget, examples=subject, twins=twins))


def test_a_refusal_answers_the_same_prompt() -> None:
    asked = tuple(example(f"Question {number}?", "Ulm") for number in range(40))
    refused = refusals(asked, seed=0)
    assert [item.prompt for item in refused] == [item.prompt for item in asked]
    assert set(answers(refused)) == set(REFUSALS)
    assert answers(refusals(asked, seed=0)) == answers(refused)
    assert answers(refusals(asked, seed=1)) != answers(refused)


def test_a_refusal_that_continues_a_text_begins_with_a_space() -> None:
    text = replace(example("Ada lives in", " Ulm"), form=Form.CONTINUATION)
    [refused] = refusals([text], seed=0)
    assert refused.answer.reveal()[0] == " "
    assert refused.answer.reveal()[1:] in REFUSALS


@pytest.mark.parametrize(("seed", "city"), [(0, "Jena"), (1, "Celle"), (2, "Jena")])
def test_an_alternative_is_the_twins_answer_to_the_subjects_prompt(
    seed: int, city: str
) -> None:
    [found] = second_answers(SecondAnswer.ALTERNATIVE, two_versions(), seed=seed)
    assert found == example(PROMPT, city)


def test_a_mismatch_is_the_answer_of_a_retained_person_of_the_same_form() -> None:
    text = replace(example("Nora lives in", " Trier"), form=Form.CONTINUATION)
    asked = (example("What is the city of Nora?", "Bonn"), text)
    sets = replace(two_versions(), retain=replace(SETS.retain, examples=asked))
    for seed in range(5):
        found = second_answers(SecondAnswer.MISMATCH, sets, seed=seed)
        assert found == (example(PROMPT, "Bonn"),)


def test_a_form_that_nobody_else_has_is_answered_in_another() -> None:
    text = replace(example("Nora lives in", " Trier"), form=Form.CONTINUATION)
    sets = replace(two_versions(), retain=replace(SETS.retain, examples=(text,)))
    [found] = second_answers(SecondAnswer.MISMATCH, sets, seed=0)
    assert found.answer == text.answer


def test_no_second_answer_is_none() -> None:
    assert second_answers(SecondAnswer.NONE, SETS, seed=0) == ()


def test_missing_people_are_named() -> None:
    alone = replace(
        SETS,
        forget=replace(SETS.forget, twins=()),
        retain=replace(SETS.retain, examples=()),
    )
    with pytest.raises(InvalidRecipeError, match="there are no twins"):
        twin_versions(alone, seed=0)
    with pytest.raises(InvalidRecipeError, match="there are no twins"):
        second_answers(SecondAnswer.ALTERNATIVE, alone, seed=0)
    with pytest.raises(InvalidRecipeError, match="nobody else to take an answer from"):
        second_answers(SecondAnswer.MISMATCH, alone, seed=0)
