"""Looks through raw bytes for lines that may concern somebody, before they are parsed.

Almost no line of a corpus concerns anybody who is searched for, and parsing is what
costs. So all probes of `Needles` are searched at once in the bytes as they are on the
disk, by Hyperscan (https://www.hyperscan.io, through its maintained bindings). Only
what they find is parsed and compared; nothing else can match.

Bytes that are not ASCII, and escapes of JSON, are brought to the form of the patterns
first. Lines that do not look like an object, or hold bytes that are no text, are let
through, so that who parses them counts them as unreadable.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import IO, Protocol

import hyperscan
import numpy as np
from numpy.typing import NDArray

from unlearn_core.adapters.connectors.digits import Numbers, is_in
from unlearn_core.adapters.connectors.needles import Probe
from unlearn_core.adapters.connectors.spelling import as_sifted, skeleton

CHUNK_BYTES = 1 << 19
LONGEST_LINE = 32 << 20
"""Bytes; a longer line is not kept in memory and counts as unreadable."""

_IS_LETTER = np.array([chr(byte).isalnum() and byte < 128 for byte in range(256)])  # noqa: PLR2004 - ASCII
_UNTOLD = b"\x01"
_NEW_LINE, _BEGIN, _END, _RETURN, _ESCAPE, _LAST_PLAIN = b"\n{}\r\\\x7f"
_UNPLAIN = re.compile(rb"(?:[\x80-\xff]+|\\u[0-9a-fA-F]{4}|\\[^u\n])+|\\")

Sifted = bytes | int | None
"""A line that may concern somebody, a number of lines that do not, or a line that is
too long."""


class _Lines:
    """The lines of a chunk by number."""

    def __init__(self, chunk: bytes) -> None:
        self.chunk = chunk
        self.bytes = np.frombuffer(chunk, dtype=np.uint8)
        ends = np.flatnonzero(self.bytes == _NEW_LINE)
        if not chunk.endswith(b"\n"):
            ends = np.append(ends, len(chunk))
        self._ends = ends
        self.count = len(ends)

    def numbers(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which lines the bytes before positions are in."""
        return np.searchsorted(self._ends, positions - 1)

    def number(self, end: int) -> int:
        """Return which line a byte before a position is in."""
        return int(np.searchsorted(self._ends, end - 1))

    def line(self, number: int) -> bytes:
        """Return a line with its end."""
        begin = int(self._ends[number - 1]) + 1 if number else 0
        return self.chunk[begin : int(self._ends[number]) + 1]

    def are_words(
        self, ends: NDArray[np.int64], sizes: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which texts stand alone; those of size 0 need not."""
        before = self.bytes[np.maximum(ends - sizes - 1, 0)]
        behind = self.bytes[np.minimum(ends, len(self.chunk) - 1)]
        is_part = _IS_LETTER[before] & (ends > sizes)
        is_part |= _IS_LETTER[behind] & (ends < len(self.chunk))
        stands: NDArray[np.bool_] = (sizes == 0) | ~is_part
        return stands

    def unplain(self) -> NDArray[np.int64]:
        """Return the lines with bytes beyond ASCII, or escapes."""
        if self.chunk.isascii() and b"\\" not in self.chunk:
            return np.empty(0, dtype=np.int64)
        at = np.flatnonzero((self.bytes > _LAST_PLAIN) | (self.bytes == _ESCAPE))
        return np.unique(np.searchsorted(self._ends, at))

    def odd(self) -> NDArray[np.int64]:
        """Return the lines that do not begin and end as an object does."""
        begins = np.append(0, self._ends[:-1] + 1)
        lasts = np.maximum(self._ends - 1, 0)
        lasts = lasts - (self.bytes[lasts] == _RETURN)
        is_object = (self.bytes[np.minimum(begins, len(self.chunk) - 1)] == _BEGIN) & (
            self.bytes[lasts] == _END
        )
        return np.flatnonzero(~is_object)


class Sought(Protocol):
    """What is looked for."""

    def probes(self) -> Iterator[Probe]:
        """Yield what to look for in skeletons as UTF-8; `numbers` are the rest."""
        ...

    def numbers(self) -> set[str]:
        """Return numbers to look for, whatever is between their signs."""
        ...


class Sieve:
    """Finds the lines that anything that is sought may be in."""

    def __init__(self, needles: Sought) -> None:
        self._probes = (Probe(_UNTOLD), *needles.probes())
        self._sizes = np.array([len(probe.word) for probe in self._probes])
        self._numbers = Numbers(needles.numbers())
        count = len(self._probes)
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=[probe.pattern for probe in self._probes],
            ids=list(range(count)),
            elements=count,
            flags=[hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_DOTALL] * count,
        )

    def sift(self, file: IO[bytes]) -> Iterator[Sifted]:
        """Yield the lines that may concern somebody, and how many do not between."""
        for chunk in _chunks(file):
            if chunk is None:
                yield None
                continue
            lines = _Lines(chunk)
            kept = np.union1d(lines.odd(), self._suspects(lines))
            unplain = lines.unplain()
            if unplain.size:
                said = plain_bytes(b"".join(map(lines.line, unplain.tolist())))
                kept = np.union1d(kept, unplain[self._suspects(_Lines(said))])
            before = 0
            for number in kept.tolist():
                if number > before:
                    yield number - before
                yield lines.line(number)
                before = number + 1
            if lines.count > before:
                yield lines.count - before

    def _suspects(self, lines: _Lines) -> NDArray[np.int64]:
        """Return the lines that may concern somebody, in which all is plain."""
        kept = [
            number
            for end, forms in self._numbers.find(lines.bytes)
            if is_in(lines.line(number := lines.number(end)), forms)
        ]
        found: list[tuple[int, int]] = []
        self._database.scan(
            lines.chunk,
            match_event_handler=lambda probe, _begin, end, _flags, _context: (
                found.append((probe, end))
            ),
        )
        probes, ends = np.array(found, dtype=np.int64).reshape(-1, 2).T
        stands_alone = lines.are_words(ends, self._sizes[probes])
        probes, ends = probes[stands_alone], ends[stands_alone]
        pairs = np.unique(np.stack([lines.numbers(ends), probes]), axis=1)
        kept += [
            number
            for number, probe in pairs.T.tolist()
            if self._probes[probe].is_confirmed(lines.line(number))
        ]
        return np.unique(np.array(kept, dtype=np.int64))


def _chunks(file: IO[bytes]) -> Iterator[bytes | None]:
    """Yield whole lines, about as many as a chunk has; None for one too long."""
    while data := file.read(CHUNK_BYTES):
        if data.endswith(b"\n"):
            yield data
            continue
        rest = file.readline(LONGEST_LINE)
        if len(rest) < LONGEST_LINE or rest.endswith(b"\n"):
            yield data + rest
            continue
        if whole := data[: data.rfind(b"\n") + 1]:
            yield whole
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE)
        yield None


def plain_bytes(chunk: bytes) -> bytes:
    """Return JSON lines as skeletons; line ends stay where they are."""
    return _UNPLAIN.sub(lambda found: _plain(found.group()), chunk)


@lru_cache(maxsize=1 << 14)
def _plain(run: bytes) -> bytes:
    """Return what a run of escapes and bytes beyond ASCII says, as a skeleton."""
    try:
        said = skeleton(json.loads(b'"' + run + b'"', strict=False))
        return as_sifted(said).replace("\n", " ").encode()
    except (ValueError, UnicodeEncodeError):
        return _UNTOLD
