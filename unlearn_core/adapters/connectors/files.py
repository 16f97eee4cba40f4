"""Files of a source: finding them, and replacing one as a whole.

A replacement is written beside, flushed and renamed over. A reader sees the old file
or the new one, never a half. If the process dies the old file stays, and what it left
beside is removed by the next attempt. The new file may be read by whoever could read
the old one, and a symbolic link is followed, because the data is where it points.

Another writer is noticed: if the file is not what it was when copying began, nothing
is replaced; if it was written to during the exchange itself, the old file is put back.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from unlearn_core.adapters.connectors.reading import reading
from unlearn_core.adapters.connectors.stored_files import Copy
from unlearn_core.errors import (
    SourceChangedError,
    SourceUnreadableError,
    StorageError,
)

REPLACEMENT_SUFFIX = ".replacing"
_LEFT_OUT = (".", "_")


class LocalFiles:
    """`Files` of one file or of all files below a folder.

    Hidden files and those whose name begins with ``_`` are no data, as every reader
    of partitioned folders has it.

    Args:
        source: Name of the source.
        root: The file or folder.
        ignored: Names inside a folder that hold no records.
        mark: A folder inside that says that the source is there, though empty. A folder
            with one inside is data, whatever it is called.
    """

    def __init__(
        self,
        source: str,
        root: Path,
        *,
        ignored: frozenset[str] = frozenset(),
        mark: str | None = None,
    ) -> None:
        self._source = source
        self._root = root
        self._ignored = ignored
        self._mark = mark

    def names(self) -> list[str]:
        """Return the files as paths."""
        with reading(self._source):
            if self._root.is_dir():
                found = sorted(self._below())
            else:
                found = [self._root] if self._root.exists() else []
        is_known = self._mark is not None and (self._root / self._mark).is_dir()
        if not found and not is_known:
            raise SourceUnreadableError(source=self._source, problem="no files")
        return [str(path) for path in found]

    def sizes(self) -> dict[str, int]:
        """Return the size of every file."""
        names = self.names()
        with reading(self._source):
            return {name: Path(name).stat().st_size for name in names}

    def state(self, name: str) -> tuple[int, str]:
        """Return the size of a file, and the time at which it was last written to.

        Machines that share a file agree about both.
        """
        with reading(self._source):
            found = Path(name).stat()
        return found.st_size, f"{found.st_size} {found.st_mtime_ns}"

    def former(self) -> list[str]:
        """Return nothing: a file system keeps no versions."""
        return []

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file."""
        with ExitStack() as stack:
            with reading(self._source):
                file = stack.enter_context(Path(name).open("rb"))
            yield file

    def rewrite(self, name: str, copy: Copy) -> None:
        """Replace a file as a whole by what is copied from it."""
        with (
            replacement(Path(name), source=self._source) as beside,
            self.open(name) as file,
            beside.open("wb") as target,
        ):
            copy(file, target)

    def remove(self, name: str) -> None:
        """Remove a file.

        Raises:
            SourceChangedError: It was moved away meanwhile.
        """
        try:
            Path(name).unlink()
            _flush(Path(name).parent)
        except FileNotFoundError:
            raise SourceChangedError(source=self._source) from None
        except OSError as error:
            raise StorageError(errno=error.errno) from None

    def leftovers(self) -> list[str]:
        """Return what rewriting left behind that died half-way."""
        with reading(self._source):
            if self._root.is_dir():
                found = list(self._root.rglob(f".*{REPLACEMENT_SUFFIX}"))
            else:
                found = _leftovers(self._root.resolve())
        return [str(path) for path in found]

    def tidy(self) -> None:
        """Remove what rewriting left behind that died half-way."""
        for name in self.leftovers():
            Path(name).unlink(missing_ok=True)

    def _below(self) -> Iterator[Path]:
        """Yield the files of the folder; one that cannot be listed is an error."""
        for place, folders, names in os.walk(self._root, onerror=_raise):
            folders[:] = [name for name in folders if self._holds_data(place, name)]
            files = [name for name in names if self._holds_data(place, name)]
            for path in (Path(place, name) for name in (*folders, *files)):
                if path.is_symlink():
                    self._check_link(path)
                if path.is_file():
                    yield path

    def _holds_data(self, place: str, name: str) -> bool:
        """Tell whether a file or folder counts by its name, or as a marked folder."""
        if self._mark is not None and Path(place, name, self._mark).is_dir():
            return True
        return not name.startswith(_LEFT_OUT) and name not in self._ignored

    def _check_link(self, path: Path) -> None:
        """Refuse a link to what is not searched: not there, outside, or left out.

        A folder is searched in its own place.
        """
        if not path.exists():
            raise SourceUnreadableError(source=self._source, problem="broken link")
        target, root = path.resolve(), self._root.resolve()
        is_inside = target.is_relative_to(root)
        if is_inside and target.is_dir():
            inside = target.relative_to(root).parts
            is_inside = not any(part.startswith(_LEFT_OUT) for part in inside)
        if not is_inside:
            raise SourceUnreadableError(source=self._source, problem="link leads out")


@contextmanager
def replacement(path: Path, *, source: str = "") -> Iterator[Path]:
    """Give a path to write to; on success it takes the place of an existing file.

    Leftovers of an attempt that died are removed first.

    Raises:
        SourceChangedError: Somebody else wrote to the file meanwhile; it is theirs.
        StorageError: The file cannot be written, a full disk included.
    """
    target = path.resolve()
    try:
        before = _state(target)
        beside = _create_beside(target)
        try:
            yield beside
            shutil.copymode(target, beside)
            _flush(beside)
            _exchange(target, beside, before, source=source)
            _flush(target.parent)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
    except OSError:
        raise StorageError(problem="a source could not be rewritten") from None


def _exchange(
    target: Path, beside: Path, before: tuple[int, ...], *, source: str
) -> None:
    """Rename over, unless or until another writer is noticed."""
    kept = beside.with_name(f"{beside.name}.kept{REPLACEMENT_SUFFIX}")
    with suppress(PermissionError):  # not every file system knows hard links
        os.link(target, kept)
    try:
        if _state(target) != before:
            raise SourceChangedError(source=source)
        beside.replace(target)
        if kept.exists() and _state(kept) != before:
            kept.replace(target)
            raise SourceChangedError(source=source)
    finally:
        kept.unlink(missing_ok=True)


def _raise(error: OSError) -> None:
    raise error


def _state(path: Path) -> tuple[int, ...]:
    """Return what changes whenever a file is written to or replaced."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _leftovers(target: Path) -> list[Path]:
    return list(target.parent.glob(f".{target.name}.*{REPLACEMENT_SUFFIX}"))


def _create_beside(target: Path) -> Path:
    for leftover in _leftovers(target):
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
