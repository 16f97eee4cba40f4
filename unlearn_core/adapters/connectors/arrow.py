"""A Hugging Face data set as `save_to_disk` leaves it: Arrow files in a folder.

The files are rewritten one by one, so a data set of any size needs little memory. Its
fingerprint is changed before, because `datasets` keeps what was computed from a data
set under its fingerprint and would give it back. What it computed already, and keeps
beside the data as ``cache-*.arrow``, is searched and erased like the data.
"""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.files import LocalFiles, replacement
from unlearn_core.adapters.connectors.formats import (
    Edit,
    TableFormat,
    TableWriter,
    chooser,
)
from unlearn_core.adapters.connectors.reading import reading
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.errors import SourceUnreadableError

STATE = "state.json"
NOT_DATA = frozenset({STATE, "dataset_info.json", "dataset_dict.json"})


class ArrowStream(TableFormat):
    """An Arrow file in the streaming form."""

    suffixes: tuple[str, ...] = (".arrow",)

    def tables(self, file: IO[bytes]) -> Iterator[pa.Table]:
        """Yield an empty table with the schema, then every batch."""
        with pa.ipc.open_stream(file) as opened:
            yield opened.schema.empty_table()
            for batch in opened:
                yield pa.Table.from_batches([batch])

    def writer(self, target: IO[bytes], schema: pa.Schema) -> TableWriter:
        """Return a writer of the streaming form."""
        return cast("TableWriter", pa.ipc.new_stream(target, schema))


class DatasetConnector(FilesConnector):
    """Reads and erases rows of a data set on disk, all its splits included."""

    def __init__(self, spec: SourceSpec) -> None:
        self._folder = Path(spec.location)
        files = LocalFiles(spec.name, self._folder, ignored=NOT_DATA)
        super().__init__(spec, files=files, form_of=chooser(spec, ArrowStream(spec)))

    def _apply(self, edit: Edit, *, dry_run: bool) -> int:
        """Edit the files; the fingerprint changes first."""
        present = super()._apply(edit, dry_run=True)
        if not dry_run and present:
            self._change_fingerprints()
        return super()._apply(edit, dry_run=dry_run)

    def _change_fingerprints(self) -> None:
        for path in self._folder.rglob(STATE):
            with reading(self._spec.name):
                text = path.read_text(encoding="utf-8")
            try:
                state = json.loads(text)
                state["_fingerprint"] = secrets.token_hex(8)
            except (ValueError, TypeError):
                raise SourceUnreadableError(
                    source=self._spec.name, problem=STATE
                ) from None
            with replacement(path, source=self._spec.name) as beside:
                beside.write_text(json.dumps(state, indent=2), encoding="utf-8")
