"""Looks for plain text of people in whatever a process has left on a disk."""

import base64
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

DEPTH = 3
"""So many layers of packing are looked through."""

_ERRORS = (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile)


def traces(folder: Path, values: Iterable[str]) -> dict[str, list[str]]:
    """Return which files below a folder hold which values, in any form."""
    forms = {value: written_forms(value) for value in values}
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        layers = [layer.lower() for layer in unpacked(path.read_bytes())]
        layers.append(str(path.relative_to(folder)).encode().lower())
        held = [
            value
            for value, written in forms.items()
            if any(form in layer for form in written for layer in layers)
        ]
        if held:
            found[str(path.relative_to(folder))] = held
    return found


def written_forms(value: str) -> frozenset[bytes]:
    """Return a value in every encoding that is looked for, in small letters.

    Base64 is told at each of the three places of a group where the value may begin;
    what hangs on its neighbours is left out.
    """
    plain = value.encode()
    groups = (
        base64.b64encode(bytes(skipped) + plain)[skipped + bool(skipped) : -4]
        for skipped in range(3)
    )
    texts = {
        plain,
        value.lower().encode(),
        value.upper().encode(),
        value.encode("utf-16-le"),
        value.encode("utf-16-be"),
        quote(value).encode(),
        json.dumps(value)[1:-1].encode(),
        *groups,
    }
    return frozenset(text.lower() for text in texts)


def unpacked(data: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """Yield data, and everything that is packed in it."""
    yield data
    if depth:
        for inner in _inside(data):
            yield from unpacked(inner, depth - 1)


def _inside(data: bytes) -> Iterator[bytes]:
    with suppress(*_ERRORS):
        if data.startswith(b"\x1f\x8b"):
            # What was cut off has to be read as well.
            yield zlib.decompressobj(31).decompress(data)
        elif data[:1] == b"\x78":
            yield zlib.decompressobj().decompress(data)
        elif data.startswith(b"\x28\xb5\x2f\xfd"):
            yield _streamed(data, "zstd")
        elif data.startswith(b"\x04\x22\x4d\x18"):
            yield _streamed(data, "lz4")
        elif data.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for name in archive.namelist():
                    yield name.encode() + b"\n" + archive.read(name)
        elif data.startswith(b"PAR1"):
            yield _rows(pq.read_table(pa.BufferReader(data)))
        elif data.startswith(b"ARROW1"):
            yield _rows(pa.ipc.open_file(pa.BufferReader(data)).read_all())
        elif data.startswith(b"\xff\xff\xff\xff"):
            yield _rows(pa.ipc.open_stream(pa.BufferReader(data)).read_all())


def _streamed(data: bytes, codec: str) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(data), codec) as stream:
        plain: bytes = stream.read()
        return plain


def _rows(table: pa.Table) -> bytes:
    return json.dumps(table.to_pylist(), ensure_ascii=False, default=str).encode()
