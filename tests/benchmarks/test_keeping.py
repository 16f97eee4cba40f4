from pathlib import Path

import pytest

from benchmarks.forgetting_cells import Cell
from benchmarks.keeping import cached, kept

CELL = Cell(
    world=1,
    subject=2,
    true={"subject": [True]},
    facts=[-1.5, -2.5],
    controls={"control-0": -3.0},
    leaked=[False],
)


def test_a_cell_is_measured_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def measured() -> Cell:
        calls.append(1)
        return CELL

    path = tmp_path / "cells" / "1-2-twin.json"
    assert kept(path, measured, kind=Cell) == CELL
    assert kept(path, measured, kind=Cell) == CELL
    assert calls == [1]
    assert [item.name for item in path.parent.iterdir()] == ["1-2-twin.json"]


def test_what_is_complete_is_not_made_again(tmp_path: Path) -> None:
    made: list[Path] = []
    folder = tmp_path / "models"

    for _ in range(2):
        assert cached(folder, made.append) == folder

    assert len(made) == 1
    assert (folder / "complete").is_file()


def test_an_interruption_leaves_what_was_there_and_nothing_half_done(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "somebody's").touch()

    def fail(part: Path) -> None:
        (part / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(folder, fail)

    assert [path.name for path in folder.iterdir()] == ["somebody's"]
    cached(folder, lambda part: (part / "whole").touch())
    assert sorted(path.name for path in folder.iterdir()) == ["complete", "whole"]
