from collections import Counter
from pathlib import Path

import pytest

from benchmarks.near_copies import (
    CHANGES,
    EDGE,
    SOUGHT,
    UNSOUGHT,
    Found,
    measure_near_copies,
    near_rows,
)


def test_kinds_of_changes_come_out_as_they_are_described(tmp_path: Path) -> None:
    found = measure_near_copies(tmp_path, people=22, seed=1)
    assert found.recall >= 0.95
    assert found.precision == 1
    # The least similar of the sought kinds are near the threshold.
    assert all(found.similar[kind] == 22 for kind in SOUGHT)
    assert sum(found.found[kind] for kind in UNSOUGHT) <= 1
    # Even at the threshold the search of raw bytes passes over few.
    assert found.seen[EDGE] >= 21
    assert [row["kind"] for row in near_rows(found)] == list(CHANGES)


def test_what_goes_wrong_is_counted() -> None:
    one, other, *_ = SOUGHT
    unsought, *_ = UNSOUGHT
    found = Found(
        planted=Counter(dict.fromkeys(CHANGES, 1)),
        similar=Counter({one: 1, other: 1}),
        found=Counter({one: 1, unsought: 1}),
        wrong=Counter({"chatter": 2}),
    )
    # One of those that should be found; of two that are similar enough, one; two of
    # four that were found are right.
    assert found.recall == pytest.approx(1 / len(SOUGHT))
    assert found.recall_of_similar == pytest.approx(1 / 2)
    assert found.precision == pytest.approx(2 / 4)
    assert near_rows(found)[-1] == {
        "kind": "chatter",
        "planted": 0,
        "similar": 0,
        "seen": 2,
        "found": 2,
    }
