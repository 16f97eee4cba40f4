"""Reads a download of DROP, and writes the answers: CSV files in a folder or a ZIP.

Files are read line by line, so a list may be as long as it is.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO

from unlearn_core.domain.drop import (
    REMOVED,
    Code,
    DropFile,
    DropRefusedError,
    ListType,
    WorkItem,
)

LIST_HEADER = ["ID", "Hash"]
REMOVED_HEADER = ["ID", "Hash", "ListType"]
ANSWER_HEADER = ["Id", "Status"]

_NAME = re.compile(
    r"(?P<day>[0-9]{8})_(?P<broker>[0-9]{4})_(?P<type>[A-Za-z]+)"
    r"(?:_[A-Za-z0-9]{1,10})?\.csv"
)
_ITEM = re.compile(r"[A-Za-z0-9]{12}")
_DIGEST = re.compile(r"[A-Za-z0-9+/]{43}=")
_SUFFIX = re.compile(r"[A-Za-z0-9]{1,10}")


class Download:
    """A download in a folder, or in the ZIP that it came in.

    Args:
        path: Folder or ZIP.

    Raises:
        DropRefusedError: It cannot be read, or has a file of another form.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            names = self._names()
        except (OSError, zipfile.BadZipFile):
            raise DropRefusedError(problem="unreadable") from None
        self.files = tuple(_file(name) for name in names if name.endswith(".csv"))
        if not self.files:
            raise DropRefusedError(problem="no lists")

    def items(self, file: DropFile) -> Iterator[WorkItem]:
        """Yield the lines of a file.

        Raises:
            DropRefusedError: A line is not of the platform's form; it is numbered.
        """
        is_removed = file.list_type is None
        header = REMOVED_HEADER if is_removed else LIST_HEADER
        with self._lines(file.name) as lines:
            reader = csv.reader(lines, strict=True)
            try:
                if next(reader, None) != header:
                    raise DropRefusedError(
                        file=file.name, expected=",".join(header), line=1
                    )
                for row in reader:
                    yield _item(row, file, line=reader.line_num)
            except (csv.Error, UnicodeDecodeError):
                raise DropRefusedError(
                    file=file.name, line=reader.line_num, problem="not CSV in UTF-8"
                ) from None

    def _names(self) -> list[str]:
        if self._path.is_dir():
            return sorted(item.name for item in self._path.iterdir() if item.is_file())
        with zipfile.ZipFile(self._path) as packed:
            return sorted(packed.namelist())

    def _lines(self, name: str) -> IO[str]:
        if self._path.is_dir():
            return (self._path / name).open(encoding="utf-8-sig", newline="")
        return _Packed(self._path, name)


class _Packed(io.TextIOWrapper):
    """A file of a ZIP, which is closed together with it."""

    def __init__(self, path: Path, name: str) -> None:
        self._open = ExitStack()
        packed = self._open.enter_context(zipfile.ZipFile(path))
        inner = self._open.enter_context(packed.open(name))
        super().__init__(inner, encoding="utf-8-sig", newline="")

    def close(self) -> None:
        """Close the file and the ZIP."""
        super().close()
        self._open.close()


def write_answers(
    folder: Path,
    file: DropFile,
    answers: Iterable[tuple[str, Code]],
    *,
    suffix: str | None = None,
) -> Path:
    """Write the answers to one list, whole or not at all; return the file.

    Raises:
        DropRefusedError: The suffix is not of the platform's form.
    """
    name = file.name
    if suffix is not None:
        if not _SUFFIX.fullmatch(suffix):
            raise DropRefusedError(problem="a suffix has 1 to 10 letters or digits")
        day, broker, _ = name.split("_", 2)
        name = f"{day}_{broker}_{file.list_type}_{suffix}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    beside = path.with_suffix(".part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened, lineterminator="\n")
            writer.writerow(ANSWER_HEADER)
            writer.writerows((item_id, int(code)) for item_id, code in answers)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def _file(name: str) -> DropFile:
    found = _NAME.fullmatch(name)
    kind = found["type"] if found else ""
    if found is None or kind not in {REMOVED, *ListType}:
        raise DropRefusedError(problem="a file with another name", file=name[:80])
    try:
        day = datetime.strptime(found["day"], "%Y%m%d").date()  # noqa: DTZ007 - a date
    except ValueError:
        raise DropRefusedError(problem="no date in the name", file=name) from None
    return DropFile(
        name=name, day=day, list_type=None if kind == REMOVED else ListType(kind)
    )


def _item(row: list[str], file: DropFile, *, line: int) -> WorkItem:
    width = len(REMOVED_HEADER if file.list_type is None else LIST_HEADER)
    is_whole = len(row) == width and _ITEM.fullmatch(row[0]) is not None
    if not is_whole or not _DIGEST.fullmatch(row[1]):
        raise DropRefusedError(file=file.name, line=line, problem="malformed")
    list_type = file.list_type
    if list_type is None:
        if row[2] not in set(ListType):
            raise DropRefusedError(file=file.name, line=line, problem="unknown list")
        list_type = ListType(row[2])
    return WorkItem(item_id=row[0], digest=row[1], list_type=list_type)
