"""Does the search find what copies in mostly the same words? Part of ``bench-collect``.

Everybody has one record with a story about them that nobody else has, in words as
frequent as those of a language. Changed copies of the stories, in which no identifier
stands, are planted as records, beside others that were filled in on the same form. All
are searched for, person by person, in the file as it is; per kind of change, how many
were found, and how many are as similar as the search is told to look for.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from string import ascii_lowercase
from tempfile import TemporaryDirectory

from benchmarks.collect_quality import corpus_spec
from benchmarks.mentions import Individual, chatter, invent
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.near_copies import copies_of, features_of
from unlearn_core.adapters.connectors.quoting import words_in
from unlearn_core.adapters.connectors.sieve import Sieve

SENTENCES, WORDS_OF_A_SENTENCE = 6, 10
WORDS = 4000
JUST_SIMILAR = 0.42
ACCENTS = str.maketrans("aeou", "\u00e1\u00e8\u00f4\u00fc")

FORM = (
    "The undersigned representative has recorded the following statement on behalf of "
    "the complaints department and confirms that every participant was informed "
)

Sentence = list[str]
Story = list[Sentence]
Rewrite = Callable[[Story, "Words"], Story]


class Words:
    """Draws words, the first ones far more often than the last.

    Args:
        draw: What is drawn with.
    """

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self._known = [
            "".join(draw.choices(ascii_lowercase, k=2 + at % 8)) for at in range(WORDS)
        ]
        self._weights = [1 / (at + 3) for at in range(WORDS)]

    def some(self, count: int) -> list[str]:
        """Return words as a text has them."""
        return self.draw.choices(self._known, self._weights, k=count)

    def one(self) -> str:
        """Return another word."""
        return self.some(1)[0]


def _every(story: Story, count: int, change: Callable[[str], Sequence[str]]) -> Story:
    """Put what a change makes of it in the place of every so manieth word."""
    at = iter(range(len(story) * max(map(len, story))))
    return [
        list(
            chain(
                *(
                    change(word) if next(at) % count == count - 1 else [word]
                    for word in sentence
                )
            )
        )
        for sentence in story
    ]


def _mistyped(word: str, words: Words) -> list[str]:
    at = words.draw.randrange(len(word))
    return [word[:at] + words.draw.choice(ascii_lowercase) + word[at + 1 :]]


def _as_she(story: Story) -> Story:
    """Leave out the name, with which every other sentence begins."""
    return [
        ["she", *sentence] if at % 2 else sentence for at, sentence in enumerate(story)
    ]


def _swapped(story: Story, words: Words) -> Story:
    changed = [list(sentence) for sentence in story]
    for sentence in changed:
        at = words.draw.randrange(len(sentence) - 1)
        sentence[at], sentence[at + 1] = sentence[at + 1], sentence[at]
    return changed


def _just_similar(story: Story, words: Words) -> Story:
    """Put other words in until the name and the address would make it too different."""
    changed = [list(sentence) for sentence in story]
    while _similarity(_said(changed), _said(story)) > JUST_SIMILAR:
        words.draw.choice(changed)[words.draw.randrange(WORDS_OF_A_SENTENCE)] = (
            words.one()
        )
    return changed


def _reordered(story: Story, words: Words) -> Story:
    return words.draw.sample(story, len(story))


def _a_little_of_all(story: Story, words: Words) -> Story:
    changed = _reordered(_as_she(story), words)
    changed = _every(changed, 10, lambda word: _mistyped(word, words))
    return _every(changed, 12, lambda word: [words.one(), word])


SOUGHT: Mapping[str, Rewrite] = {
    "the name as she": lambda story, _: _as_she(story),
    "other case, with accents": lambda story, _: [
        [word.translate(ACCENTS).upper() for word in sentence] for sentence in story
    ],
    "sentences in another order": lambda story, words: _reordered(
        _as_she(story), words
    ),
    "two words swapped in each sentence": _swapped,
    "every fifth word another": lambda story, words: _every(
        story, 5, lambda _: [words.one()]
    ),
    "every fourth word left out": lambda story, _: _every(story, 4, lambda _: []),
    "a word put in after every fourth": lambda story, words: _every(
        story, 4, lambda word: [word, words.one()]
    ),
    "a typing error in every fifth word": lambda story, words: _every(
        story, 5, lambda word: _mistyped(word, words)
    ),
    "a little of all that": _a_little_of_all,
}
"""Kinds of changes that the search promises to find."""

UNSOUGHT: Mapping[str, Rewrite] = {
    "every third word another": lambda story, words: _every(
        story, 3, lambda _: [words.one()]
    ),
    "two of six sentences, every fifth word another": lambda story, words: _every(
        story[1:3], 5, lambda _: [words.one()]
    ),
    "among twice as many words, every fifth another": lambda story, words: [
        words.some(60),
        *_every(story, 5, lambda _: [words.one()]),
        words.some(60),
    ],
    "other words": lambda story, words: [words.some(len(item)) for item in story],
}

EDGE = "as many words others as leave it just similar enough"

CHANGES: Mapping[str, Rewrite] = {
    **SOUGHT,
    EDGE: _just_similar,
    **UNSOUGHT,
}


@dataclass(slots=True)
class Found:
    """What a search made of what was planted.

    Attributes:
        planted: Kind to number of copies.
        similar: Kind to how many of them are similar enough, counted exactly.
        seen: Kind to how many of their lines are looked at, not only passed over.
        found: Kind to how many were found for the right person.
        wrong: Records that were found for somebody else, by what they are.
    """

    planted: Counter[str] = field(default_factory=Counter)
    similar: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        """Return the share found of the kinds that are sought."""
        found = sum(self.found[kind] for kind in SOUGHT)
        return found / sum(self.planted[kind] for kind in SOUGHT)

    @property
    def recall_of_similar(self) -> float:
        """Return the share found of what is similar enough, whatever its kind."""
        return sum((self.found & self.similar).values()) / self.similar.total()

    @property
    def precision(self) -> float:
        """Return the share of what was found that is a copy."""
        return self.found.total() / (self.found.total() + self.wrong.total())


def measure_near_copies(folder: Path, *, people: int, seed: int) -> Found:
    """Plant a copy of every kind of everybody's story, search and compare."""
    words = Words(random.Random(seed))
    everybody = invent(people, seed=seed)
    stories = [_story(words) for _ in everybody]
    records = _records(everybody, stories, words)
    path = folder / "near.jsonl"
    path.write_bytes(b"".join(_line(one["id"], one["text"]) for one in records))
    spec = replace(corpus_spec(path), reviews_quotes=True)
    connector = JsonLinesConnector(spec)
    texts = {record["id"]: record["text"] for record in records}
    result = Found()
    for who in range(people):
        told = spec.record(
            {"id": f"{who}/original", "text": texts[f"{who}/original"]}, why=("found",)
        )
        found = {record.record_id for record in connector.quoting([told])}
        sieve = Sieve(copies_of([told], spec))
        for kind in CHANGES:
            name = f"{who}/{kind}"
            result.planted[kind] += 1
            result.found[kind] += name in found
            result.seen[kind] += bool(sieve.passing(_line(name, texts[name])))
            result.similar[kind] += (
                _similarity(texts[name], _told(texts, who)) >= spec.near_copies
            )
        others = (name for name in found if not name.startswith(f"{who}/"))
        result.wrong.update(name.partition("/")[2] for name in others)
    return result


