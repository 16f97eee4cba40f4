from itertools import pairwise

import pytest

from unlearn_core.serving.pace import FIRST_PAUSE, LONGEST_PAUSE, Pace, Speculation


def live(pace: Pace, steps: int, *, plain: float, speculative: float) -> list[bool]:
    """Let a pace decide about steps whose costs are given."""
    kinds = []
    for _ in range(steps):
        kind = pace.speculates(Speculation.AUTO, rows=1)
        pace.record(rows=1, speculative=kind, seconds=speculative if kind else plain)
        kinds.append(kind)
    return kinds


@pytest.mark.parametrize(
    ("wish", "expected"), [(Speculation.ALWAYS, True), (Speculation.NEVER, False)]
)
def test_a_wish_is_obeyed_without_measuring(
    wish: Speculation, *, expected: bool
) -> None:
    assert Pace().speculates(wish, rows=3) is expected


def test_both_kinds_are_tried_before_one_is_chosen() -> None:
    kinds = live(Pace(), 8, plain=1.0, speculative=2.0)
    assert kinds == [False] * 4 + [True] * 4


def test_what_is_slower_is_left_and_tried_ever_more_seldom() -> None:
    kinds = live(Pace(), 6 * LONGEST_PAUSE, plain=1.0, speculative=2.0)
    begins = [at for at in range(1, len(kinds)) if kinds[at] and not kinds[at - 1]]
    pauses = [later - at for at, later in pairwise(begins)]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert max(pauses) == LONGEST_PAUSE
    assert sum(kinds) / len(kinds) < 0.01


def test_what_is_faster_is_made() -> None:
    kinds = live(Pace(), 1000, plain=2.0, speculative=1.0)
    assert sum(kinds) > 970


def test_a_change_of_costs_is_noticed() -> None:
    pace = Pace()
    live(pace, 100, plain=1.0, speculative=2.0)
    kinds = live(pace, 2000, plain=1.0, speculative=0.2)
    assert all(kinds[-50:])


def test_like_numbers_of_rows_are_judged_apart_from_others() -> None:
    pace = Pace()
    for _ in range(4):
        pace.record(rows=1, speculative=False, seconds=2.0)
    for _ in range(4):
        pace.record(rows=1, speculative=True, seconds=1.0)
    assert pace.speculates(Speculation.AUTO, rows=1)
    assert not pace.speculates(Speculation.AUTO, rows=16)
