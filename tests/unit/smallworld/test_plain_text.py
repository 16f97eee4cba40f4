import random

from unlearn_core.smallworld import vocabulary
from unlearn_core.smallworld.plain_text import sentences


def test_so_many_sentences_come_as_were_asked_for() -> None:
    assert len(sentences(7, rng=random.Random(0))) == 7
    assert sentences(0, rng=random.Random(0)) == []


def test_the_same_seed_gives_the_same_sentences() -> None:
    assert sentences(30, rng=random.Random(5)) == sentences(30, rng=random.Random(5))
    assert sentences(30, rng=random.Random(5)) != sentences(30, rng=random.Random(6))


def test_sentences_concern_nobody() -> None:
    text = " ".join(sentences(2000, rng=random.Random(0)))

    names = (*vocabulary.FIRST_NAMES, *vocabulary.SURNAMES, *vocabulary.EMPLOYERS)
    assert [name for name in names if name in text] == []