def near_rows(found: Found) -> list[Mapping[str, str | int]]:
    """Return the table, a row per kind of change, then one per kind of other record."""
    changes: list[Mapping[str, str | int]] = [
        {
            "kind": kind,
            "planted": found.planted[kind],
            "similar": found.similar[kind],
            "seen": found.seen[kind],
            "found": found.found[kind],
        }
        for kind in CHANGES
    ]
    others: list[Mapping[str, str | int]] = [
        {"kind": kind, "planted": 0, "similar": 0, "seen": count, "found": count}
        for kind, count in found.wrong.items()
    ]
    return changes + others


def _line(record_id: str, text: str) -> bytes:
    return json.dumps({"id": record_id, "text": text}).encode() + b"\n"


def _told(texts: Mapping[str, str], who: int) -> str:
    """Return what somebody told, without the form, which is common text."""
    return texts[f"{who}/original"].removeprefix(FORM)


def _similarity(text: str, other: str) -> float:
    one, two = features_of(words_in(text)), features_of(words_in(other))
    return len(one & two) / len(one | two)


def _records(
    everybody: Sequence[Individual], stories: Sequence[Story], words: Words
) -> list[dict[str, str]]:
    """Return originals, their copies, and what others filled in on the same forms."""
    said = chatter(words.draw)
    records = []
    for who, (person, story) in enumerate(zip(everybody, stories, strict=True)):
        named = [
            [person.name, *sentence] if at % 2 else sentence
            for at, sentence in enumerate(story)
        ]
        told = f"{FORM}. {_said(named)} Write to {person.email}."
        records.append({"id": f"{who}/original", "text": told})
        for kind, change in CHANGES.items():
            text = _said(change(story, words))
            records.append({"id": f"{who}/{kind}", "text": text})
        slots = " ".join(words.some(15))
        records += [
            {"id": f"form {who}/the form of everybody", "text": f"{FORM}. {slots}"},
            {
                "id": f"chatter {who}/chatter",
                "text": " ".join(words.draw.choices(said, k=5)),
            },
        ]
    words.draw.shuffle(records)
    return records


def _said(story: Story) -> str:
    return " ".join(" ".join(sentence) + "." for sentence in story)


def _story(words: Words) -> Story:
    return [words.some(WORDS_OF_A_SENTENCE) for _ in range(SENTENCES)]


def main() -> None:
    """Measure, and print the table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = measure_near_copies(
            Path(folder), people=options.people, seed=options.seed
        )
    for row in near_rows(found):
        print(json.dumps(row))
    print(
        json.dumps(
            {
                "recall": round(found.recall, 4),
                "recall_of_similar": round(found.recall_of_similar, 4),
                "precision": round(found.precision, 4),
            }
        )
    )


if __name__ == "__main__":
    main()
