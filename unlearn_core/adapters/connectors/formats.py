"""How the records of one file are read, and how a file is copied without some.

A format that keeps records as runs of bytes (lines, messages) copies what stays byte
by byte: spacing, key order and escapes are the owner's. A format of tables writes its
tables anew and keeps schema and metadata.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any, Protocol, Self

import pyarrow as pa

from unlearn_core.adapters.connectors.lines import lines_of
from unlearn_core.adapters.connectors.reading import (
    compressed,
    compression_of,
    decompressed,
    reading,
)
from unlearn_core.adapters.connectors.redaction import Redactor
from unlearn_core.adapters.connectors.sieve import Sieve
from unlearn_core.adapters.connectors.specification import Row, SourceSpec
from unlearn_core.errors import SourceUnreadableError

ROWS_AT_ONCE = 1 << 13
"""Rows of a table that are looked through together."""

MOST_BYTES_AT_ONCE = 1 << 30
"""Bytes of such rows; of more, Hyperscan would not look at all."""

_NO_VALUE = (ValueError, OverflowError, pa.ArrowException)
"""What is raised for text that is no UTF-8, and for dates that Python does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What becomes of the records of a file.

    Attributes:
        concerns: Tells, by identifier and hold, whether a record is meant.
        redactor: Redacts what is meant; it is deleted if there is none.
    """

    concerns: Callable[[Row], bool]
    redactor: Redactor | None = None

    def changes(self, row: Row | None) -> bool:
        """Tell whether a record would not stay as it is."""
        return (
            row is not None
            and self.concerns(row)
            and (self.redactor is None or self.redactor.redact(row) != row)
        )


class FileFormat(Protocol):
    """What a file of records looks like.

    Attributes:
        suffixes: Endings of file names, for folders that hold several kinds.
        is_one_record: Whether a file is one record, and goes with it.
        is_partitioned: Whether names of folders may be columns.
    """

    suffixes: tuple[str, ...]
    is_one_record: bool
    is_partitioned: bool

    def rows(self, file: IO[bytes]) -> Iterator[Row | None]:
        """Yield every record; None for one that cannot be read.

        Raises:
            SourceUnreadableError: The file cannot be read to its end.
        """
        ...

    def sifted(self, file: IO[bytes], sieve: Sieve) -> Iterator[Row | int | None]:
        """Yield what may pass a sieve, and how many records do not.

        Raises:
            SourceUnreadableError: The file cannot be read to its end.
        """
        ...

    def copy(self, file: IO[bytes], target: IO[bytes], edit: Edit) -> None:
        """Write the file with what becomes of its records.

        Raises:
            SourceUnreadableError: The file cannot be read to its end, or cannot say
                that something was redacted.
            OSError: The target cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of bytes of a file.

    Attributes:
        raw: The bytes.
        row: The record, None if it cannot be read.
        is_record: False for what belongs to all records, such as a header.
    """

    raw: bytes
    row: Row | None = None
    is_record: bool = True


class PieceFormat(ABC):
    """A format whose records are runs of bytes; compressed or not."""

    suffixes: tuple[str, ...] = ()
    is_one_record: bool = False
    is_partitioned: bool = False

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec

    @abstractmethod
    def pieces(self, file: IO[bytes]) -> Iterator[Piece]:
        """Split plain bytes into records; together the pieces are the whole file."""

    def rows(self, file: IO[bytes]) -> Iterator[Row | None]:
        """Yield every record; None for one that cannot be read."""
        for piece in self._guarded(file):
            if piece.is_record:
                yield self._with_id(piece.row)

    def sifted(self, file: IO[bytes], sieve: Sieve) -> Iterator[Row | int | None]:  # noqa: ARG002 - for formats of lines
        """Yield every record: parts of one are not told apart before it is read."""
        return self.rows(file)

    @abstractmethod
    def redacted(self, raw: bytes, row: Row, redactor: Redactor) -> bytes:
        """Return the bytes of a redacted record."""

    def copy(self, file: IO[bytes], target: IO[bytes], edit: Edit) -> None:
        """Write what stays as it is, byte by byte."""
        with reading(self._spec.name):
            compression = compression_of(file)
        with compressed(target, compression) as packed:
            for piece in self._guarded(file):
                row = self._with_id(piece.row)
                if row is None or not edit.changes(row):
                    packed.write(piece.raw)
                elif edit.redactor is not None:
                    packed.write(self.redacted(piece.raw, row, edit.redactor))

    def _guarded(self, file: IO[bytes]) -> Iterator[Piece]:
        with reading(self._spec.name):
            yield from self.pieces(decompressed(file))

    def _with_id(self, row: Row | None) -> Row | None:
        return row if row is not None and self._spec.record_id in row else None


class TableWriter(Protocol):
    """Writes tables to a file."""

    def write_table(self, table: pa.Table) -> None:
        """Write the rows of a table."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class TableFormat(ABC):
    """A format that is read table by table."""

    suffixes: tuple[str, ...] = ()
    is_one_record: bool = False
    is_partitioned: bool = False

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec

    @abstractmethod
    def tables(self, file: IO[bytes]) -> Iterator[pa.Table]:
        """Yield tables; the first one tells the schema, even if it has no rows."""

    @abstractmethod
    def writer(self, target: IO[bytes], schema: pa.Schema) -> TableWriter:
        """Return a writer of this format."""

    def rows(self, file: IO[bytes]) -> Iterator[Row | None]:
        """Yield every row; None for one that Python has no values for."""
        for table in self._guarded(file):
            yield from _read(table)

    def sifted(self, file: IO[bytes], sieve: Sieve) -> Iterator[Row | int | None]:
        """Make rows of what passes a sieve alone."""
        for table in self._guarded(file):
            if _may_be_named(table.schema, sieve):
                yield from _read(table)
                continue
            for batch in table.to_batches():
                for begin in range(0, batch.num_rows, ROWS_AT_ONCE):
                    rows = batch.slice(begin, ROWS_AT_ONCE)
                    kept = self._passing(rows, sieve)
                    if kept is not None:
                        yield rows.num_rows - len(kept)
                        rows = rows.take(pa.array(kept, pa.int64()))
                    yield from _read(rows)

    def _passing(self, rows: pa.RecordBatch, sieve: Sieve) -> list[int] | None:
        """Return which rows pass, or None if they have to be read one by one."""
        if rows.nbytes > MOST_BYTES_AT_ONCE:
            return None
        identifiers = self._spec.identifiers.values()
        try:
            lines = lines_of(_copied(rows), identifiers=identifiers)
        except pa.ArrowException:  # it cannot do everything with every type
            return None
        return None if lines is None else sieve.passing(lines)

    def copy(self, file: IO[bytes], target: IO[bytes], edit: Edit) -> None:
        """Write the tables without the rows that are deleted, or with them redacted."""
        tables = self._guarded(file)
        first = next(tables)
        with self.writer(target, first.schema) as writer:
            for table in chain([first], tables):
                if (edited := self._edited(table, edit)).num_rows:
                    writer.write_table(edited)

    def _edited(self, table: pa.Table, edit: Edit) -> pa.Table:
        names = [name for name in (self._spec.record_id, self._spec.held) if name]
        present = [name for name in names if name in table.schema.names]
        meant = [
            row is not None and edit.concerns(row)
            for row in _read(table.select(present))
        ]
        if edit.redactor is None:
            keep = pa.array([not is_meant for is_meant in meant], pa.bool_())
            return table.filter(keep)
        redacted = {
            number: edit.redactor.redact(row)
            for number, is_meant in enumerate(meant)
            if is_meant and (row := _read(table.slice(number, 1))[0]) is not None
        }
        return self._with_rows(table, redacted) if redacted else table

    def _with_rows(self, table: pa.Table, rows: dict[int, dict[str, Any]]) -> pa.Table:
        """Return a table with other rows in some places."""
        for at, column in enumerate(table.schema):
            before = table.column(at)
            changed = {
                number: row[column.name]
                for number, row in rows.items()
                if row[column.name] != before[number].as_py()
            }
            if not changed:
                continue
            values = before.to_pylist()
            values = [changed.get(number, value) for number, value in enumerate(values)]
            with reading(self._spec.name):
                table = table.set_column(at, column, pa.array(values, column.type))
            if not column.nullable and table.column(at).null_count:
                raise SourceUnreadableError(
                    source=self._spec.name, cannot_be_empty=column.name
                )
        return table

    def _guarded(self, file: IO[bytes]) -> Iterator[pa.Table]:
        with reading(self._spec.name):
            for table in self.tables(file):
                if len(set(table.schema.names)) < len(table.schema.names):
                    raise SourceUnreadableError(
                        source=self._spec.name, problem="two columns have one name"
                    )
                if self._spec.record_id not in table.schema.names:
                    raise SourceUnreadableError(
                        source=self._spec.name, missing_column=self._spec.record_id
                    )
                yield table


