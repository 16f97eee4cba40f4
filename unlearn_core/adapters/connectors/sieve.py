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
import string
from collections.abc import Iterator
from functools import lru_cache
from io import BufferedIOBase
from typing import IO, Protocol, cast

import hyperscan
import numpy as np
from numpy.typing import NDArray

from unlearn_core.adapters.connectors.digits import Numbers
from unlearn_core.domain.needles import Probe, is_in
from unlearn_core.domain.spelling import as_sifted, skeleton

CHUNK_BYTES = 1 << 19
"""Memory that is read into again and again; as much as stays near the processor."""

LONGEST_LINE = 32 << 20
"""Bytes; a longer line is not kept in memory and counts as unreadable."""

MANY = 4
"""Where every fourth line has a number with gaps, all are looked through at once."""

ENOUGH = 32
"""Lines with gaps; fewer say nothing about others."""

PAUSE = 15
"""Chunks after such a one that are not asked."""

LONGEST_KNOWN = 256
"""Bytes of a run of escapes that is remembered; longer ones are seldom met again."""

_UNTOLD = b"\x01" * 4
_NEW_LINE, _BEGIN, _END, _RETURN, _ESCAPE, _LAST_PLAIN = b"\n{}\r\\\x7f"
_UNPLAIN = re.compile(rb"(?:[\x80-\xff]+|\\u[0-9a-fA-F]{4}|\\[^u\n])+|\\")
_PLAIN = frozenset((string.ascii_letters + string.digits).encode())

Sifted = bytes | int | None
"""A line that may concern somebody, a number of lines that do not, or a line that is
too long."""


class _Lines:
    """Whole lines by number.

    Args:
        memory: Where they are; whoever gave it may write to it afterwards.
        size: Bytes of them at its beginning.
    """

    def __init__(self, memory: bytes | bytearray, size: int) -> None:
        self._memory = memory
        self.chunk = memoryview(memory)[:size]
        self.bytes = np.frombuffer(self.chunk, dtype=np.uint8)
        ends = positions(self.bytes == _NEW_LINE)
        if self.chunk[-1] != _NEW_LINE:
            ends = np.append(ends, size)
        self._ends = ends
        self.count = len(ends)

    def number(self, end: int) -> int:
        """Return which line a byte before a position is in."""
        return int(np.searchsorted(self._ends, end - 1))

    def numbers(self, ends: list[int]) -> list[int]:
        """Return which lines bytes before positions are in, each once, in order."""
        at = np.array(ends, dtype=np.int64) - 1
        found: list[int] = np.unique(np.searchsorted(self._ends, at)).tolist()
        return found

    def stands_alone(self, word: bytes, end: int) -> bool:
        """Tell whether neither letter nor digit is beside a word that ends there.

        At the ends of a chunk nothing ends it; a line with a word there is no object.
        What is no word need not stand alone.
        """
        begin = end - len(word)
        return not word or (
            begin > 0
            and end < len(self.chunk)
            and self.chunk[begin - 1] not in _PLAIN
            and self.chunk[end] not in _PLAIN
        )

    def line(self, number: int) -> bytes:
        """Return a line with its end."""
        begin = int(self._ends[number - 1]) + 1 if number else 0
        return bytes(self.chunk[begin : int(self._ends[number]) + 1])

    def unplain(self) -> NDArray[np.int64]:
        """Return the lines with bytes beyond ASCII, or escapes."""
        is_ascii = np.bitwise_or.reduce(self.bytes) <= _LAST_PLAIN
        if is_ascii and self._memory.find(_ESCAPE, 0, len(self.chunk)) < 0:
            return np.empty(0, dtype=np.int64)
        at = positions((self.bytes > _LAST_PLAIN) | (self.bytes == _ESCAPE))
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
        """Yield what to look for in skeletons as UTF-8; `numbers` may be there too."""
        ...

    def numbers(self) -> set[str]:
        """Return numbers to look for whose digits may stand apart."""
        ...


