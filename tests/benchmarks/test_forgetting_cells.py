from pathlib import Path

from benchmarks.forgetting_cells import Cell, kept

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


def test_facts_weigh_the_same() -> None:
    assert CELL.statistic == -2
