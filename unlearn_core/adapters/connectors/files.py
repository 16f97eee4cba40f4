"""Replacing a file as a whole: written beside, flushed, renamed over.

A reader sees the old file or the new one, never a half. If the process dies the
old file stays.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from unlearn_core.errors import StorageError

REPLACEMENT_SUFFIX = ".replacing"


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """Give a path to write to; on success it takes the place of ``path``.

    Leftovers of an attempt that died are removed first.

    Raises:
        StorageError: The file cannot be written, a full disk included.
    """
    for leftover in path.parent.glob(f".{path.name}.*{REPLACEMENT_SUFFIX}"):
        leftover.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.name}.", suffix=REPLACEMENT_SUFFIX, dir=path.parent
    )
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        _flush(beside)
        beside.replace(path)
        _flush(path.parent)
    except OSError:
        raise StorageError(problem="a source could not be rewritten") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Make the kernel write a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