class Sieve:
    """Finds the lines that anything that is sought may be in."""

    def __init__(self, needles: Sought) -> None:
        self._probes = (Probe(_UNTOLD), *needles.probes())
        self._numbers = Numbers(needles.numbers())
        self._pause = 0
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
        for lines in _chunks(cast("BufferedIOBase", file)):
            if lines is None:
                yield None
                continue
            kept = {*lines.odd().tolist(), *self._passing(lines)}
            before = 0
            for number in sorted(kept):
                if number > before:
                    yield number - before
                yield lines.line(number)
                before = number + 1
            if lines.count > before:
                yield lines.count - before

    def passing(self, lines: bytes) -> list[int]:
        """Return which lines may concern somebody, whatever form they have."""
        return sorted(self._passing(_Lines(lines, len(lines)))) if lines else []

    def _passing(self, lines: _Lines) -> set[int]:
        unplain = lines.unplain()
        if not unplain.size:
            return self._suspects(lines)
        said = plain_bytes(b"".join(map(lines.line, unplain.tolist())))
        found = self._suspects(_Lines(said, len(said)))
        return {*self._suspects(lines), *unplain[list(found)].tolist()}

    def _suspects(self, lines: _Lines) -> set[int]:
        """Return the lines that may concern somebody, in which all is plain."""
        found: list[tuple[int, int]] = []
        self._database.scan(
            lines.chunk,  # type: ignore[type-var]  # takes any memory, says str or bytes
            match_event_handler=lambda probe, _begin, end, _flags, _context: (
                found.append((probe, end))
            ),
        )
        words = {
            (lines.number(end), probe)
            for probe, end in found
            if lines.stands_alone(self._probes[probe].word, end)
        }
        confirmed: set[int] = set()
        for number, probe in words:
            # One that is confirmed is enough, however many words of others are there.
            if number not in confirmed and self._probes[probe].is_confirmed(
                lines.line(number)
            ):
                confirmed.add(number)
        return confirmed | self._with_gaps(lines) if self._numbers else confirmed

    def _with_gaps(self, lines: _Lines) -> set[int]:
        """Return the lines with a number whose digits stand apart."""
        if self._pause:
            self._pause -= 1
            return self._with_numbers(lines)
        gaps = lines.numbers(self._numbers.lines_with_gaps(lines.chunk))
        if len(gaps) >= max(ENOUGH, lines.count / MANY):
            self._pause = PAUSE
            return self._with_numbers(lines)
        some = b"".join(map(lines.line, gaps))
        found = self._with_numbers(_Lines(some, len(some))) if some else ()
        return {gaps[number] for number in found}

    def _with_numbers(self, lines: _Lines) -> set[int]:
        return {
            number
            for end, forms in self._numbers.find(lines.bytes)
            if is_in(lines.line(number := lines.number(end)), forms)
        }


def _chunks(file: BufferedIOBase) -> Iterator[_Lines | None]:
    """Yield whole lines, in memory that is used again; None for one too long."""
    memory = bytearray(CHUNK_BYTES)
    end = 0
    while size := file.readinto(memoryview(memory)[end:]):
        end += size
        whole = memory.rfind(b"\n", 0, end) + 1
        if whole:
            yield _Lines(memory, whole)
            memory[: end - whole] = memory[whole:end]
            end -= whole
        elif end >= LONGEST_LINE:
            while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield None
            end = 0
        elif end == len(memory):
            memory = memory + bytes(end)
    if end:
        yield _Lines(memory, end)


def positions(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where a mask is set, looking at eight signs at once: it seldom is."""
    size = len(mask) // 8 * 8
    eight = mask[:size].view(np.uint64)
    words = np.flatnonzero(eight != 0)
    inside = np.flatnonzero(eight[words].view(np.bool_))
    found = (words[inside >> 3] << 3) + (inside & 7)
    return np.append(found, size + np.flatnonzero(mask[size:]))


def plain_bytes(chunk: bytes) -> bytes:
    """Return JSON lines as skeletons; line ends stay where they are."""
    return _UNPLAIN.sub(_said, chunk)


def _said(found: re.Match[bytes]) -> bytes:
    run = found.group()
    return _known(run) if len(run) <= LONGEST_KNOWN else _plain(run)


def _plain(run: bytes) -> bytes:
    """Return what a run of escapes and bytes beyond ASCII says, as a skeleton."""
    try:
        said = skeleton(json.loads(b'"' + run + b'"', strict=False))
        return as_sifted(said).replace("\n", " ").encode()
    except (ValueError, UnicodeEncodeError):
        return _UNTOLD


_known = lru_cache(maxsize=1 << 14)(_plain)
