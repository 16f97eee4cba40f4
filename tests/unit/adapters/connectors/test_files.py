import errno
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from support.file_sources import jsonl_bytes
from support.sources import PEOPLE, source_spec

from unlearn_core.adapters.connectors import files
from unlearn_core.adapters.connectors.files import REPLACEMENT_SUFFIX, replacement
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.errors import (
    SourceChangedError,
    SourceUnreadableError,
    StorageError,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file that is to be replaced."""
    path = tmp_path / "corpus.jsonl"
    path.write_text("old")
    return path


def fail_while_writing(path: Path, fault: Exception) -> None:
    """Write half of a replacement, then meet a fault."""
    with replacement(path) as beside:
        beside.write_text("half")
        raise fault


def test_the_old_file_stays_until_the_new_one_is_whole(path: Path) -> None:
    with replacement(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


class PowerCutError(BaseException):
    """Ends the process as far as a test can: nothing catches it."""


def test_a_crash_between_write_and_rename_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise PowerCutError

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(PowerCutError), replacement(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "old"


def test_leftovers_of_a_process_that_died_are_removed(path: Path) -> None:
    """They hold personal data, so they must not pile up."""
    leftover = path.with_name(f".{path.name}.abc{REPLACEMENT_SUFFIX}")
    leftover.write_text("half of the new")
    other = path.with_name(f".other.jsonl.abc{REPLACEMENT_SUFFIX}")
    other.write_text("somebody else's")
    with replacement(path) as beside:
        beside.write_text("new")
    assert not leftover.exists()
    assert other.exists()


def test_an_error_of_the_writer_leaves_the_old_file_and_nothing_beside(
    path: Path,
) -> None:
    with pytest.raises(SourceUnreadableError):
        fail_while_writing(path, SourceUnreadableError(source="corpus"))
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_reported_and_leaves_the_old_file(path: Path) -> None:
    fault = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    with pytest.raises(StorageError) as raised:
        fail_while_writing(path, fault)
    assert str(path) not in str(raised.value)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_too_full_for_an_empty_file_is_reported_as_well(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(StorageError), replacement(path):
        pytest.fail("there is nothing to write to")
    assert path.read_text() == "old"


def test_a_file_that_vanished_meanwhile_is_not_created_again(path: Path) -> None:
    def vanish() -> None:
        with replacement(path):
            path.unlink()

    with pytest.raises(StorageError):
        vanish()
    assert list(path.parent.iterdir()) == []


def test_whoever_could_read_the_old_file_can_read_the_new_one(path: Path) -> None:
    path.chmod(0o640)
    with replacement(path) as beside:
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600
        beside.write_text("new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_file_behind_a_symbolic_link_is_replaced(path: Path) -> None:
    """Replacing the link would leave the personal data where it was."""
    folder = path.parent / "elsewhere"
    folder.mkdir()
    link = folder / "current.jsonl"
    link.symlink_to(path)
    with replacement(link) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"
    assert link.is_symlink()


def test_file_and_folder_reach_the_disk_before_and_after_the_rename(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []

    def flush(flushed: Path) -> None:
        seen.append(("folder" if flushed.is_dir() else "file", path.read_text()))

    monkeypatch.setattr(files, "_flush", flush)
    with replacement(path) as beside:
        beside.write_text("new")
    assert seen == [("file", "old"), ("folder", "new")]


def append(path: Path) -> None:
    """Write to a file as it is."""
    with path.open("a") as file:
        file.write(" and more")


def put_another(path: Path) -> None:
    """Replace a file as a whole."""
    theirs = path.with_name("theirs")
    theirs.write_text("theirs")
    theirs.replace(path)


@pytest.mark.parametrize(
    ("interfere", "left"), [(append, "old and more"), (put_another, "theirs")]
)
def test_a_file_that_is_written_to_meanwhile_stays_as_the_other_left_it(
    path: Path, interfere: Callable[[Path], None], left: str
) -> None:
    with pytest.raises(SourceChangedError), replacement(path):
        interfere(path)
    assert path.read_text() == left
    assert list(path.parent.iterdir()) == [path]


def test_a_write_during_the_exchange_itself_puts_the_old_file_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open file is written to after it was renamed over."""
    replace = Path.replace
    writer = path.open("a")

    def write_after(self: Path, target: Path) -> Path:
        replaced = replace(self, target)
        monkeypatch.undo()
        with writer:
            writer.write(" and more")
        return replaced

    monkeypatch.setattr(Path, "replace", write_after)
    with pytest.raises(SourceChangedError), replacement(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "old and more"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_system_without_hard_links_will_do(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with replacement(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"


def erase_and_die(source: JsonLinesConnector, *, at: int) -> bool:
    """Erase in a child process that is killed at its n-th call; tell if it was."""
    child = os.fork()
    if child == 0:
        calls = count()

        def look(_frame: object, event: str, _argument: object) -> None:
            if event == "c_call" and next(calls) == at:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(look)
        try:
            source.erase(["r-1"], dry_run=False)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("stride", [83, pytest.param(2, marks=pytest.mark.integration)])
def test_an_erasure_may_be_killed_anywhere(tmp_path: Path, stride: int) -> None:
    """Nobody else's record is harmed, and the next attempt leaves nothing behind."""
    path, kills = tmp_path / "people.jsonl", 0
    source = JsonLinesConnector(source_spec("jsonl", path))
    expected = jsonl_bytes(PEOPLE[1:])
    for at in count(step=stride):
        path.write_bytes(jsonl_bytes())
        was_killed = erase_and_die(source, at=at)
        assert path.read_bytes() in (jsonl_bytes(), expected)
        if not was_killed:
            break
        kills += 1
        source.erase(["r-1"], dry_run=False)
        assert source.confirm_absent(["r-1"])
        assert path.read_bytes() == expected
        assert list(tmp_path.iterdir()) == [path]
    assert kills > 300 / stride
