"""A Parquet file: one record a row, read row group by row group."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unlearn_core.adapters.connectors.files import replacement
from unlearn_core.adapters.connectors.matching import search
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.domain.sources import SearchResult, SourceDescription, SourceRecord
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import SourceUnreadableError


class ParquetConnector:
    """Reads and erases rows of a Parquet file."""

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        self._path = Path(spec.location)

    def describe(self) -> SourceDescription:
        """Say what the source is."""
        return SourceDescription(
            name=self._spec.name,
            kind=self._spec.kind,
            is_erasable=self._spec.is_erasable,
        )

    def locate(self, subject: DataSubject) -> SearchResult:
        """Find every record that concerns the subject."""
        return search(self._rows(), subject, self._spec)

    def read(self) -> Iterator[SourceRecord]:
        """Yield every readable record."""
        for row in self._rows():
            if self._spec.can_read(row):
                yield self._spec.record(row)

    def erase(self, record_ids: Collection[str], *, dry_run: bool) -> int:
        """Delete records by rewriting the file without them."""
        wanted = set(record_ids)
        present = sum(
            len(group) - len(_without(group, self._spec, wanted))
            for group in self._groups()
        )
        if dry_run or not present:
            return present
        with replacement(self._path) as beside:
            with self._open() as file:
                schema = file.schema_arrow
            with pq.ParquetWriter(beside, schema) as writer:
                for group in self._groups():
                    writer.write_table(_without(group, self._spec, wanted))
        return present

    def confirm_absent(self, record_ids: Collection[str]) -> bool:
        """Read back and tell whether none of the records is left."""
        return self.erase(record_ids, dry_run=True) == 0

    def _rows(self) -> Iterator[dict[str, Any]]:
        for group in self._groups():
            yield from group.to_pylist()

    def _groups(self) -> Iterator[pa.Table]:
        try:
            with self._open() as file:
                if self._spec.record_id not in file.schema_arrow.names:
                    raise SourceUnreadableError(
                        source=self._spec.name, missing_column=self._spec.record_id
                    )
                for number in range(file.num_row_groups):
                    yield file.read_row_group(number)
        except (OSError, pa.ArrowException):
            raise SourceUnreadableError(source=self._spec.name) from None

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._path)
        except (OSError, pa.ArrowException):
            raise SourceUnreadableError(source=self._spec.name) from None


def _without(group: pa.Table, spec: SourceSpec, wanted: set[str]) -> pa.Table:
    """Return the rows of a group whose record is not wanted."""
    keep = [str(value) not in wanted for value in group[spec.record_id].to_pylist()]
    return group.filter(pa.array(keep))
