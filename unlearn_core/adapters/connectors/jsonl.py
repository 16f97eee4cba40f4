"""JSON lines, plain or compressed: one record a line.

A line that cannot be read is counted, and kept as it is when others are erased.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.files import LocalFiles
from unlearn_core.adapters.connectors.formats import Piece, PieceFormat, chooser
from unlearn_core.adapters.connectors.parts import Span, lines_within
from unlearn_core.adapters.connectors.reading import (
    decompressed,
    json_value,
    reading,
)
from unlearn_core.adapters.connectors.redaction import Redactor
from unlearn_core.adapters.connectors.rewriting import rewritten
from unlearn_core.adapters.connectors.sieve import Sieve
from unlearn_core.adapters.connectors.specification import Row, SourceSpec


class JsonLines(PieceFormat):
    """One JSON object a line."""

    suffixes: tuple[str, ...] = (".jsonl", ".ndjson", ".json")

    def pieces(self, file: IO[bytes]) -> Iterator[Piece]:
        """Split at line ends; blank lines are no records."""
        for line in file:
            is_record = bool(line.strip())
            row = _parse(line) if is_record else None
            yield Piece(raw=line, row=row, is_record=is_record)

    def redacted(self, raw: bytes, row: Row, redactor: Redactor) -> bytes:
        """Return a line in which only the values that identify have changed."""
        # A surrogate alone can only be escaped.
        is_escaped = raw.isascii() or b"\\ud" in raw.lower()
        encoding = json.detect_encoding(raw)
        text = rewritten(
            raw.decode(encoding, "surrogatepass"),
            row,
            redactor.redact(row),
            is_escaped=is_escaped,
        )
        return text.encode(encoding, "surrogatepass")

    def sifted(self, file: IO[bytes], sieve: Sieve) -> Iterator[Row | int | None]:
        """Parse only the lines that pass a sieve."""
        with reading(self._spec.name):
            for found in sieve.sift(decompressed(file)):
                if not isinstance(found, bytes):
                    yield found
                elif found.strip():
                    yield self._with_id(_parse(found))

    def within(self, span: Span) -> "JsonLines":
        """Return the same format with the lines that begin in a span alone."""
        return _LinesWithin(self._spec, span)


class _LinesWithin(JsonLines):
    """The lines of a file that begin in a span of it."""

    def __init__(self, spec: SourceSpec, span: Span) -> None:
        super().__init__(spec)
        self._span = span

    def rows(self, file: IO[bytes]) -> Iterator[Row | None]:
        """Yield every record that begins there."""
        return super().rows(self._lines(file))

    def sifted(self, file: IO[bytes], sieve: Sieve) -> Iterator[Row | int | None]:
        """Parse only the lines there that pass a sieve."""
        return super().sifted(self._lines(file), sieve)

    def _lines(self, file: IO[bytes]) -> IO[bytes]:
        with reading(self._spec.name):
            return lines_within(file, self._span)


class JsonLinesConnector(FilesConnector):
    """Reads and erases records of a JSON lines file, or of a folder of them."""

    def __init__(self, spec: SourceSpec) -> None:
        files = LocalFiles(spec.name, Path(spec.location))
        super().__init__(spec, files=files, form_of=chooser(spec, JsonLines(spec)))


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        row = json_value(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
