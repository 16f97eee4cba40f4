"""What a benchmark keeps on disk, so that a run of hours may be interrupted."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

COMPLETE = "complete"

Kept = TypeVar("Kept", bound="DataclassInstance")


def kept(path: Path, measured: Callable[[], Kept], *, kind: type[Kept]) -> Kept:
    """Return the content of a file, measured now if it is not there.

    Args:
        path: The file.
        measured: Measures it.
        kind: What the file holds, such as `Cell`.
    """
    if path.is_file():
        return TypeAdapter(kind).validate_python(json.loads(path.read_text()))
    content = measured()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(asdict(content)))
    unfinished.replace(path)
    return content


def cached(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder that is complete, after making it if it is not.

    It is made under another name, so an interruption leaves nothing half done, and
    nobody else's unfinished folder is touched before this one is finished.
    """
    if not (folder / COMPLETE).is_file():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        make(part)
        (part / COMPLETE).touch()
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    return folder
