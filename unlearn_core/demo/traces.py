"""Searches everything that an installation wrote for traces of a person.

Every file is searched as bytes, in several encodings. Databases and Parquet files are
also read value by value, and compressed files are unpacked, because page borders and
compression hide text from a search of bytes. What a file is, its first bytes say.
"""

import base64
import gzip
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

_MAGIC_BYTES = 16
_BITS_PER_BYTE, _BITS_PER_BASE64 = 8, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Where something was found; not what."""

    path: str
    how: str


@dataclass(slots=True, kw_only=True)
class SearchReport:
    """What a search covered and found.

    Attributes:
        unreadable: Files that look like a database or an archive and cannot be read
            as one; only their bytes were searched.
    """

    files: int = 0
    bytes: int = 0
    values: int = 0
    traces: list[Trace] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def search_everywhere(folders: Sequence[Path], needles: Sequence[str]) -> SearchReport:
    """Search folders for personal values.

    Args:
        folders: Folders to search, all files below them.
        needles: Personal values, as they were submitted or stored.
    """
    report = SearchReport()
    forms = _Forms.of(needles)
    for path in _files(folders):
        data = path.read_bytes()
        report.files += 1
        report.bytes += len(data)
        if forms.are_in(data):
            report.traces.append(Trace(path=str(path), how="bytes"))
        try:
            for value in _values(path, data[:_MAGIC_BYTES]):
                report.values += 1
                if forms.are_in(value):
                    report.traces.append(Trace(path=str(path), how="value"))
        except _UNREADABLE:
            report.unreadable.append(str(path))
    return report


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forms:
    """The forms in which the needles may be written.

    Attributes:
        texts: Folded texts, for values that are text.
        folded: Encodings in which the letter case of the text may differ.
        exact: Encodings that another letter case turns into another text.
    """

    texts: tuple[str, ...]
    folded: tuple[bytes, ...]
    exact: tuple[bytes, ...]

    @classmethod
    def of(cls, needles: Sequence[str]) -> "_Forms":
        return cls(
            texts=tuple(needle.casefold() for needle in needles),
            folded=tuple(
                form.lower() for needle in needles for form in _spellings(needle)
            ),
            exact=tuple(form for needle in needles for form in _base64_middles(needle)),
        )

    def are_in(self, value: str | bytes) -> bool:
        if isinstance(value, str):
            folded = value.casefold()
            return any(text in folded for text in self.texts)
        lowered = value.lower()
        return any(form in lowered for form in self.folded) or any(
            form in value for form in self.exact
        )


def _spellings(text: str) -> Iterator[bytes]:
    plain = text.encode()
    yield plain
    yield text.encode("utf-16-le")
    yield quote(text).encode()
    yield json.dumps(text)[1:-1].encode()
    yield plain.hex().encode()


def _base64_middles(text: str) -> Iterator[bytes]:
    """Yield what base64 makes of a text, whatever stands before and after it.

    Six bits are a letter, so only the alignment matters, and the letters that hold
    the text's bits alone. All of these are kept: a shorter piece would be found by
    chance among the weights of a model.
    """
    plain = text.encode()
    for shift in range(3):
        first = -(-shift * _BITS_PER_BYTE // _BITS_PER_BASE64)
        last = (shift + len(plain)) * _BITS_PER_BYTE // _BITS_PER_BASE64
        yield base64.b64encode(b"\0" * shift + plain)[first:last]


def _values(path: Path, beginning: bytes) -> Iterator[str | bytes]:
    """Yield what a search of bytes does not see."""
    for magic, read in _READERS.items():
        if beginning.startswith(magic):
            yield from read(path)


def _parquet_values(path: Path) -> Iterator[str | bytes]:
    for row in pq.read_table(path).to_pylist():
        yield from (str(value) for value in row.values())


def _database_values(path: Path) -> Iterator[str | bytes]:
    address = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (table,) in connection.execute(query).fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from the schema
                for value in row:
                    if isinstance(value, bytes):
                        yield value
                    elif value is not None:
                        yield str(value)


def _unzipped(path: Path) -> Iterator[str | bytes]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield name
            yield archive.read(name)


def _decompressed(path: Path) -> Iterator[str | bytes]:
    with gzip.open(path) as file:
        yield file.read()


_READERS: Mapping[bytes, Callable[[Path], Iterator[str | bytes]]] = {
    b"SQLite format 3\0": _database_values,
    b"PAR1": _parquet_values,
    b"PK\x03\x04": _unzipped,
    b"\x1f\x8b": _decompressed,
}

_UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    pa.ArrowException,
    sqlite3.Error,
    zipfile.BadZipFile,
    zlib.error,
)
