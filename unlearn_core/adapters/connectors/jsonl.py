"""JSON lines: one record a line.

A line that cannot be read is counted, and kept as it is when others are erased.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from unlearn_core.adapters.connectors.files import replacement
from unlearn_core.adapters.connectors.matching import search
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.domain.sources import SearchResult, SourceDescription, SourceRecord
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import SourceUnreadableError


class JsonLinesConnector:
    """Reads and erases records of a JSON lines file."""

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
        return search((row for _, row in self._lines()), subject, self._spec)

    def read(self) -> Iterator[SourceRecord]:
        """Yield every readable record."""
        for _, row in self._lines():
            if row is not None and self._spec.can_read(row):
                yield self._spec.record(row)

    def erase(self, record_ids: Collection[str], *, dry_run: bool) -> int:
        """Delete records by rewriting the file without them."""
        wanted = set(record_ids)
        present = sum(self._is_one_of(row, wanted) for _, row in self._lines())
        if dry_run or not present:
            return present
        with replacement(self._path) as beside, beside.open("wb") as file:
            file.writelines(
                line for line, row in self._lines() if not self._is_one_of(row, wanted)
            )
        return present

    def confirm_absent(self, record_ids: Collection[str]) -> bool:
        """Read back and tell whether none of the records is left."""
        wanted = set(record_ids)
        return not any(self._is_one_of(row, wanted) for _, row in self._lines())

    def _is_one_of(self, row: dict[str, Any] | None, wanted: set[str]) -> bool:
        return row is not None and str(row[self._spec.record_id]) in wanted

    def _lines(self) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
        """Yield each line with its row, or None if it is not a record."""
        try:
            with self._path.open("rb") as file:
                for line in file:
                    if line.strip():
                        yield line, self._parse(line)
        except OSError:
            raise SourceUnreadableError(source=self._spec.name) from None

    def _parse(self, line: bytes) -> dict[str, Any] | None:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict) or self._spec.record_id not in row:
            return None
        return row
