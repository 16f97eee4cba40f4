import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.training.focus import LOOK_EVERY_STEPS, drawn_by_weight, refocused
from unlearn_core.training.loop import CHECKPOINT_EVERY_STEPS


def test_places_are_drawn_in_proportion_to_their_weights() -> None:
    rng = random.Random(0)
    first = Counter(
        drawn_by_weight([3.0, 1.0, 0.0], count=1, rng=rng)[0] for _ in range(4000)
    )
    assert first[0] / 4000 == pytest.approx(0.75, abs=0.02)
    assert first[1] / 4000 == pytest.approx(0.25, abs=0.02)


def test_weights_that_rounding_made_negative_do_no_harm() -> None:
    found = drawn_by_weight([-1e-9, 0.0, 5.0], count=3, rng=random.Random(0))
    assert found[0] == 2
    assert sorted(found) == [0, 1, 2]


@given(
    losses=st.lists(st.floats(0, 50), min_size=1, max_size=40),
    share=st.floats(0, 1),
    size=st.integers(0, 40),
    seed=st.integers(0, 99),
)
def test_a_batch_keeps_its_size_and_has_nobody_twice(
    losses: list[float], share: float, size: int, seed: int
) -> None:
    rng = random.Random(seed)
    rows = rng.sample(range(len(losses)), min(size, len(losses)))
    found = refocused(rows, losses, share=share, rng=rng)
    assert len(found) == len(set(found)) == len(rows)
    assert set(found) <= set(range(len(losses)))


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, [0, 1, 2, 3]), (0.5, [7, 9, 0, 1]), (1.0, {7, 9})]
)
def test_a_share_of_the_batch_goes_to_those_that_have_lost(
    share: float, expected: list[int] | set[int]
) -> None:
    losses = [0.0] * 7 + [1e6, 0.0, 1e3]
    found = refocused([0, 1, 2, 3], losses, share=share, rng=random.Random(0))
    if isinstance(expected, set):
        assert expected <= set(found)
    else:
        assert found == expected


def test_a_resumed_training_looks_where_it_would_have_looked() -> None:
    assert CHECKPOINT_EVERY_STEPS % LOOK_EVERY_STEPS == 0
