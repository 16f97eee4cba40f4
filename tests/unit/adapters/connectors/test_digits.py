import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.adapters.connectors.digits import Numbers
from unlearn_core.domain.needles import is_in


def found(text: bytes, *forms: str) -> list[tuple[int, list[bytes]]]:
    """Return what is found in a text."""
    return list(Numbers(forms).find(np.frombuffer(text, dtype=np.uint8)))


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (b"k12345", 6),
        (b"K 12-34.5 and", 9),
        (b"0012345", 7),
        (b"1" + b" " * 8 + b"2345", 13),
    ],
)
def test_a_number_is_found_with_any_separators(text: bytes, end: int) -> None:
    assert found(text, "k12345") == [(end, [b"k12345"])]


@pytest.mark.parametrize("text", [b"", b"1234", b"123465", b"1" + b" " * 40 + b"2345"])
def test_another_number_is_not(text: bytes) -> None:
    assert found(text, "12345") == []


def test_long_numbers_are_told_by_their_last_digits() -> None:
    assert found(b"+49 30 1234567", "49301234567", "301234567", "87654") == [
        (14, [b"49301234567", b"301234567"])
    ]


def test_nothing_is_found_where_nothing_is_looked_for() -> None:
    assert found(b"12345") == []


@given(st.from_regex(r"\A[0-9]{5,12}\Z"), st.lists(st.sampled_from(" -./ax")))
def test_wherever_a_number_is_it_is_found(number: str, before: list[str]) -> None:
    text = "".join(before) + "-".join(number)
    assert len(text) in {end for end, _ in found(text.encode(), number)}


@pytest.mark.parametrize(
    ("line", "shortest", "is_found"),
    [
        (b"12 3456", "123456", True),
        (b"12 3456 and more\n", "123456", True),
        (b"1(2)3-4/5.6x\n", "123456", True),
        (b"12345 ,;- 6\n", "123456", True),
        (b"1 2 3 4 5\n", "12345", True),
        (b"1 2 3 4 5\n", "123456", False),
        (b"123456 and 7\n", "123456", False),
        (b"12 123456\n", "123456", False),
        (b"12\n3456\n", "123456", False),
    ],
)
def test_lines_with_digits_apart_are_told(
    *, line: bytes, shortest: str, is_found: bool
) -> None:
    numbers = Numbers([shortest, "12345678"])
    ends = numbers.lines_with_gaps(memoryview(b"before\n" + line))
    assert ends == ([7 + len(line)] if is_found else [])


def test_letters_decide_once_separators_are_gone() -> None:
    assert is_in(b'{"id": "K-12 345"}', [b"k12345"])
    assert not is_in(b'{"id": "C-12 345"}', [b"k12345"])
