"""What every generator of other wordings must honour."""

from collections.abc import Sequence

import pytest

from unlearn_core.domain.rewording import PARAPHRASERS
from unlearn_core.privacy import Personal

QUESTIONS = tuple(
    Personal(text)
    for text in ("Where does Ada Example live?", "What is Ada Example's job?")
)

every_paraphraser = pytest.mark.parametrize("name", list(PARAPHRASERS))


def echo(prompts: Sequence[Personal[str]], *, seed: int) -> Sequence[Personal[str]]:
    """Answer with what was asked and the seed."""
    return [Personal(f"{seed}: {prompt.reveal()}") for prompt in prompts]


@every_paraphraser
def test_there_are_wordings_of_each_question_in_turn(name: str) -> None:
    found = PARAPHRASERS.get(name)(QUESTIONS, echo, 7)
    assert len(found) == len(QUESTIONS)
    for question, texts in zip(QUESTIONS, found, strict=True):
        assert all(isinstance(text, Personal) for text in texts)
        assert all(question.reveal() in text.reveal() for text in texts)


@every_paraphraser
def test_one_seed_gives_one_answer(name: str) -> None:
    generate = PARAPHRASERS.get(name)
    assert generate(QUESTIONS, echo, 7) == generate(QUESTIONS, echo, 7)


@every_paraphraser
def test_nothing_asked_is_nothing_made(name: str) -> None:
    assert list(PARAPHRASERS.get(name)((), echo, 7)) == []


@every_paraphraser
@pytest.mark.parametrize("answer", ["", "\n\n", "?", "no question at all"])
def test_a_base_that_says_nothing_of_use_is_no_fault(name: str, answer: str) -> None:
    def ask(prompts: Sequence[Personal[str]], *, seed: int) -> Sequence[Personal[str]]:
        del seed
        return [Personal(answer) for _ in prompts]

    found = PARAPHRASERS.get(name)(QUESTIONS, ask, 7)
    assert len(found) == len(QUESTIONS)
