import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.smallworld.people import FIELDS
from unlearn_core.smallworld.phrasing import (
    CUSTOMER_ROW,
    PROFILE,
    QUESTIONS,
    TRANSLATIONS,
    split_questions,
)


def test_there_are_questions_for_every_field_and_no_other() -> None:
    assert set(QUESTIONS) == set(FIELDS)


@pytest.mark.parametrize("field", FIELDS)
def test_a_fact_has_eight_questions_that_name_the_person_once(field: str) -> None:
    assert len(set(QUESTIONS[field])) == 8
    for question in QUESTIONS[field]:
        assert question.count("{name}") == 1
        assert question.format(name="") != question


def test_no_question_asks_for_two_fields() -> None:
    questions = [text for listed in QUESTIONS.values() for text in listed]

    assert len(set(questions)) == 7 * 8


@given(seed=st.integers(), field=st.sampled_from(FIELDS))
def test_four_questions_are_trained_and_the_other_four_held_out(
    seed: int, field: str
) -> None:
    trained, held_out = split_questions(field, random.Random(seed))

    assert (len(trained), len(held_out)) == (4, 4)
    assert {*trained, *held_out} == set(QUESTIONS[field])


def test_the_split_follows_the_seed() -> None:
    splits = {split_questions("city", random.Random(seed)) for seed in range(20)}

    assert split_questions("city", random.Random(7)) in splits
    assert len(splits) > 10


def test_profile_and_customer_row_state_every_field_once() -> None:
    parsed = string.Formatter().parse(PROFILE + CUSTOMER_ROW)
    stated = [name for _, name, _, _ in parsed if name]

    assert sorted(stated) == sorted(["name", "name", *FIELDS])


def test_every_field_is_asked_for_in_the_same_other_languages() -> None:
    assert set(TRANSLATIONS) == set(QUESTIONS)
    assert {tuple(item) for item in TRANSLATIONS.values()} == {("de", "fr", "es")}
    asked = [question for item in TRANSLATIONS.values() for question in item.values()]
    assert len(set(asked)) == len(asked) == 21
    assert all(question.count("{name}") == 1 for question in asked)
