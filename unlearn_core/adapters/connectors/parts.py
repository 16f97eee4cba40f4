"""Parts of a source that can be searched apart from one another, wherever that is.

A part is a whole file, a former version of one, or a run of bytes of a large one. A
record belongs to the run that it begins in, so each is read exactly once, however a
file is divided.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import IO, Any, Protocol, cast, runtime_checkable

from unlearn_core.adapters.connectors.formats import FileFormat
from unlearn_core.adapters.connectors.matching import apart
from unlearn_core.adapters.connectors.reading import compression_of
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import DataSubject

_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A run of bytes of a file.

    Attributes:
        begin: The first byte.
        end: The byte after the last one.
        mark: What changes whenever the file is written to.
    """

    begin: int
    end: int
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is searched by one worker in one go.

    Attributes:
        name: The file, or a former version.
        span: Which run of its bytes; all of it if none.
        is_former: Whether it is a former version.
    """

    name: str
    span: Span | None = None
    is_former: bool = False

    @property
    def is_first(self) -> bool:
        """Tell whether the file begins here."""
        return self.span is None or self.span.begin == 0


@runtime_checkable
class Divisible(Protocol):
    """A format of which runs of bytes can be read without what is before them."""

    def within(self, span: Span) -> FileFormat:
        """Return the same format with the records that begin in a span alone."""
        ...


class Engine(Protocol):
    """Searches parts of a source, in whatever order, and again where a worker dies.

    Attributes:
        part_bytes: Size at which a large file is divided.
    """

    part_bytes: int

    def search(
        self,
        spec: SourceSpec,
        parts: Sequence[Part],
        subjects: Sequence[DataSubject],
    ) -> list[tuple[SearchResult, ...]]:
        """Return what every part has, in their order: a result per subject.

        Raises:
            SourceChangedError: A file was written to after it had been divided.
            SourceUnreadableError: A part could not be searched, however often it was
                tried.
        """
        ...


def whole(names: Iterable[str], *, is_former: bool = False) -> list[Part]:
    """Return files as parts, none divided."""
    return [Part(name=name, is_former=is_former) for name in names]


def divided(name: str, size: int, mark: str, *, into: int) -> list[Part]:
    """Return a file in parts of some size, but for the last one."""
    return [
        Part(
            name=name,
            span=Span(begin=begin, end=min(begin + into, size), mark=mark),
        )
        for begin in range(0, size, into)
    ]


def together(found: Iterable[tuple[SearchResult, ...]]) -> tuple[SearchResult, ...]:
    """Put together what the parts of a source have, per subject."""
    return tuple(map(_merged, zip(*found, strict=True)))


def _merged(results: Sequence[SearchResult]) -> SearchResult:
    certain, doubtful = apart(
        chain.from_iterable(result.records for result in results),
        tuple(chain.from_iterable(result.doubtful for result in results)),
    )
    return replace(
        results[0],
        records=certain,
        doubtful=doubtful,
        searched=sum(result.searched for result in results),
        unreadable=sum(result.unreadable for result in results),
    )


def lines_within(file: IO[bytes], span: Span) -> IO[bytes]:
    """Return the lines of a file that begin in a span, as a file.

    What is compressed cannot be entered in the middle; all of it begins with its first
    byte.
    """
    if compression_of(file):
        return file if span.begin == 0 else _window(file, 0)
    begin, end = (_line_begin(file, at) for at in (span.begin, span.end))
    file.seek(begin)
    return _window(file, end - begin)


def _window(file: IO[bytes], size: int) -> IO[bytes]:
    return cast("IO[bytes]", io.BufferedReader(_Window(file, size)))


def _line_begin(file: IO[bytes], at: int) -> int:
    """Return where the first line begins that does not begin before a position."""
    if at == 0:
        return 0
    file.seek(at - 1)
    for piece in iter(lambda: file.readline(_AT_ONCE), b""):
        if piece.endswith(b"\n"):
            break
    return file.tell()


class _Window(io.RawIOBase):
    """The next bytes of a file and no more."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Read the next bytes."""
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)
