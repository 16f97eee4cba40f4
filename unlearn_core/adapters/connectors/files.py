"""Replacing a file as a whole: written beside, flushed, renamed over.

A reader sees the old file or the new one, never a half. If the process dies the
old file stays. The new file may be read by whoever could read the old one, and a
symbolic link is followed, because the data is where it points.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from unlearn_core.errors import StorageError

REPLACEMENT_SUFFIX = ".replacing"


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """Give a path to write to; on success it takes the place of an existing file.

    Leftovers of an attempt that died are removed first.

    Raises:
        StorageError: The file cannot be written, a full disk included.
    """
    target = path.resolve()
    try:
        beside = _create_beside(target)
        try:
            yield beside
            shutil.copymode(target, beside)
            _flush(beside)
            beside.replace(target)
            _flush(target.parent)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
    except OSError:
        raise StorageError(problem="a source could not be rewritten") from None


def _create_beside(target: Path) -> Path:
    for leftover in target.parent.glob(f".{target.name}.*{REPLACEMENT_SUFFIX}"):
        leftover.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{target.name}.", suffix=REPLACEMENT_SUFFIX, dir=target.parent
    )
    os.close(handle)
    return Path(name)


def _flush(path: Path) -> None:
    """Make the kernel write a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
