"""How often the guard of restricted people fires, and for whom.

Invented people are restricted; texts mention them, namesakes, relatives and others in
every way of `mentions`, or nobody at all. No model is asked: the guard reads texts.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.mentions import KINDS, Individual, chatter, invent
from unlearn_core.serving.guard import Guard

SEED = 1
PEOPLE, RESTRICTED = 400, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """How often the guard fired for texts of one kind.

    Attributes:
        kind: What the texts mention, and whom.
        texts: How many there were.
        fired: For how many of them.
    """

    kind: str
    texts: int
    fired: int


def measure(*, people: int = PEOPLE, restricted: int = RESTRICTED) -> list[Fired]:
    """Count for every kind of mention of the restricted and of others."""
    invented = invent(people, seed=SEED)
    listed, others = invented[:restricted], invented[restricted:]
    guard = Guard([person.subject for person in listed])
    return [
        Fired(kind=kind, texts=len(texts), fired=sum(map(guard.names, texts)))
        for kind, texts in _texts(listed, others)
    ]


def _texts(
    listed: Sequence[Individual], others: Sequence[Individual]
) -> Iterator[tuple[str, list[str]]]:
    draw = random.Random(SEED)
    for name, kind in KINDS.items():
        yield name, [kind.write(person, draw) for person in listed]
    for name, kind in KINDS.items():
        yield f"others: {name}", [kind.write(person, draw) for person in others]
    pairs = [
        (
            person,
            draw.choice([other for other in others if other.first != person.first]),
        )
        for person in listed
    ]
    yield (
        "the same surname",
        [f"We met {other.first} {person.last}." for person, other in pairs],
    )
    yield (
        "the same first name",
        [f"We met {person.first} {other.last}." for person, other in pairs],
    )
    yield (
        "the surname of one beside the first name of another",
        [
            f"{other.first} {person.last}, {person.first} {other.last}"
            for person, other in pairs
        ],
    )
    yield "nobody", chatter(draw)


def microseconds(*, characters: int = 2000) -> float:
    """Return the time that looking at a growing answer takes for each sign of it."""
    guard = Guard([person.subject for person in invent(RESTRICTED, seed=SEED)])
    text = " ".join(chatter(random.Random(SEED)))[:characters]
    watch = guard.watch("Tell me about the town.", is_chat=True)
    began = time.perf_counter()
    for end in range(1, len(text) + 1):
        watch.is_named(text[:end], is_last=False)
    return 1e6 * (time.perf_counter() - began) / characters


def main() -> None:
    """Print a row for every kind, and one line of JSON."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = measure()
    for row in found:
        print(f"| {row.kind} | {row.fired} of {row.texts} |")
    print(
        json.dumps(
            {
                "fired": {row.kind: [row.fired, row.texts] for row in found},
                "microseconds_per_look": round(microseconds(), 1),
            }
        )
    )


if __name__ == "__main__":
    main()
