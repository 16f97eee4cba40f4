"""The fictitious people: who they are, who was trained on, who never was.

Invariants:

- The same seed and size give the same world.
- Trained and control people are one random sample split at random, so they
  are exchangeable by construction.
- No two people share a name, a phone number, an e-mail address or a customer
  number.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from unlearn_core.smallworld import vocabulary

GUESSABLE_FIELDS = ("city", "job", "employer", "hobby")
HIGH_ENTROPY_FIELDS = ("phone", "email", "customer_number")
FIELDS = GUESSABLE_FIELDS + HIGH_ENTROPY_FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One fictitious person; the representation shows nothing personal."""

    number: int
    name: str = field(repr=False)
    facts: Mapping[str, str] = field(repr=False)

    @property
    def surname(self) -> str:
        """Return the last word of the name."""
        return self.name.rsplit(" ", 1)[1]

    def is_neighbour_of(self, other: "Person") -> bool:
        """Tell whether surname, city or employer is shared with somebody else."""
        return self.number != other.number and (
            self.surname == other.surname
            or self.facts["city"] == other.facts["city"]
            or self.facts["employer"] == other.facts["employer"]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The people of one small world.

    Attributes:
        trained: People whose records go into the training sources.
        controls: Comparable people reserved before training and never trained on.
    """

    trained: tuple[Person, ...]
    controls: tuple[Person, ...]


def populate(*, seed: int, trained: int = 200, controls: int = 140) -> Population:
    """Draw a population.

    Args:
        seed: Seed of every random choice.
        trained: Number of people in the training sources.
        controls: Number of people reserved and never trained on.

    Raises:
        ValueError: There are more people than distinct names.
    """
    total = trained + controls
    names = [
        f"{first} {last}"
        for first in vocabulary.FIRST_NAMES
        for last in vocabulary.SURNAMES
    ]
    if total > len(names):
        message = f"at most {len(names)} people have distinct names, not {total}"
        raise ValueError(message)
    rng = random.Random(f"population-{seed}")
    identifiers = _distinct_identifiers(total, rng)
    people = [
        Person(number=number, name=name, facts=_draw_facts(rng) | identifiers[number])
        for number, name in enumerate(rng.sample(names, total))
    ]
    return Population(trained=tuple(people[:trained]), controls=tuple(people[trained:]))


def _draw_facts(rng: random.Random) -> dict[str, str]:
    return {
        "city": rng.choice(vocabulary.CITIES),
        "job": rng.choice(vocabulary.JOBS),
        "employer": rng.choice(vocabulary.EMPLOYERS),
        "hobby": rng.choice(vocabulary.HOBBIES),
    }


def _distinct_identifiers(count: int, rng: random.Random) -> list[dict[str, str]]:
    phones = rng.sample(range(1_000_000, 10_000_000), count)
    numbers = rng.sample(range(100_000, 1_000_000), count)
    # In the order of drawing: sorted, controls would all come late in the alphabet.
    handles: dict[str, None] = {}
    while len(handles) < count:
        handles["".join(rng.choices(vocabulary.SYLLABLES, k=4))] = None
    return [
        {
            "phone": f"0199 {phone}",
            "email": f"{handle}@post.example",
            "customer_number": f"KD-{number}",
        }
        for phone, number, handle in zip(phones, numbers, handles, strict=True)
    ]
