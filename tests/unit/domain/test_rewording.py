from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.domain import data_map, person

from unlearn_core.domain.data_map import Sizes, Translation
from unlearn_core.domain.datasets import Example, Form, Made
from unlearn_core.domain.rewording import REPHRASE, Ask, Paraphrases, reworded
from unlearn_core.privacy import Personal

NEW = "Where does Ada Example live?"


def base_that(*answers: str) -> Ask:
    """Return a base that gives these answers in turn, again and again."""

    def ask(prompts: Sequence[Personal[str]], *, seed: int) -> Sequence[Personal[str]]:
        del seed
        return [Personal(answers[row % len(answers)]) for row in range(len(prompts))]

    return ask


def all_known(examples: Sequence[Example]) -> Sequence[bool]:
    return [True for _ in examples]


USUAL = Sizes()


def build(ask: Ask, *, sizes: Sizes = USUAL, name: str = "base") -> Paraphrases:
    return reworded(
        person(phone=""),
        data_map=replace(data_map(), sizes=sizes, paraphraser=name),
        ask=ask,
        knows=all_known,
        seed=0,
    )


def texts(found: Paraphrases) -> list[str]:
    return [item.prompt.reveal() for item in found.examples]


def test_the_base_is_asked_for_other_words_of_the_first_question() -> None:
    asked: list[str] = []

    def ask(prompts: Sequence[Personal[str]], *, seed: int) -> Sequence[Personal[str]]:
        asked.extend(f"{seed} {prompt.reveal()}" for prompt in prompts)
        return [Personal(NEW) for _ in prompts]

    build(ask)
    question = "What is the city of Ada Example?"
    assert asked == [f"0 {frame.format(question=question)}" for frame in REPHRASE]


def test_a_new_question_by_name_is_usable_and_answered_with_the_fact() -> None:
    found = build(base_that(NEW))
    # Three times the same is one.
    assert found.made == 3
    (made,) = found.examples
    assert (made.prompt.reveal(), made.answer.reveal()) == (NEW, "Ulm")
    assert (made.field, made.form, made.made) == (
        "city",
        Form.QUESTION,
        Made.PARAPHRASE,
    )


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Ulm",
        "Where does she live?",
        "Ada Example lives in which city",
        "Does Ada Example live in ulm?",
        "What is the city of Ada Example?",
        "WHAT is the city, of Ada Example ?",
        "Which city belongs to Ada Example?",
        "Answer in full, which city belongs to Ada Example?",
    ],
    ids=[
        "nothing",
        "an answer",
        "without the name",
        "no question",
        "gives the answer away",
        "the question itself",
        "the question itself, otherwise written",
        "another question of the data map, which may be a probe",
        "that question with words around it, as families ask it",
    ],
)
def test_what_is_no_new_question_by_name_is_not_used(answer: str) -> None:
    if answer.startswith("WHAT"):
        answer = answer.replace("Ada Example ?", "Ada Example?")
    assert build(base_that(answer)) == Paraphrases(examples=(), made=3)


def test_a_question_of_the_data_map_in_another_language_is_not_used() -> None:
    german = Translation(questions=("Wo wohnt {name}?",))
    declared = data_map()
    city = replace(declared.fields["city"], translations={"de": german})
    found = reworded(
        person(phone=""),
        data_map=replace(declared, fields={**declared.fields, "city": city}),
        ask=base_that("Wo wohnt Ada Example?"),
        knows=all_known,
        seed=0,
    )
    assert found == Paraphrases(examples=(), made=3)


@pytest.mark.parametrize(
    "answer", [f'"{NEW}"', f"- {NEW} I hope that helps.", f"{NEW}\nWhy?"]
)
def test_what_a_base_puts_around_a_question_goes(answer: str) -> None:
    assert texts(build(base_that(answer))) == [NEW]


def test_a_wording_that_the_base_does_not_answer_truly_asks_for_something_else() -> (
    None
):
    found = reworded(
        person(phone=""),
        data_map=data_map(),
        ask=base_that(NEW, "Which town is Ada Example from?", ""),
        knows=lambda examples: ["town" in item.prompt.reveal() for item in examples],
        seed=0,
    )
    assert texts(found) == ["Which town is Ada Example from?"]


def test_no_more_are_taken_than_the_data_map_says() -> None:
    ask = base_that(NEW, "Which town is Ada Example from?", "Ada Example is where?")
    assert len(texts(build(ask))) == 2
    assert texts(build(ask, sizes=Sizes(paraphrases=1))) == [NEW]


def nobody(prompts: Sequence[Personal[str]], *, seed: int) -> Sequence[Personal[str]]:
    """Answer nothing: nobody is to be asked."""
    raise AssertionError(prompts, seed)


def test_a_generator_can_be_none() -> None:
    assert build(nobody, name="none") == Paraphrases(examples=(), made=0)


def test_nobody_is_asked_where_no_wordings_are_wanted() -> None:
    assert build(nobody, sizes=Sizes(paraphrases=0)) == Paraphrases(examples=(), made=0)


@pytest.mark.parametrize(("signs", "is_usable"), [(500, True), (501, False)])
def test_a_wording_of_any_length_is_not_used(signs: int, *, is_usable: bool) -> None:
    """A generator of a third party may return whatever it likes."""
    wording = NEW.replace("Where", "W" + "h" * (signs - len(NEW)) + "here")
    assert len(wording) == signs
    assert texts(build(base_that(wording))) == [wording] * is_usable
