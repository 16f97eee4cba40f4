import torch
from torch import Tensor

from unlearn_core.modeling.row_cache import FIRST_COLUMNS, RowLayer, Step, step_at

CPU = torch.device("cpu")
NO = float("-inf")


def rows(first: int, last: int) -> slice:
    return slice(first, last)


def test_new_tokens_stand_at_the_right_of_a_window() -> None:
    """Rows of 2 and 0 tokens get one and three more."""
    step = step_at(rows(0, 2), [2, 0], [1, 3], device=CPU)
    # What fills the first row's window goes to columns 3 and 4, behind its token.
    assert step.columns_BT.tolist() == [[3, 4, 2], [0, 1, 2]]
    assert step.positions_BT.tolist() == [[2, 2, 2], [0, 1, 2]]
    assert step.mask_B1TS[0, 0].tolist() == [[0, 0, 0, NO, NO]] * 3
    assert step.mask_B1TS[1, 0].tolist() == [
        [0, NO, NO, NO, NO],
        [0, 0, NO, NO, NO],
        [0, 0, 0, NO, NO],
    ]
    assert step.start is None


def test_rows_of_one_length_are_written_as_one_block() -> None:
    assert step_at(rows(3, 5), [4, 4], [2, 2], device=CPU).start == 4
    assert step_at(rows(3, 5), [4, 4], [2, 1], device=CPU).start is None
    assert step_at(rows(3, 5), [4, 5], [2, 2], device=CPU).start is None


def test_a_model_with_two_rows_for_each_gets_the_same_twice_in_turn() -> None:
    step = step_at(rows(1, 3), [2, 0], [1, 1], device=CPU)
    twice = step.repeated(2)
    assert twice.rows == slice(2, 6)
    assert twice.positions_BT.tolist() == [[2], [2], [0], [0]]
    assert step.repeated(1) is step


def write(layer: RowLayer, step: Step, value: float) -> Tensor:
    count, tokens = step.columns_BT.shape
    new = torch.full((count, 1, tokens, 1), value)
    layer.step = step
    keys, values = layer.update(new, new)
    torch.testing.assert_close(keys, values, rtol=0, atol=0, equal_nan=True)
    return keys[:, 0, :, 0]


def test_keys_stay_where_they_were_written_when_room_is_made() -> None:
    layer = RowLayer()
    write(layer, step_at(rows(0, 1), [0], [2], device=CPU), 1.0)
    write(layer, step_at(rows(1, 3), [0, 0], [3, 1], device=CPU), 2.0)
    assert layer.keys.shape == (3, 1, FIRST_COLUMNS, 1)
    seen = write(layer, step_at(rows(0, 3), [2, 3, 1], [1] * 3, device=CPU), 3.0)
    # The third row's window left something behind its token, which is masked.
    assert seen.tolist() == [[1, 1, 3, 0], [2, 2, 2, 3], [2, 3, 2, 0]]
    far = FIRST_COLUMNS + 7
    seen = write(layer, step_at(rows(0, 3), [far] * 3, [1] * 3, device=CPU), 4.0)
    assert seen[0].tolist() == [1, 1, 3, *[0] * (far - 3), 4]


def test_a_place_that_is_taken_over_holds_nothing_of_before() -> None:
    layer = RowLayer()
    write(layer, step_at(rows(0, 2), [0, 0], [4, 4], device=CPU), float("nan"))
    write(layer, step_at(rows(1, 2), [0], [2], device=CPU), 1.0)
    layer.copy_row(1, 0, 2)
    assert layer.keys[0, 0, :4, 0].tolist() == [1, 1, 0, 0]
    layer.clear_row(1)
    assert not layer.keys[1].any()
