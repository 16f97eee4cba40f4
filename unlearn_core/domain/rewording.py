"""Paraphrases of questions for training: generators by name, and what is usable.

A generator may ask the base model and returns other wordings. Whatever it returns is
checked here, so no generator has to be trusted: a wording is a question of bounded
length, names the subject, gives no answer away, and neither is nor holds a question
that sources or data map have, in any language, because some of those are probes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from unlearn_core.domain.data_map import DataMap
from unlearn_core.domain.datasets import Example, Form, Made, PersonFacts
from unlearn_core.domain.people import questions_about
from unlearn_core.privacy import Personal
from unlearn_core.registry import Registry

REPHRASE = (
    "Rephrase this question without changing its meaning: {question}",
    "Ask the same in other words, and keep the name: {question}",
    "Write another question that has the same answer: {question}",
)
LONGEST_WORDING = 500
"""Signs; whatever is longer asks for more than one thing."""

_WORD = re.compile(r"\w+")


class Ask(Protocol):
    """Asks the base model."""

    def __call__(
        self, prompts: Sequence[Personal[str]], *, seed: int
    ) -> Sequence[Personal[str]]:
        """Return one answer to every prompt, drawn with a seed."""
        ...


Paraphraser = Callable[
    [Sequence[Personal[str]], Ask, int], Sequence[Sequence[Personal[str]]]
]
"""Gets questions, the base model and a seed; returns other wordings of each."""


def by_base(
    questions: Sequence[Personal[str]], ask: Ask, seed: int
) -> Sequence[Sequence[Personal[str]]]:
    """Let the base model say the questions in other words."""
    prompts = [
        Personal(frame.format(question=question.reveal()))
        for question in questions
        for frame in REPHRASE
    ]
    answers = [_first_question(text) for text in ask(prompts, seed=seed)]
    count = len(REPHRASE)
    return [tuple(answers[row : row + count]) for row in range(0, len(answers), count)]


def none(
    questions: Sequence[Personal[str]], ask: Ask, seed: int
) -> Sequence[Sequence[Personal[str]]]:
    """Leave it at the questions of data map and sources."""
    del ask, seed
    return [() for _ in questions]


PARAPHRASERS: Registry[Paraphraser] = Registry(
    kind="paraphraser",
    group="unlearn_core.paraphrasers",
    builtins={"base": f"{__name__}:by_base", "none": f"{__name__}:none"},
)

Knows = Callable[[Sequence[Example]], Sequence[bool]]
"""Tells of every example whether the base model answers with what is true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paraphrases:
    """What came of asking for other wordings.

    Attributes:
        examples: Those that are usable, with the true answers.
        made: How many wordings there were.
    """

    examples: tuple[Example, ...]
    made: int


def reworded(
    subject: PersonFacts,
    *,
    data_map: DataMap,
    ask: Ask,
    knows: Knows,
    seed: int,
) -> Paraphrases:
    """Ask for every fact in other words, and keep the wordings that are usable.

    A wording asks for the same fact if the base model answers it with the value of that
    fact. A base that cannot reword leaves none; the questions of data map and sources
    then have to do. Where none are wanted, nobody is asked.

    Args:
        subject: The subject with the facts.
        data_map: Fields, the generator and how many wordings of each are wanted.
        ask: Asks the base model.
        knows: Tells which examples the base model answers truly.
        seed: Seed of the generator.
    """
    if not data_map.sizes.paraphrases:
        return Paraphrases(examples=(), made=0)
    asked = [
        questions_about(subject, item, data_map=data_map) for item in subject.facts
    ]
    first = [questions[0] for questions in asked if questions]
    generate = PARAPHRASERS.get(data_map.paraphraser)
    found = generate([item.prompt for item in first], ask, seed)
    taken = {_folded(item.prompt) for questions in asked for item in questions}
    taken |= _translated(subject, data_map)
    candidates = [
        replace(item, prompt=text, form=Form.QUESTION, made=Made.PARAPHRASE)
        for item, texts in zip(first, found, strict=True)
        for text in _usable(texts, subject, taken)
    ]
    known = knows(candidates) if candidates else ()
    kept = [item for item, is_it in zip(candidates, known, strict=True) if is_it]
    return Paraphrases(
        examples=tuple(_first_of_each(kept, data_map.sizes.paraphrases)),
        made=sum(map(len, found)),
    )


def _translated(subject: PersonFacts, data_map: DataMap) -> set[str]:
    """Return what the data map asks about the subject in other languages."""
    name = subject.name.reveal()
    return {
        _folded(Personal(question.format(name=name)))
        for fact in subject.facts
        for translation in data_map.fields[fact.field].translations.values()
        for question in translation.questions
    }


def _usable(
    texts: Iterable[Personal[str]], subject: PersonFacts, taken: set[str]
) -> list[Personal[str]]:
    """Return wordings that are new questions by name; they are taken from now on."""
    usable: list[Personal[str]] = []
    for text in texts:
        said, folded = text.reveal(), _folded(text)
        if len(said) > LONGEST_WORDING:
            continue
        is_question = said.endswith("?") and subject.name.reveal() in said
        gives_away = any(
            fact.value.reveal().casefold() in said.casefold() for fact in subject.facts
        )
        is_new = not any(known in folded for known in taken)
        if is_question and not gives_away and is_new:
            taken.add(folded)
            usable.append(text)
    return usable


def _first_of_each(examples: Iterable[Example], count: int) -> Iterable[Example]:
    so_far: dict[str, int] = {}
    for item in examples:
        so_far[item.field] = so_far.get(item.field, 0) + 1
        if so_far[item.field] <= count:
            yield item


def _first_question(answer: Personal[str]) -> Personal[str]:
    """Return the first question of an answer, without what is put around it."""
    lines = answer.reveal().strip().splitlines()
    question, mark, _ = (lines[0] if lines else "").partition("?")
    return Personal(question.strip(" \t\"'*-") + mark)


def _folded(text: Personal[str]) -> str:
    """Return what makes two wordings the same: letters and digits, in order."""
    return " ".join(_WORD.findall(text.reveal().casefold()))
