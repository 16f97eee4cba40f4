"""Numbers in raw bytes, whatever separates their digits.

The digits of a chunk are taken out and compared as if nothing stood between them. That
costs the same for one number and for thousands.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

FEWEST = 5
"""Digits of the shortest number that can be looked for in this way."""

MOST = 8
"""Digits, the last ones, by which a longer number is recognised."""

REACH = 9
"""Most bytes from one digit of a number to the next."""

_ZERO, _TEN = 48, 10
_DIGITS = "0123456789"
_SEPARATORS = bytes(sign for sign in range(128) if not chr(sign).isalnum())


class Numbers:
    """Numbers to look for, letters before their digits included.

    Args:
        forms: Letters and digits without separators, at least `FEWEST` digits at the
            end of each.
    """

    def __init__(self, forms: Collection[str]) -> None:
        self._forms: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
        for form in forms:
            tail = form[len(form.rstrip(_DIGITS)) :][-MOST:]
            self._forms[len(tail), int(tail)].append(form.encode())
        self._wanted = {
            size: np.array([value for length, value in self._forms if length == size])
            for size, _ in self._forms
        }
        self._ends = np.zeros(_TEN**FEWEST, dtype=bool)
        for _, value in self._forms:
            self._ends[value % _TEN**FEWEST] = True

    def find(self, chunk: NDArray[np.uint8]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield positions behind last digits, and the forms that may end there."""
        if not self._wanted:
            return
        at = np.flatnonzero(chunk - _ZERO < _TEN)
        if len(at) < FEWEST:
            return
        digits = (chunk[at] - _ZERO).astype(np.int32)
        values = digits[: 1 - FEWEST].copy()
        for place in range(1, FEWEST):
            values *= _TEN
            values += digits[place : len(digits) - FEWEST + 1 + place]
        ends = np.flatnonzero(self._ends[values]) + FEWEST - 1
        for size, wanted in self._wanted.items():
            last = ends[ends >= size - 1]
            values = sum(
                digits[last - place].astype(np.int64) * _TEN**place
                for place in range(size)
            )
            is_near = at[last] - at[last - (size - 1)] <= REACH * (size - 1)
            is_one = is_near & np.isin(values, wanted)
            for end, value in zip(at[last[is_one]] + 1, values[is_one], strict=True):
                yield int(end), self._forms[size, int(value)]


def is_in(line: bytes, forms: Collection[bytes]) -> bool:
    """Tell whether one of the forms is in a line, whatever separates its signs."""
    joined = line.lower().translate(None, _SEPARATORS)
    return any(form in joined for form in forms)