def _may_be_named(schema: pa.Schema, sieve: Sieve) -> bool:
    """Tell whether a column may be called like somebody: each row of it then counts."""
    names = json.dumps([name for field in schema for name in _names(field)])
    return bool(sieve.passing(names.encode() + b"\n"))


def _names(field: pa.Field) -> Iterator[str]:
    """Yield the name of a column and of what is nested in it."""
    yield field.name
    for number in range(field.type.num_fields):
        yield from _names(field.type.field(number))


def _read(rows: pa.Table | pa.RecordBatch) -> list[dict[str, Any] | None]:
    """Return rows as Python has them; None for one that it has no values for."""
    try:
        return list(rows.to_pylist())
    except _NO_VALUE:
        if rows.num_rows == 1:
            return [None]
    return [_read(rows.slice(number, 1))[0] for number in range(rows.num_rows)]


def _copied(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return a slice as rows of its own, with nothing of those around it."""
    return rows.take(pa.array(range(rows.num_rows), pa.int64()))


COMPRESSED_SUFFIXES = (".gz", ".zst")


def chooser(spec: SourceSpec, *forms: FileFormat) -> Callable[[str], FileFormat | None]:
    """Return what chooses the format of a file by the end of its name.

    If there is one format only, the file that the data map names has it, whatever it
    is called.
    """

    def choose(name: str) -> FileFormat | None:
        if len(forms) == 1 and name == spec.location:
            return forms[0]
        bare = name.lower()
        for suffix in COMPRESSED_SUFFIXES:
            bare = bare.removesuffix(suffix)
        return next((form for form in forms if bare.endswith(form.suffixes)), None)

    return choose
