import io
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sources import source_spec

from unlearn_core.adapters.connectors.copies import COMMON, Copies
from unlearn_core.adapters.connectors.near_copies import (
    NearCopies,
    bands,
    copies_of,
    features_of,
    fewest_of,
)
from unlearn_core.adapters.connectors.quoting import words_in
from unlearn_core.adapters.connectors.sieve import Sieve
from unlearn_core.domain.sources import SourceRecord

SPEC = replace(source_spec(), passages=(), reviews_quotes=True)
STORY = (
    "Marion carried seventeen yellow umbrellas across the frozen harbour before "
    "breakfast because her grandmother insisted that winter sunlight ruins good "
    "silk while nobody else believed such nonsense about expensive fabric"
)
"""Thirty words, all different, and 29 pairs."""

WORDS = STORY.split()


def original(text: str = STORY, name: str = "r-1") -> SourceRecord:
    return SPEC.record({"id": name, "answer": text}, why=("email as_written in text",))


def near(*originals: SourceRecord, least: float = 0.35) -> Copies:
    """Return what finds near copies of records, and no quotes."""
    return Copies(originals, NearCopies(originals, least=least))


def reasons(*texts: str, of: str = STORY, least: float = 0.35) -> list[str]:
    rows = [{"id": f"q-{at}", "answer": text} for at, text in enumerate(texts)]
    found = near(original(of), least=least).find(rows, SPEC)
    return [f"{record.record_id} {record.why[0]}" for record in found]


def another(every: int) -> str:
    """Return the story with another word in the place of every so manieth."""
    return " ".join(
        word if at % every else f"other{at}" for at, word in enumerate(WORDS, start=1)
    )


def similarity(one: str, other: str) -> float:
    """Return the Jaccard similarity of words and pairs."""
    mine, theirs = features_of(words_in(one)), features_of(words_in(other))
    return len(mine & theirs) / len(mine | theirs)


def estimate(reason: str) -> float:
    return float(reason.rpartition(" ")[2])


def test_features_are_words_and_pairs_of_neighbours() -> None:
    assert features_of(["one", "two", "one"]) == {"one", "two", "one two", "two one"}


@pytest.mark.parametrize(
    "text",
    [
        STORY,
        STORY.upper().replace(" ", ", "),
        STORY.replace("a", "\u00e4"),
    ],
)
def test_the_same_words_are_the_same_however_they_are_written(text: str) -> None:
    assert reasons(text) == ["q-0 near copy of r-1 similarity 1.00"]


@pytest.mark.parametrize(
    "text",
    [
        another(every=5),
        STORY.replace("Marion", "she").replace("grandmother", "granny"),
        " ".join([*WORDS[20:], *WORDS[10:20], *WORDS[:10]]),
        " ".join(f"{one} {two}" for two, one in pairwise(WORDS[::2])) + " " + STORY,
        " ".join(word for at, word in enumerate(WORDS) if at % 5),
        STORY.replace("umbrellas", "umbrelas").replace("sunlight", "sunligth"),
    ],
)
def test_what_is_changed_here_and_there_is_found_with_how_similar_it_is(
    text: str,
) -> None:
    (reason,) = reasons(text)
    assert reason.startswith("q-0 near copy of r-1 similarity 0.")
    # The standard error of an estimate is .03.
    assert estimate(reason) == pytest.approx(similarity(text, STORY), abs=0.12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        another(every=2),
        " ".join(f"word{at}" for at in range(30)),
        # Among five times as many other words.
        " ".join([*(f"before{at}" for at in range(150)), STORY]),
    ],
)
def test_what_is_too_different_is_not_found(text: str) -> None:
    assert reasons(text) == []


def test_the_data_map_says_how_similar() -> None:
    # Six words of 30 and eleven pairs of 29 are others: 42 of 76.
    text = another(every=5)
    assert similarity(text, STORY) == pytest.approx(42 / 76)
    assert reasons(text, least=0.35) != []
    assert reasons(text, least=0.75) == []
    assert copies_of([original()], SPEC).find([{"id": "q", "answer": text}], SPEC)
    strict = replace(SPEC, near_copies=0.75)
    assert not copies_of([original()], strict).find([{"id": "q", "answer": text}], SPEC)


