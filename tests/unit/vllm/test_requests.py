import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.vllm import (
    Context,
    Direction,
    Update,
    context,
    offsets_of,
    slot_with,
    version,
)

from unlearn_core.serving.slot import Slot
from unlearn_core.vllm.offsets import PairOffset
from unlearn_core.vllm.requests import Batch, SlotTable

PROMPT = [7, 19, 4]


@pytest.fixture
def slot() -> Slot[PairOffset]:
    """Return a slot with a version."""
    return slot_with(version())


@pytest.fixture
def batch(slot: Slot[PairOffset]) -> Batch:
    """Return the batch of an engine that runs nothing yet."""
    return Batch(offsets_of(slot))


def texts(batch: Batch, rows: int) -> dict[int, list[int]]:
    """Return the text of each row."""
    return {item.rows[0]: list(item.ids(0)) for item in batch.asked(rows)}


def test_the_first_runners_rows_grow_with_its_own_lists(batch: Batch) -> None:
    answer: list[int] = []
    batch.update(Update(added=[(0, None, PROMPT, answer)]))
    assert texts(batch, 1) == {0: [7, 19, 4]}
    answer += [80, 81]
    batch.update(None)
    (item,) = batch.asked(1)
    assert (item.length, list(item.ids(2)), list(item.ids(4))) == (5, [4, 80, 81], [81])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Update(removed=[1]), {0: [10], 2: [12]}),
        (Update(removed=[0], added=[(0, None, [13], [])]), {0: [13], 1: [11], 2: [12]}),
        # A row may be taken without having been removed.
        (Update(added=[(1, None, [13], [5])]), {0: [10], 1: [13, 5], 2: [12]}),
        (
            Update(removed=[0], moved=[(2, 0, Direction.UNIDIRECTIONAL)]),
            {0: [12], 1: [11]},
        ),
        (Update(moved=[(0, 2, Direction.SWAP)]), {0: [12], 1: [11], 2: [10]}),
        # Removals come first, additions next, moves last.
        (
            Update(
                removed=[1],
                added=[(1, None, [13], [])],
                moved=[(1, 0, Direction.SWAP), (2, 1, Direction.UNIDIRECTIONAL)],
            ),
            {0: [13], 1: [12]},
        ),
        # A prompt without tokens is nobody's: its row will be blanked.
        (Update(added=[(0, None, None, [])]), {1: [11], 2: [12]}),
    ],
)
def test_the_first_runners_rows_are_added_removed_and_moved(
    batch: Batch,
    slot: Slot[PairOffset],
    change: Update,
    expected: dict[int, list[int]],
) -> None:
    batch.update(Update(added=[(row, None, [10 + row], []) for row in range(3)]))
    batch.update(change)
    assert texts(batch, 3) == expected
    assert slot.in_flight == len(expected)


def test_a_preempted_request_comes_back_with_its_answer_under_another_key(
    batch: Batch,
) -> None:
    batch.update(Update(added=[(0, None, PROMPT, [80])]))
    (before,) = batch.asked(1)
    batch.update(Update(removed=[0]))
    assert batch.asked(0) == []
    batch.update(Update(added=[(0, None, PROMPT, [80, 81])]))
    (after,) = batch.asked(1)
    assert after.key != before.key
    assert list(after.ids(0)) == [7, 19, 4, 80, 81]


def test_rows_behind_the_logits_are_not_asked_for(batch: Batch) -> None:
    batch.update(Update(added=[(row, None, [10 + row], []) for row in range(3)]))
    assert texts(batch, 2) == {0: [10], 1: [11]}


def test_the_second_runners_rows_are_those_of_slots_with_what_was_proposed() -> None:
    table = torch.zeros(4, 10, dtype=torch.int32)
    table[2, :3] = torch.tensor([7, 19, 4])
    table[0, :2] = torch.tensor([50, 60])
    # Slot 2 has two proposed tokens, slot 0 none; rows come in any order.
    asked = SlotTable(table).asked(
        context((2, 1, 81, 3), (0, 0, 60, 1), (2, 2, 82, 4), (2, 0, 4, 2))
    )
    found = {item.key: (item.rows, item.length, list(item.ids(0))) for item in asked}
    assert found == {
        2: ([3, 0, 2], 5, [7, 19, 4, 81, 82]),
        0: ([1], 2, [50, 60]),
    }


@given(start=st.integers(min_value=0, max_value=4))
def test_a_slot_tells_its_text_from_any_place_on(start: int) -> None:
    table = torch.tensor([[7, 19, 4, 0, 0]])
    (item,) = SlotTable(table).asked(
        context((0, 0, 4, 2), (0, 1, 81, 3), (0, 2, 82, 4))
    )
    assert list(item.ids(start)) == [7, 19, 4, 81, 82][start:]


def test_a_place_where_nothing_was_proposed_is_read_as_any_token() -> None:
    """The engine rejects it whatever stands there, and what comes after it."""
    table = torch.tensor([[7, 19, 4, 0, 0]])
    (item,) = SlotTable(table).asked(context((0, 0, 4, 2), (0, 1, -1, 3)))
    assert list(item.ids(0)) == [7, 19, 4, 0]


@pytest.mark.parametrize("part", [slice(0, 2), slice(2, 4)])
def test_a_call_may_bring_some_of_the_requests_only(part: slice) -> None:
    table = torch.tensor([[7, 19, 4, 0], [50, 60, 0, 0]])
    rows = [(0, 0, 4, 2), (0, 1, 9, 3), (1, 0, 60, 1), (1, 1, 8, 2)]
    whole = SlotTable(table).asked(context(*rows))
    (item,) = SlotTable(table).asked(context(*rows[part]))
    expected = whole[part.start // 2]
    assert (item.key, item.length) == (expected.key, expected.length)
    assert list(item.ids(0)) == list(expected.ids(0))
    assert list(item.rows) == [0, 1]
    assert isinstance(context(*rows), Context)
