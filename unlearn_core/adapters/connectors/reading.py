"""Reading the bytes of a source: compression, JSON, and errors that become ours."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, cast

import pyarrow as pa

from unlearn_core.errors import SourceUnreadableError

GZIP = b"\x1f\x8b"
ZSTANDARD = b"\x28\xb5\x2f\xfd"


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turn errors of reading into `SourceUnreadableError`, without their text."""
    try:
        yield
    except (OSError, EOFError, zlib.error, pa.ArrowException):
        raise SourceUnreadableError(source=source) from None


def json_value(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return what JSON says; of a name that an object has twice, both values.

    Raises:
        ValueError: It is none.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; an earlier value of a name has the place of the next one."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    found.clear()
    for place, (name, value) in enumerate(pairs, start=1):
        if name in found:
            other = f"{name}#{place}"
            while other in found:
                other += "#"
            found[other] = found[name]
        found[name] = value
    return found


def compression_of(file: IO[bytes]) -> str:
    """Tell by its first bytes how a file is compressed: gzip, zstd or not."""
    head = cast("io.BufferedReader", file).peek(len(ZSTANDARD))
    if head.startswith(GZIP):
        return "gzip"
    return "zstd" if head.startswith(ZSTANDARD) else ""


def decompressed(file: IO[bytes]) -> IO[bytes]:
    """Return the plain bytes of a file, whatever it is compressed with."""
    match compression_of(file):
        case "gzip":
            return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
        case "zstd":
            stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
            return io.BufferedReader(cast("io.RawIOBase", stream))
        case _:
            return file


@contextmanager
def compressed(file: BinaryIO | IO[bytes], compression: str) -> Iterator[IO[bytes]]:
    """Give a file to write plain bytes to; the file itself stays open."""
    match compression:
        case "gzip":
            with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        case "zstd":
            sink = pa.PythonFile(_Open(file), "w")
            with pa.CompressedOutputStream(sink, "zstd") as packed:
                yield packed
        case _:
            yield file


class _Open:
    """A file that a library may write to and not close."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.write = file.write
        self.flush = file.flush

    def close(self) -> None:
        """Leave the file open."""
