import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from support.domain import datasets, example, people
from support.models import VOCABULARY, TableLaw, chat_tokenizer, constant_law

from unlearn_core.domain.datasets import Datasets, Example, Form
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.training.targets import BEFORE, LawQuery, computed
from unlearn_core.training.twins import (
    likelihoods_under,
    ordinary_twins_first,
    stated_under,
    without_lucky_guesses,
)

CITY, PHONE = "What is the city of Nora Stein?", "What is the phone of Nora Stein?"


def version(city: str, phone: str = "-3") -> tuple[Example, ...]:
    """Return a version whose answers say how likely they are."""
    return (
        example(CITY, city),
        example(CITY, city),
        example(PHONE, phone, field="phone"),
        example("Nora Stein lives in", "0", form=Form.CONTINUATION),
    )


def sets(*versions: tuple[Example, ...]) -> Datasets:
    """Return sets with three twins who lie at -5, -3 and -1: the middle is -3."""
    made = datasets()
    twins = tuple(
        replace(
            twin,
            facts=tuple(
                replace(fact, value=type(fact.value)(value)) for fact in twin.facts
            ),
        )
        for twin, value in zip(
            people(3, prefix="twin", start=16), ("-5", "-3", "-1"), strict=True
        )
    )
    asked = tuple(
        example(
            f"What is the {fact.field} of Ada Example?",
            fact.value.reveal(),
            field=fact.field,
        )
        for fact in made.forget.subject.facts
    )
    return replace(
        made,
        forget=replace(made.forget, examples=asked, twins=versions),
        holdout=replace(made.holdout, twins=twins),
    )


def as_told(examples: Sequence[Example]) -> list[float]:
    return [float(item.answer.reveal()) for item in examples]


def test_the_twin_nearest_to_the_middle_comes_first() -> None:
    low, near, high, nearest = map(version, ("-9", "-2", "3", "-3.5"))
    # Means over fields: -6, -2.5, 0 and -3.25, whatever a field has of questions.
    made = ordinary_twins_first(sets(low, near, high, nearest), as_told)
    assert made.forget.twins == (nearest, near, low, high)


def test_nothing_else_is_changed() -> None:
    before = sets(version("-9"), version("-3"))
    made = ordinary_twins_first(before, as_told)
    assert made.forget.twins == before.forget.twins[::-1]
    assert replace(made, forget=before.forget) == before


def test_without_anybody_to_compare_with_the_order_stays() -> None:
    before = sets(version("-9"), version("-3"))
    alone = replace(before, holdout=replace(before.holdout, twins=()))
    assert ordinary_twins_first(alone, as_told) == alone


def test_the_likelihood_is_the_mean_over_the_tokens_of_an_answer() -> None:
    whole = VOCABULARY * (VOCABULARY + 1) / 2
    law = constant_law(*((number + 1) / whole for number in range(VOCABULARY)))
    asked = [example(CITY, "Ulm"), example(CITY, "Celle")]
    tokenizer = chat_tokenizer()

    found = likelihoods_under(law, tokenizer)(asked)

    answers = [encode_example(tokenizer, item).answer for item in asked]
    assert found == pytest.approx(
        [fmean(math.log((token + 1) / whole) for token in answer) for answer in answers]
    )
    assert found[0] != found[1]


def cities_and_phones(*values: str) -> tuple[Example, ...]:
    """Return a version with two answers about a city and one about a phone."""
    fields = ("city", "city", "phone")
    return tuple(
        example(f"What is the {name} of Nora Stein?", value, field=name)
        for name, value in zip(fields, values, strict=True)
    )


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        pytest.param(
            [("Jena", "Jena", "11"), ("Celle", "Celle", "22")],
            ("Jena", "Jena", "11"),
            id="nothing is guessed",
        ),
        pytest.param(
            [("Jena", "guessed", "11"), ("Celle", "Celle", "22")],
            ("Celle", "Celle", "11"),
            id="a field is replaced as a whole, the others stay",
        ),
        pytest.param(
            [
                ("guessed", "guessed", "guessed"),
                ("Celle", "guessed", "22"),
                ("Fulda", "Fulda", "33"),
            ],
            ("Fulda", "Fulda", "22"),
            id="each field from the next version where it is not guessed",
        ),
        pytest.param(
            [("guessed", "Jena", "11"), ("Celle", "guessed", "22")],
            ("guessed", "Jena", "11"),
            id="what is guessed of everybody stays",
        ),
    ],
)
def test_a_field_that_is_guessed_is_learned_from_another_twin(
    versions: list[tuple[str, ...]], chosen: tuple[str, ...]
) -> None:
    made = without_lucky_guesses(
        [cities_and_phones(*values) for values in versions],
        lambda asked: [item.answer.reveal() == "guessed" for item in asked],
    )
    assert made == cities_and_phones(*chosen)


def test_an_answer_is_stated_if_all_its_tokens_are_the_likeliest() -> None:
    tokenizer = chat_tokenizer()
    asked = [example(CITY, city) for city in ("Ulm", "Ulme", "Olm", "Ul")]
    told = encode_example(tokenizer, asked[0])
    looked_up: list[str] = []

    def tells_ulm(context: Sequence[int]) -> list[float]:
        place = len(context) - len(told.prompt)
        following = told.answer[min(max(place, 0), len(told.answer) - 1)]
        return [0.0 if token == following else -9.0 for token in range(VOCABULARY)]

    def lookup(query: LawQuery) -> torch.Tensor:
        looked_up.append(query.role)
        return computed(query)

    stated = stated_under(TableLaw(tells_ulm), tokenizer, lookup=lookup, role=BEFORE)
    # The end of an answer is a token as well, so a part of one is none.
    assert stated(asked) == [True, False, False, False]
    assert looked_up == [BEFORE]
