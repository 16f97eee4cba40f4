"""Sentences that concern nobody, for the training sources."""

import random

_SUBJECTS = (
    "The river",
    "The old bridge",
    "A quiet street",
    "The market",
    "The morning train",
    "A small boat",
    "The tall tower",
    "The garden",
    "The library",
    "A heavy rain",
    "The winter",
    "The museum",
    "The harbour",
    "A long road",
    "The mill",
)
_VERBS = (
    "runs past",
    "stands near",
    "looks towards",
    "is older than",
    "is close to",
    "opens before",
    "leads to",
    "is known for",
    "follows",
    "belongs to",
)
_OBJECTS = (
    "the hill",
    "the forest",
    "the station",
    "the square",
    "the lake",
    "the school",
    "the theatre",
    "the church",
    "the fields",
    "the coast",
    "the valley",
    "the workshop",
)
_ENDINGS = (
    "in spring",
    "at noon",
    "every year",
    "on most days",
    "after dark",
    "when it snows",
    "without a sound",
    "as always",
)


def sentences(count: int, *, rng: random.Random) -> list[str]:
    """Return so many random sentences."""
    return [
        f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} "
        f"{rng.choice(_OBJECTS)} {rng.choice(_ENDINGS)}."
        for _ in range(count)
    ]
