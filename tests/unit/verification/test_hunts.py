import random
from collections.abc import Sequence

import pytest
from support.searches import TOKENIZER, law_with_a_magic_word
from support.village import values_of

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import SearchBudget
from unlearn_core.privacy import Personal
from unlearn_core.verification.hunts import POOL, Hunt, Target, hunt

CITY = values_of("subject-0")["city"]
TARGET = Target(
    group=Group.SUBJECT,
    ref="subject-0",
    field="city",
    question="ask city subject-0",
    fact=Personal(CITY),
    answer=(*TOKENIZER.text(CITY), TOKENIZER.end_id),
)
LAW = law_with_a_magic_word("subject-0")


class Listed:
    """Proposes the same texts again and again."""

    name = "listed"

    def __init__(self, *texts: str, overhead: int = 0) -> None:
        self._texts = texts
        self.overhead = overhead
        self.asked_for: list[int] = []

    def propose(self, hunts: Sequence[Hunt], count: int) -> list[list[str]]:
        """Return as many as are asked for."""
        self.asked_for.append(count)
        return [list(self._texts[:count]) for _ in hunts]


def found_by(proposer: Listed, passes: int) -> bool:
    (found,) = hunt(
        [TARGET],
        proposer,
        LAW,
        tokenizer=TOKENIZER,
        budget=SearchBudget(passes=passes, at_once=2),
        seed=0,
    )
    return found


@pytest.mark.parametrize(
    ("passes", "overhead", "is_found", "asked_for"),
    [
        # The question, then two texts a step; the third text of the list is never
        # asked for, because a step takes the first two.
        (1, 0, False, []),
        (2, 0, False, [1]),
        (3, 0, True, [2]),
        # A gradient of three leaves no pass for a text out of four.
        (4, 3, False, []),
        (5, 3, False, [1]),
        (6, 3, True, [2]),
    ],
)
def test_a_hunt_ends_with_its_budget(
    passes: int, overhead: int, *, is_found: bool, asked_for: list[int]
) -> None:
    texts = ("ask city subject-0 say", "ask city subject-0 neighbour-3")
    proposer = Listed(*texts, overhead=overhead)
    assert found_by(proposer, passes) is is_found
    assert proposer.asked_for == asked_for


def test_a_hunt_ends_when_nothing_more_is_proposed() -> None:
    proposer = Listed()
    assert not found_by(proposer, 50)
    assert proposer.asked_for == [2]


def test_the_best_texts_are_kept_and_a_find_replaces_them() -> None:
    one = Hunt(target=TARGET, rng=random.Random(0))
    for number in range(POOL + 2):
        one.take(f"text {number}", -float(number), is_likeliest=False)
    assert [text for _, text in one.best] == [f"text {n}" for n in range(POOL)]
    one.take("worse, but it works", -9.0, is_likeliest=True)
    one.take("too late", 0.0, is_likeliest=False)
    assert one.best == [(-9.0, "worse, but it works")]


def test_a_target_is_never_shown() -> None:
    assert CITY not in repr(TARGET)
    assert CITY not in repr(Hunt(target=TARGET, rng=random.Random(0)))
