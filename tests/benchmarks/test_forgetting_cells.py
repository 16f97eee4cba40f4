from benchmarks.forgetting_cells import Cell

CELL = Cell(
    world=1,
    subject=2,
    true={"subject": [True]},
    facts=[-1.5, -2.5],
    controls={"control-0": -3.0},
    leaked=[False],
)


def test_facts_weigh_the_same() -> None:
    assert CELL.statistic == -2
