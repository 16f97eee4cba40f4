"""Several named files as one: a zip file in one byte form.

Nothing is compressed and no time is kept, so the same files give the same bytes, and
a file in any other form is refused: every byte of it counts.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping

from unlearn_core.errors import IntegrityError

MAXIMUM_BYTES = 256 * 1024 * 1024
"""Longest file that is read."""

_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
"""System that made the file; the library would say which one it runs on."""


class ArchiveUnreadableError(IntegrityError):
    """A file is no zip file of ours, or a damaged one."""

    code = "archive_unreadable"
    summary = "the file cannot be unpacked"
    next_step = "Ask for the original file."


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file with the files in the order of their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            row = zipfile.ZipInfo(name, _EPOCH)
            row.create_system = _UNIX
            archive.writestr(row, files[name])
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Read a zip file; nothing is written anywhere.

    Raises:
        ArchiveUnreadableError: It is damaged, in another form, or too long.
    """
    if len(data) > MAXIMUM_BYTES:
        raise ArchiveUnreadableError(problem="too long")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            rows = archive.infolist()
            if sum(row.file_size for row in rows) > len(data):
                raise ArchiveUnreadableError(problem="compressed")
            files = {row.filename: archive.read(row) for row in rows}
    except _DAMAGED:
        raise ArchiveUnreadableError(problem="damaged") from None
    if pack(files) != data:
        raise ArchiveUnreadableError(problem="another form")
    return files
