import math
from dataclasses import replace

import pytest

from benchmarks.forgetting_cells import Cell
from benchmarks.forgetting_summary import area, area_interval, ks_reach, summary

CONTROLS = {"control-0": -4.0, "control-1": -3.0, "control-2": -2.0, "control-3": -1.0}
CELL = Cell(
    world=0,
    subject=0,
    true={"subject": [False, True], "retained": [True], "neighbour": [True, False]},
    facts=[-3.0, -2.0],
    controls=CONTROLS,
    leaked=[False, True],
)


def cells(*statistics: float, world: int = 0) -> list[Cell]:
    return [
        replace(CELL, world=world, subject=number, facts=[value])
        for number, value in enumerate(statistics)
    ]


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [(-9.0, 0.0), (-2.5, 0.5), (-2.0, 0.625), (0.0, 1.0)],
)
def test_the_area_counts_controls_below_and_half_of_ties(
    statistic: float, expected: float
) -> None:
    assert area(cells(statistic)) == expected


def test_an_interval_without_variation_has_no_width() -> None:
    assert area_interval(cells(0.0, 0.5)) == (1.0, 1.0)


def test_an_interval_contains_the_area_and_more_people_narrow_it() -> None:
    few, many = (cells(*([-3.5, -2.5, -1.5] * count)) for count in (2, 20))
    low, high = area_interval(few)
    assert low < area(few) < high
    narrow = area_interval(many)
    assert narrow[1] - narrow[0] < high - low


def test_control_people_are_redrawn_not_only_subjects() -> None:
    """A hundred subjects in the middle of four controls prove little."""
    low, high = area_interval(cells(*([-2.5] * 100)))
    assert low < 0.1
    assert high > 0.9


def test_a_world_is_redrawn_by_itself() -> None:
    """In each world the subjects are beyond all controls, on one side or the other."""
    mixed = [*cells(0.0, 0.0), *cells(-9.0, -9.0, world=1)]
    assert area(mixed) == 0.5
    assert area_interval(mixed) == (0.5, 0.5)


def test_controls_need_not_be_the_same_for_every_subject() -> None:
    other = replace(CELL, subject=1, controls={"control-9": -9.0})
    assert area([replace(CELL, facts=[-9.5]), other]) == 0.5
    low, high = area_interval([replace(CELL, facts=[-9.5]), other])
    assert 0 <= low <= high <= 1


def test_the_bound_of_a_distance_shrinks_with_the_root_of_the_facts() -> None:
    assert ks_reach(50) == pytest.approx(math.sqrt(2 * math.log(20) / 50))
    assert ks_reach(200) == pytest.approx(ks_reach(50) / 2)


def test_a_row_has_a_number_for_every_column() -> None:
    """Two facts at -3 and -2 beside two at -2.5 and -2: half of them lie apart."""
    retrained = replace(CELL, facts=[-2.5, -2.0])
    row = summary([CELL], [retrained])
    assert row == {
        "forget": 0.5,
        "retain": 1.0,
        "near": 0.5,
        "ks": 0.5,
        "ks_bound": 1.0,
        "auc": 0.5,
        "auc_interval": row["auc_interval"],
        "leak100": 0.5,
    }
