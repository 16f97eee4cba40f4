"""Searches everything that an installation wrote for traces of a person.

Every file is searched as bytes, in several encodings. Parquet files and databases are
also read value by value, because compression and page borders hide text from a search
of bytes.
"""

import base64
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

_BASE64_BORDER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Where something was found; not what."""

    path: str
    how: str


@dataclass(slots=True, kw_only=True)
class SearchReport:
    """What a search covered and found."""

    files: int = 0
    bytes: int = 0
    values: int = 0
    traces: list[Trace] = field(default_factory=list)


def search_everywhere(folders: Sequence[Path], needles: Sequence[str]) -> SearchReport:
    """Search folders for personal values.

    Args:
        folders: Folders to search, all files below them.
        needles: Personal values, as they were submitted or stored.
    """
    report = SearchReport()
    encoded = [form for needle in needles for form in _encodings(needle)]
    folded = [needle.casefold() for needle in needles]
    for path in _files(folders):
        data = path.read_bytes().lower()
        report.files += 1
        report.bytes += len(data)
        if any(form.lower() in data for form in encoded):
            report.traces.append(Trace(path=str(path), how="bytes"))
        for value in _values(path):
            report.values += 1
            if any(needle in value.casefold() for needle in folded):
                report.traces.append(Trace(path=str(path), how="value"))
    return report


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path


def _encodings(text: str) -> Iterator[bytes]:
    plain = text.encode()
    yield plain
    yield text.encode("utf-16-le")
    yield quote(text).encode()
    yield json.dumps(text)[1:-1].encode()
    yield plain.hex().encode()
    for shift in range(3):
        # The middle of a base64 text depends only on the alignment.
        whole = base64.b64encode(b"\0" * shift + plain)
        yield whole[_BASE64_BORDER:-_BASE64_BORDER]


def _values(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        yield from _parquet_values(path)
    elif path.suffix == ".db":
        yield from _database_values(path)


def _parquet_values(path: Path) -> Iterator[str]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return
    for row in table.to_pylist():
        yield from (str(value) for value in row.values())


def _database_values(path: Path) -> Iterator[str]:
    address = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (table,) in connection.execute(query).fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from the schema
                for value in row:
                    if isinstance(value, bytes):
                        yield value.decode(errors="replace")
                    elif value is not None:
                        yield str(value)
