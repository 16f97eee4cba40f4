"""Numbers in raw bytes whose digits stand apart, whatever separates them.

A number whose last digits are in one piece is found like a word. Of any other, at most
five digits are behind the last gap, and a short expression finds the lines where that
is so. There, all digits are taken out and compared as if nothing stood between them.
That costs the same for one number and for thousands; a few are found by expressions
that have every gap in them, and are not looked for here.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator

import hyperscan
import numpy as np
from numpy.typing import NDArray

from unlearn_core.domain.needles import FEWEST_TOLD, MOST_IN_ONE_PIECE, last_digits

FEWEST = FEWEST_TOLD
"""Digits of the shortest number that can be looked for in this way."""

MOST = 8
"""Digits, the last ones, by which a longer number is recognised."""

REACH = 9
"""Most bytes from one digit of a number to the next."""

_ZERO, _TEN = 48, 10
_BETWEEN = b"[^a-z0-9\\n]"


class Numbers:
    """Numbers to look for, letters before their digits included.

    Args:
        forms: Letters and digits without separators, at least `FEWEST` digits at the
            end of each.
    """

    def __init__(self, forms: Collection[str]) -> None:
        self._forms: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
        for form in forms:
            tail = last_digits(form.encode())[-MOST:]
            self._forms[len(tail), int(tail)].append(form.encode())
        self._sizes = sorted({size for size, _ in self._forms})
        self._ends = np.zeros(_TEN**FEWEST, dtype=bool)
        for _, value in self._forms:
            self._ends[value % _TEN**FEWEST] = True
        self._apart = hyperscan.Database()
        self._apart.compile(
            expressions=[_apart(min(self._sizes, default=FEWEST))],
            flags=[hyperscan.HS_FLAG_CASELESS],
        )

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._forms)

    def lines_with_gaps(self, chunk: memoryview) -> list[int]:
        """Return ends of the lines in which such a number may stand with gaps."""
        found: list[int] = []
        self._apart.scan(
            chunk,  # type: ignore[type-var]  # takes any memory, says str or bytes
            match_event_handler=lambda _id, _begin, end, _flags, _context: found.append(
                end
            ),
        )
        return found

    def find(self, chunk: NDArray[np.uint8]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield positions behind last digits, and the forms that may end there."""
        if not self._forms:
            return
        digits = _Digits(chunk)
        ends, tails = digits.ending(self._ends)
        for size in self._sizes:
            values = (tails % _TEN**size).tolist()
            for end, value in zip(ends, values, strict=True):
                forms = self._forms.get((size, value))
                if forms and end >= size - 1 and digits.are_near(end, size):
                    yield digits.position(end) + 1, forms


class _Digits:
    """The digits of a chunk, in their order.

    Eight signs without a digit are passed over at once.
    """

    def __init__(self, chunk: NDArray[np.uint8]) -> None:
        size = len(chunk) // 8 * 8
        is_digit = chunk - _ZERO < _TEN
        eight = is_digit[:size].view(np.uint64)
        some = np.flatnonzero(eight != 0)
        signs = np.append(
            chunk[:size].view(np.uint64)[some].view(np.uint8), chunk[size:]
        )
        are_digits = np.append(eight[some].view(np.bool_), is_digit[size:])
        self._some = np.append(some, size // 8)
        self._inside = np.flatnonzero(are_digits)
        self._digits = signs[self._inside] - _ZERO

    def ending(self, wanted: NDArray[np.bool_]) -> tuple[list[int], NDArray[np.int64]]:
        """Return which digits end a wanted number, and the value of the last ones.

        Args:
            wanted: For each value of `FEWEST` digits, whether it is.
        """
        count = max(0, len(self._digits) - FEWEST + 1)
        values = np.zeros(count, dtype=np.int32)
        for place in range(FEWEST):
            values *= _TEN
            values += self._digits[place : place + count]
        ends = np.flatnonzero(np.take(wanted, values)) + FEWEST - 1
        before = np.maximum(ends[:, np.newaxis] - np.arange(MOST), 0)
        return ends.tolist(), self._digits[before] @ _TEN ** np.arange(MOST)

    def are_near(self, end: int, size: int) -> bool:
        """Tell whether the digits up to one are near enough to be one number."""
        first = self.position(end - size + 1)
        return self.position(end) - first <= REACH * (size - 1)

    def position(self, digit: int) -> int:
        """Return where a digit is in the chunk."""
        which, place = divmod(int(self._inside[digit]), 8)
        return int(self._some[which]) * 8 + place


def _apart(fewest: int) -> bytes:
    """Return what finds the end of a line with digits apart, as many or more.

    Of more digits than are looked for in one piece, those are enough to see.
    """
    total = min(fewest, MOST_IN_ONE_PIECE)
    ways = (
        b"[0-9]%b%b+[0-9]{%d}"
        % ((_BETWEEN + b"*[0-9]") * (total - behind - 1), _BETWEEN, behind)
        for behind in range(1, MOST_IN_ONE_PIECE)
    )
    return b"(?:%b)(?:[^0-9\\n][^\\n]*)?(?:\\n|\\z)" % b"|".join(ways)
