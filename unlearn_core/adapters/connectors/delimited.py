"""CSV, plain or compressed: one record a row, names of the columns in the first.

The separator is the one of comma, semicolon, tab and bar that the first line has most
of. A row with another number of columns, with bytes that are not UTF-8 or with an open
quote is counted as unreadable, and kept as it is when others are erased. A second
column of one name, or without any, is searched under the name with its place, ``#3``.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.files import LocalFiles
from unlearn_core.adapters.connectors.formats import Piece, PieceFormat, chooser
from unlearn_core.adapters.connectors.redaction import Redactor
from unlearn_core.adapters.connectors.specification import Row, SourceSpec
from unlearn_core.errors import SourceUnreadableError

SEPARATORS = ",;\t|"
MAXIMUM_FIELD_CHARACTERS = 1 << 27

csv.field_size_limit(MAXIMUM_FIELD_CHARACTERS)


class Delimited(PieceFormat):
    """Rows of separated columns."""

    suffixes: tuple[str, ...] = (".csv", ".tsv")

    def pieces(self, file: IO[bytes]) -> Iterator[Piece]:
        """Yield the header, then a piece per row, which may have several lines."""
        lines = _Lines(file)
        header_line = lines.peek()
        separator = max(SEPARATORS, key=header_line.count)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        header: list[str] | None = None
        while True:
            try:
                values = next(reader, None)
            except csv.Error:
                values = []
            raw = lines.take()
            if values is None:
                return
            if header is None:
                header = _distinct(values)
                self._check(header)
                yield Piece(raw=raw, is_record=False)
            elif values or raw.strip():
                yield Piece(raw=raw, row=_row(header, values))
            else:
                yield Piece(raw=raw, is_record=False)

    def redacted(self, raw: bytes, row: Row, redactor: Redactor) -> bytes:
        """Return a row with the separator and the line end that it had."""
        values = list(row.values())
        separator = next(item for item in SEPARATORS if _values(raw, item) == values)
        written = io.StringIO()
        end = raw[len(raw.rstrip(b"\r\n")) :].decode()
        # Line ends inside a value are quoted only if rows may end like that.
        writer = csv.writer(written, delimiter=separator, lineterminator="\r\n")
        writer.writerow(redactor.redact(row).values())
        return (written.getvalue().removesuffix("\r\n") + end).encode()

    def _check(self, header: list[str]) -> None:
        if self._spec.record_id not in header:
            raise SourceUnreadableError(
                source=self._spec.name, missing_column=self._spec.record_id
            )
        if len(set(header)) < len(header):
            raise SourceUnreadableError(
                source=self._spec.name, problem="two columns have one name"
            )


class DelimitedConnector(FilesConnector):
    """Reads and erases records of a CSV file, or of a folder of them."""

    def __init__(self, spec: SourceSpec) -> None:
        files = LocalFiles(spec.name, Path(spec.location))
        super().__init__(spec, files=files, form_of=chooser(spec, Delimited(spec)))


class _Lines:
    """The lines of a file as text, and the bytes of those that were asked for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = iter(file)
        self._first = next(self._file, b"")
        self._taken: list[bytes] = []
        self._is_begun = False

    def peek(self) -> str:
        """Return the first line."""
        return self._first.decode("utf-8-sig", "surrogateescape")

    def take(self) -> bytes:
        """Return the bytes since the last call."""
        raw = b"".join(self._taken)
        self._taken.clear()
        return raw

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._is_begun:
            self._is_begun = True
            if not self._first:
                raise StopIteration
            self._taken.append(self._first)
            return self.peek()
        line = next(self._file)
        self._taken.append(line)
        return line.decode("utf-8", "surrogateescape")


def _distinct(header: list[str]) -> list[str]:
    """Return names of which none hides another: a repeated one gets its place."""
    return [
        f"{name}#{at}" if name in header[: at - 1] else name
        for at, name in enumerate(header, start=1)
    ]


def _values(raw: bytes, separator: str) -> list[str] | None:
    """Return the values of a row, if it can be read with this separator."""
    lines = [line.decode() for line in io.BytesIO(raw)]
    try:
        return next(csv.reader(lines, delimiter=separator, strict=True), None)
    except csv.Error:
        return None


def _row(header: list[str], values: list[str]) -> Row | None:
    if len(values) != len(header):
        return None
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        return None
    return dict(zip(header, values, strict=True))