def test_a_quote_is_called_a_quote() -> None:
    (found,) = copies_of([original()], SPEC).find([{"id": "q", "answer": STORY}], SPEC)
    assert found.why == ("quotes r-1 similarity 1.00",)


def test_a_text_with_few_long_words_is_not_looked_for() -> None:
    few = "seven long words are enough to tell nobody apart in such a note"
    assert reasons(few, of=few) == []


def test_each_column_is_a_text_of_its_own() -> None:
    row = {"id": "q", "answer": another(every=5), "question": "word " * 500}
    (found,) = near(original()).find([row], SPEC)
    assert found.why[0].startswith("near copy of r-1")


def test_originals_are_no_copies_of_themselves() -> None:
    assert near(original()).find([{"id": "r-1", "answer": STORY}], SPEC) == []


def test_the_original_that_is_most_similar_is_named() -> None:
    other = original(another(every=4), name="r-2")
    rows = [{"id": "q", "answer": another(every=4)}]
    (found,) = near(original(), other).find(rows, SPEC)
    assert found.why == ("near copy of r-2 similarity 1.00",)


def test_of_several_versions_the_most_similar_is_shown() -> None:
    rows = [{"id": "q", "answer": another(every=every)} for every in (5, 9, 4)]
    (found,) = near(original()).find(rows, SPEC)
    assert found.texts["answer"].reveal() == another(every=9)


def filled_in(form: str, at: int) -> str:
    return f"{form} {' '.join(f'answer{at}x{number}' for number in range(10))}"


def test_who_filled_in_the_same_form_is_no_near_copy_if_many_did() -> None:
    told = filled_in(STORY, 0)
    assert len(reasons(*[filled_in(STORY, at) for at in range(1, 21)], of=told)) == 20
    many = [filled_in(STORY, at) for at in range(1, COMMON + 2)]
    assert reasons(*many, of=told) == []
    # What was told is found all the same.
    slots = filled_in("", 0).replace("0x3", "0x33").strip()
    (found,) = reasons(*many, slots, of=told)
    assert found.startswith(f"q-{COMMON + 1} near copy of r-1")


@pytest.mark.parametrize("least", [0.3, 0.35, 0.5, 0.7, 0.95])
def test_the_table_finds_what_is_just_similar_enough(least: float) -> None:
    count, rows = bands(least)
    assert count * rows <= 256
    assert 1 - (1 - least**rows) ** count >= 0.98


@pytest.mark.parametrize("least", [0.3, 0.35, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("count", [8, 12, 16])
def test_few_copies_have_fewer_of_the_telling_words(count: int, least: float) -> None:
    """Where each word is kept with the same chance, by the binomial law."""
    kept = 2 * least / (1 + least)
    missed = sum(
        comb(count, number) * kept**number * (1 - kept) ** (count - number)
        for number in range(fewest_of(count, least=least))
    )
    assert missed < (0.03 if count > 8 else 0.06)


@settings(max_examples=25)
@given(
    changed=st.lists(
        st.sampled_from([None, "\u00fcber", "na\u00efve", "other"]),
        min_size=len(WORDS),
        max_size=len(WORDS),
    ),
    seed=st.integers(0, 99),
    gap=st.sampled_from([" ", ", ", "\n", " -- "]),
)
def test_the_search_of_raw_bytes_misses_no_near_copy(
    changed: Sequence[str | None], seed: int, gap: str
) -> None:
    """Whatever is found by looking at every record is found behind the sieve."""
    words = [
        word if other is None or at % 4 else other
        for at, (word, other) in enumerate(zip(WORDS, changed, strict=True))
    ]
    begin = random.Random(seed).randrange(len(words))
    row = {"id": "q", "answer": gap.join([*words[begin:], *words[:begin]])}
    told = original(STORY.replace("Marion", "Mari\u00f3n"))
    assert near(told).find([row], SPEC)
    for is_ascii in (True, False):
        line = json.dumps(row, ensure_ascii=is_ascii).encode() + b"\n"
        assert list(Sieve(near(told)).sift(io.BytesIO(line))) == [line]


def test_the_search_of_raw_bytes_passes_over_what_has_too_few_of_the_words() -> None:
    few = {"id": "q", "answer": "umbrellas for breakfast"}
    line = json.dumps(few).encode() + b"\n"
    assert list(Sieve(near(original())).sift(io.BytesIO(line))) == [1]
