"""Parquet: one record a row, read by row group; a file or a partition tree."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.files import LocalFiles
from unlearn_core.adapters.connectors.formats import (
    TableFormat,
    TableWriter,
    chooser,
)
from unlearn_core.adapters.connectors.parts import Span
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.errors import SourceUnreadableError


class Parquet(TableFormat):
    """A Parquet file."""

    suffixes: tuple[str, ...] = (".parquet", ".pq")
    is_partitioned: bool = True

    def tables(self, file: IO[bytes]) -> Iterator[pa.Table]:
        """Yield an empty table with the schema, then every row group."""
        opened = pq.ParquetFile(file)
        yield opened.schema_arrow.empty_table()
        for number in range(opened.num_row_groups):
            if self._is_meant(opened.metadata.row_group(number)):
                yield opened.read_row_group(number)

    def writer(self, target: IO[bytes], schema: pa.Schema) -> TableWriter:
        """Return a writer of Parquet."""
        return cast("TableWriter", pq.ParquetWriter(target, schema))

    def within(self, span: Span) -> "Parquet":
        """Return the same format with the row groups that begin in a span alone."""
        return _GroupsWithin(self._spec, span)

    def _is_meant(self, group: pq.RowGroupMetaData) -> bool:  # noqa: ARG002 - all are
        return True


class _GroupsWithin(Parquet):
    """The row groups of a file that begin in a span of it."""

    def __init__(self, spec: SourceSpec, span: Span) -> None:
        super().__init__(spec)
        self._span = span

    def tables(self, file: IO[bytes]) -> Iterator[pa.Table]:
        """Yield the same, if every row group is in some span of the file."""
        groups = pq.ParquetFile(file).metadata
        size = file.seek(0, os.SEEK_END)
        for number in range(groups.num_row_groups):
            if not 0 <= _begin(groups.row_group(number)) < size:
                raise SourceUnreadableError(
                    source=self._spec.name, problem="row group outside of its file"
                )
        yield from super().tables(file)

    def _is_meant(self, group: pq.RowGroupMetaData) -> bool:
        return self._span.begin <= _begin(group) < self._span.end


class ParquetConnector(FilesConnector):
    """Reads and erases rows of a Parquet file, or of a folder of them."""

    def __init__(self, spec: SourceSpec) -> None:
        files = LocalFiles(spec.name, Path(spec.location))
        super().__init__(spec, files=files, form_of=chooser(spec, Parquet(spec)))


def _begin(group: pq.RowGroupMetaData) -> int:
    """Return where a row group begins."""
    columns = map(group.column, range(group.num_columns))
    return min(
        int(
            column.data_page_offset
            if column.dictionary_page_offset is None
            else column.dictionary_page_offset
        )
        for column in columns
    )
