"""Does the search find copies of what was told? Part of ``make bench-collect``.

Everybody has one record with their address and a story that nobody else has. Copies of
the stories, in which no identifier stands, are planted among chatter and forms that
many people filled in. All are searched for, person by person; per kind of copy, how
many were found for the person whose story it is. Copies in mostly the same words are
those of `benchmarks.near_copies`.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from benchmarks.collect_quality import corpus_spec
from benchmarks.mentions import Individual, chatter, invent
from unlearn_core.adapters.connectors.copies import Copies
from unlearn_core.adapters.connectors.quoting import Quotes
from unlearn_core.adapters.connectors.specification import SourceSpec

SENTENCES, WORDS_OF_A_SENTENCE = 5, 9
_SYLLABLES = (
    "ba",
    "den",
    "fol",
    "gil",
    "ka",
    "lom",
    "mi",
    "nur",
    "pe",
    "sal",
    "to",
    "vu",
)

Story = list[list[str]]
Copy = Callable[[Story, random.Random], str]


def _sentences(story: Sequence[Sequence[str]]) -> str:
    return " ".join(" ".join(sentence) + "." for sentence in story)


def _with_typos(story: Story, draw: random.Random, *, every: int) -> str:
    words = [word for sentence in story for word in sentence]
    for at in range(draw.randrange(every), len(words), every):
        words[at] = words[at][::-1] + "q"
    return " ".join(words)


COPIES: Mapping[str, tuple[bool, Copy]] = {
    "whole": (True, lambda story, _: _sentences(story)),
    "in capitals, other punctuation": (
        True,
        lambda story, _: _sentences(story).upper().replace(".", " --"),
    ),
    "sentences in another order": (
        True,
        lambda story, draw: _sentences(draw.sample(story, len(story))),
    ),
    "two sentences among others": (True, lambda story, _: _sentences(story[1:3])),
    "every tenth word wrong": (
        True,
        lambda story, draw: _with_typos(story, draw, every=10),
    ),
    "one sentence": (False, lambda story, _: _sentences(story[2:3])),
    "every fifth word wrong": (
        False,
        lambda story, draw: _with_typos(story, draw, every=5),
    ),
    "six words": (False, lambda story, _: " ".join(story[0][:6])),
    "the same words shuffled": (
        False,
        lambda story, draw: " ".join(draw.sample([*chain(*story)], 45)),
    ),
}
"""Kind to whether it should be found, and how it is made."""


@dataclass(slots=True)
class Found:
    """What a search made of what was planted.

    Attributes:
        planted: Kind to number of copies.
        found: Kind to how many of them were found for the right person.
        wrong: Records that were found for somebody whom they do not quote.
    """

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    wrong: int = 0

    @property
    def recall(self) -> float:
        """Return the share found of what should be."""
        kinds = [kind for kind, (is_sought, _) in COPIES.items() if is_sought]
        found = sum(self.found[kind] for kind in kinds)
        return found / sum(self.planted[kind] for kind in kinds)

    @property
    def precision(self) -> float:
        """Return the share of what was found that quotes the person."""
        right = self.found.total()
        return right / (right + self.wrong)


def measure_copies(folder: Path, *, people: int, seed: int) -> Found:
    """Plant a copy of every kind of everybody's story, search and compare."""
    draw = random.Random(seed)
    everybody = invent(people, seed=seed)
    stories = [_story(draw) for _ in everybody]
    path = folder / "quoted.jsonl"
    _write(path, _records(everybody, stories, draw))
    spec = corpus_spec(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    result = Found()
    for who in range(people):
        found = _search(who, lines, spec)
        for kind in COPIES:
            result.planted[kind] += 1
            result.found[kind] += f"{who}/{kind}" in found
        result.wrong += sum(not name.startswith(f"{who}/") for name in found)
    return result


def copy_rows(found: Found) -> list[Mapping[str, str | int]]:
    """Return the table, a row per kind."""
    return [
        {"kind": kind, "planted": found.planted[kind], "found": found.found[kind]}
        for kind in COPIES
    ]


def _search(who: int, lines: list[dict[str, str]], spec: SourceSpec) -> set[str]:
    original = next(line for line in lines if line["id"] == f"{who}/original")
    told = [spec.record(original, why=("found",))]
    copies = Copies(told, Quotes(told))
    return {record.record_id for record in copies.find(lines, spec)}


def _records(
    everybody: Sequence[Individual], stories: Sequence[Story], draw: random.Random
) -> list[dict[str, str]]:
    said = chatter(draw)
    form = "I agree that what I have told may be kept for as long as it is needed here"
    records = []
    for who, (person, story) in enumerate(zip(everybody, stories, strict=True)):
        told = f"{form}. {_sentences(story)} Write to {person.email}."
        records.append({"id": f"{who}/original", "text": told})
        records.append({"id": f"form {who}", "text": f"{form}. {draw.choice(said)}"})
        for kind, (_, copy) in COPIES.items():
            before, behind = draw.choices(said, k=2)
            text = f"{before} {copy(story, draw)} {behind}"
            records.append({"id": f"{who}/{kind}", "text": text})
    draw.shuffle(records)
    return records


def _story(draw: random.Random) -> Story:
    """Return sentences of invented words that many stories use."""
    return [
        ["".join(draw.choices(_SYLLABLES, k=2)) for _ in range(WORDS_OF_A_SENTENCE)]
        for _ in range(SENTENCES)
    ]


def _write(path: Path, records: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
