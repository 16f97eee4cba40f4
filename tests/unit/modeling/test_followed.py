import pytest
import torch
from support.vllm import expected_difference, pair_offset_of
from torch import Tensor

from unlearn_core.modeling.followed import CHUNK_TOKENS, Continued, FollowedRows

A, B, C = [7, 19, 4, 90], [200], [31, 31, 8, 150, 99, 2, 60]


def followed() -> FollowedRows:
    rows = pair_offset_of(2).rows()
    assert rows is not None
    return rows


def told(key: object, ids: list[int], *, start: int = 0, wanted: int = 1) -> Continued:
    return Continued(key=key, start=start, ids=ids, wanted=wanted)


def assert_after(found_V: Tensor, ids: list[int]) -> None:
    torch.testing.assert_close(found_V, expected_difference(ids), rtol=0, atol=1e-4)


def test_texts_of_unlike_lengths_are_followed_together_and_apart() -> None:
    rows = followed()
    first, second = rows.differences([told("a", A), told("b", B)])
    assert_after(first, A)
    assert_after(second, B)
    third, first = rows.differences([told("c", C), told("a", [5], start=4)])
    assert_after(third, C)
    assert_after(first, [*A, 5])
    # Now rows 0 and 2 go on, and row 1 does not.
    first, third = rows.differences([told("a", [6], start=5), told("c", [9], start=7)])
    assert_after(first, [*A, 5, 6])
    assert_after(third, [*C, 9])
    assert_after(rows.differences([told("b", [44], start=1)])[0], [*B, 44])
    assert [rows.length(key) for key in "abcd"] == [6, 2, 8, 0]


def test_proposed_tokens_are_known_for_good_only_once_they_are_told_again() -> None:
    rows = followed()
    found = rows.differences([told("a", [*A, 5, 6], wanted=3), told("b", B)])
    for place, ids in enumerate((A, [*A, 5], [*A, 5, 6])):
        assert_after(found[place], ids)
    assert_after(found[3], B)
    assert rows.length("a") == 4
    # Both were taken back; another token came instead.
    assert_after(rows.differences([told("a", [77], start=4)])[0], [*A, 77])


def test_a_forgotten_text_leaves_the_others_as_they_were() -> None:
    rows = followed()
    rows.differences([told("a", A), told("b", B), told("c", C)])
    rows.forget("a")
    rows.forget("nobody")
    assert (len(rows), rows.length("a")) == (2, 0)
    third, second = rows.differences(
        [told("c", [9], start=7), told("b", [44], start=1)]
    )
    assert_after(third, [*C, 9])
    assert_after(second, [*B, 44])
    assert_after(rows.differences([told("a", C)])[0], C)


def test_what_a_text_leaves_behind_does_not_reach_the_next_one_in_its_place() -> None:
    rows = followed()
    rows.differences([told("a", C)])
    rows.forget("a")
    assert len(rows) == 0
    assert_after(rows.differences([told("b", B)])[0], B)


def test_a_long_text_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn_core.modeling.followed.CHUNK_TOKENS", 3)
    assert CHUNK_TOKENS == 512
    assert_after(followed().differences([told("a", [*C, *C])])[0], [*C, *C])


def test_a_text_told_from_before_its_end_is_read_anew_from_there() -> None:
    rows = followed()
    rows.differences([told("a", C)])
    assert_after(rows.differences([told("a", [1, 2], start=3)])[0], [*C[:3], 1, 2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (told("a", [5], start=1), "leaves a gap"),
        (told("a", []), "asks for more"),
        (told("a", [5], wanted=2), "asks for more"),
        (told("a", [5], wanted=0), "asks for more"),
    ],
)
def test_a_text_that_cannot_be_followed_is_refused(
    text: Continued, message: str
) -> None:
    rows = followed()
    with pytest.raises(ValueError, match=message):
        rows.differences([told("b", B), text])
    assert len(rows) == 0
