"""Which never-trained people are like the subject, so that comparing says something.

A control person has every field that the subject has, and is asked about these alone.
Values must be about as long: the longer the answer, the less likely is any model to
give it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from unlearn_core.domain.datasets import Comparison, PersonFacts

TIMES_AS_LONG = 2
MORE_TOKENS = 3
"""Values may be so many times as long on average, and so many tokens more."""

TokenCount = Callable[[str], int]
"""Number of tokens of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Who was found comparable.

    Attributes:
        people: In the order given, with the fields that the subject has.
        comparison: The numbers.
    """

    people: tuple[PersonFacts, ...]
    comparison: Comparison


def compare(
    subject: PersonFacts, people: Sequence[PersonFacts], *, token_count: TokenCount
) -> Compared:
    """Keep whoever is comparable with the subject; nobody is changed in order.

    Without facts about the subject there is nothing to compare.
    """
    if not subject.facts:
        return Compared(people=tuple(people), comparison=Comparison())
    fields = {fact.field for fact in subject.facts}
    narrowed = [_only(person, fields) for person in people]
    complete = [item for item in narrowed if len(item.facts) == len(fields)]
    own = _mean_tokens(subject, token_count)
    lengths = [_mean_tokens(person, token_count) for person in complete]
    kept = [
        (person, length)
        for person, length in zip(complete, lengths, strict=True)
        if _is_near(own, length)
    ]
    shares = [round(100 * length / own) if own else 100 for _, length in kept]
    return Compared(
        people=tuple(person for person, _ in kept),
        comparison=Comparison(
            fields=len(fields),
            comparable=len(kept),
            without_fields=len(narrowed) - len(complete),
            other_lengths=len(complete) - len(kept),
            shortest=min(shares, default=0),
            longest=max(shares, default=0),
        ),
    )


def _only(person: PersonFacts, fields: set[str]) -> PersonFacts:
    kept = tuple(fact for fact in person.facts if fact.field in fields)
    return person if kept == person.facts else replace(person, facts=kept)


def _mean_tokens(person: PersonFacts, token_count: TokenCount) -> float:
    return fmean(token_count(fact.value.reveal()) for fact in person.facts)


def _is_near(first: float, second: float) -> bool:
    short, long = sorted((first, second))
    return long <= TIMES_AS_LONG * short + MORE_TOKENS
