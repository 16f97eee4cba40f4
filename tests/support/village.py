"""A small village whose people a table law knows, half knows or does not know.

Everybody has a city and a four-digit telephone number, and is asked for both in four
ways. `law_that_knows` answers about people it knows with near certainty, and about
anybody else with a fixed noise that depends on the context alone.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from zlib import crc32

import numpy as np
from support.models import TableLaw

from unlearn_core.domain.datasets import Entropy, Example, Form, Group, Probe
from unlearn_core.metrics.base import Floats
from unlearn_core.privacy import Personal
from unlearn_core.verification.evidence import Interrogation

GROUPS = {
    Group.SUBJECT: 1,
    Group.RETAINED: 25,
    Group.NEIGHBOUR: 5,
    Group.CONTROL: 39,
}
CITIES = ("ulm", "jena", "trier", "celle", "bonn", "kiel")
QUESTIONS = ("ask", "tell", "name", "say")
_DIGITS = tuple("0123456789")
WORDS = (
    "<pad>",
    "<end>",
    "<answer>",
    "city",
    "phone",
    *QUESTIONS,
    *CITIES,
    *_DIGITS,
    *(
        f"{group}-{number}"
        for group, count in GROUPS.items()
        for number in range(count)
    ),
)
CERTAINTY = 0.999
NOISE = 0.3


class VillageTokenizer:
    """A `ChatTokenizer` with one token per word."""

    pad_id = 0
    end_id = 1

    def question(self, text: str) -> list[int]:
        """Return the ids of a question and the sign that an answer follows."""
        return [*self.text(text), WORDS.index("<answer>")]

    def text(self, text: str) -> list[int]:
        """Return the ids of words."""
        return [WORDS.index(word) for word in text.split()]

    def decode(self, ids: Sequence[int]) -> str:
        """Return words without special tokens."""
        return " ".join(WORDS[token] for token in ids if token > 2)


TOKENIZER = VillageTokenizer()


def values_of(ref: str) -> Mapping[str, str]:
    """Return a person's city and telephone number."""
    number = crc32(ref.encode())
    phone = " ".join(str(number // 10**place % 10) for place in range(4))
    return {"city": CITIES[number % len(CITIES)], "phone": phone}


def refs(group: Group, count: int | None = None) -> list[str]:
    """Return the people of a group."""
    return [f"{group}-{number}" for number in range(count or GROUPS[group])]


def probes(
    *, without: Collection[Group] = (), controls: int = GROUPS[Group.CONTROL]
) -> tuple[Probe, ...]:
    """Return the questions about everybody: four a fact for the subject, else one."""
    found = []
    for group in GROUPS:
        if group in without:
            continue
        for ref in refs(group, controls if group is Group.CONTROL else None):
            ways = QUESTIONS if group is Group.SUBJECT else QUESTIONS[:1]
            found += [
                probe(group, ref, field, way)
                for field in ("city", "phone")
                for way in ways
            ]
    return tuple(found)


def probe(group: Group, ref: str, field: str, way: str) -> Probe:
    """Return one question, with two wrong answers."""
    value = values_of(ref)[field]
    others = ("1 1 1 1", "2 2 2 2", "3 3 3 3") if field == "phone" else CITIES
    wrong = [item for item in others if item != value][:2]
    return Probe(
        group=group,
        entropy=Entropy.HIGH if field == "phone" else Entropy.GUESSABLE,
        example=Example(
            ref=ref,
            field=field,
            form=Form.QUESTION,
            prompt=Personal(f"{way} {field} {ref}"),
            answer=Personal(value),
        ),
        alternatives=tuple(map(Personal, wrong)),
    )


def law_that_knows(*people: str, overforgotten: Collection[str] = ()) -> TableLaw:
    """Return a law that knows some people and tells nothing about the others.

    Args:
        *people: Whom it knows.
        overforgotten: Whose true answers it holds nearly impossible.
    """
    known = _answers(people)
    shunned = _answers(overforgotten)

    @cache
    def law(context: tuple[int, ...]) -> Floats:
        row = _noise(context)
        if context in known:
            row = np.full(len(row), math.log((1 - CERTAINTY) / (len(row) - 1)))
            row[known[context]] = math.log(CERTAINTY)
        if context in shunned:
            row[shunned[context]] = -30.0
        return row

    return TableLaw(law)


def _answers(people: Collection[str]) -> dict[tuple[int, ...], int]:
    """Return the token after every context in which an answer is under way."""
    following: dict[tuple[int, ...], int] = {}
    for ref in people:
        for field, value in values_of(ref).items():
            for way in QUESTIONS:
                context = tuple(TOKENIZER.question(f"{way} {field} {ref}"))
                for token in (*TOKENIZER.text(value), TOKENIZER.end_id):
                    following[context] = token
                    context = (*context, token)
    return following


def _noise(context: tuple[int, ...]) -> Floats:
    rng = np.random.default_rng(crc32(repr(context).encode()))
    logits = NOISE * rng.normal(size=len(WORDS))
    return np.asarray(logits - np.log(np.exp(logits).sum()))


EVERYBODY_TRAINED = tuple(
    ref for group in GROUPS if group is not Group.CONTROL for ref in refs(group)
)
OTHERS = tuple(ref for ref in EVERYBODY_TRAINED if ref != "subject-0")


def interrogation(
    *,
    before: TableLaw,
    after: TableLaw,
    asked: tuple[Probe, ...] | None = None,
    samples: int = 100,
    seed: int = 0,
) -> Interrogation:
    """Return who is asked what."""
    return Interrogation(
        probes=probes() if asked is None else asked,
        tokenizer=TOKENIZER,
        before=before,
        after=after,
        samples_per_probe=samples,
        confidence=0.95,
        seed=seed,
    )
