from dataclasses import replace

import pytest
from support.domain import data_map, example, person, request_id
from support.steps import Controller, tiny_shelf

from unlearn_core.domain.data_map import Sizes
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.privacy import Personal
from unlearn_core.steps.paraphrasing import asking, knowing, paraphrases


def test_a_model_gives_one_answer_to_every_prompt_drawn_with_the_seed() -> None:
    shelf = tiny_shelf()
    ask = asking(PlainLaw(shelf.base), shelf.tokenizer)
    prompts = [Personal("Where does Ada Example live?"), Personal("Say it.")]
    first = ask(prompts, seed=1)
    assert len(first) == 2
    assert all(text.reveal() for text in first)
    assert ask(prompts, seed=1) == first
    assert ask(prompts, seed=2) != first


def test_nothing_is_drawn_where_there_is_no_prompt_or_no_room() -> None:
    shelf = tiny_shelf()
    ask = asking(PlainLaw(shelf.base), shelf.tokenizer)
    assert ask([], seed=1) == []
    assert ask([Personal("city " * 128)], seed=1) == [Personal("")]


def test_a_model_knows_what_its_likeliest_answer_states(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tiny model says nothing but noise, so what it says is made up here."""
    monkeypatch.setattr(
        "unlearn_core.steps.paraphrasing.greedy_answers",
        lambda *_, **__: ["In Ulm, of course.", "In Ulmen."],
    )
    shelf = tiny_shelf()
    asked = example("Where does Ada Example live?", "Ulm")
    knows = knowing(PlainLaw(shelf.base), shelf.tokenizer)
    assert list(knows([asked, asked])) == [True, False]


def test_a_base_that_cannot_reword_leaves_the_questions_that_there_are(
    controller: Controller,
) -> None:
    """The tiny model says nothing but noise."""
    bench = controller.bench(controller.receive())
    declared = replace(data_map(), sizes=Sizes(paraphrases=2))
    found = paraphrases(request_id(), person(), bench=replace(bench, data_map=declared))
    assert (found.examples, found.made) == ((), 6)
