"""Parquet: one record a row, read by row group; a file or a partition tree."""

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
from unlearn_core.adapters.connectors.specification import SourceSpec


class Parquet(TableFormat):
    """A Parquet file."""

    suffixes: tuple[str, ...] = (".parquet", ".pq")
    is_partitioned: bool = True

    def tables(self, file: IO[bytes]) -> Iterator[pa.Table]:
        """Yield an empty table with the schema, then every row group."""
        opened = pq.ParquetFile(file)
        yield opened.schema_arrow.empty_table()
        for number in range(opened.num_row_groups):
            yield opened.read_row_group(number)

    def writer(self, target: IO[bytes], schema: pa.Schema) -> TableWriter:
        """Return a writer of Parquet."""
        return cast("TableWriter", pq.ParquetWriter(target, schema))


class ParquetConnector(FilesConnector):
    """Reads and erases rows of a Parquet file, or of a folder of them."""

    def __init__(self, spec: SourceSpec) -> None:
        files = LocalFiles(spec.name, Path(spec.location))
        super().__init__(spec, files=files, form_of=chooser(spec, Parquet(spec)))
