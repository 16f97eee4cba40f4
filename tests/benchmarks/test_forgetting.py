from dataclasses import replace
from pathlib import Path

from benchmarks.forgetting import (
    CALIBRATED,
    DEFAULT,
    STRENGTH_FILE,
    line_of,
    recipe_of,
    strength_of,
    summaries,
    what_decides,
    worlds_of,
)
from benchmarks.forgetting_cells import Cell
from unlearn_core.objectives import FORGET_OBJECTIVES

CELL = Cell(
    world=0,
    subject=0,
    true={"subject": [False], "retained": [True], "neighbour": [True]},
    facts=[-3.0],
    controls={"control-0": -4.0},
    leaked=[False],
)


def test_every_registered_objective_has_a_recipe() -> None:
    recipes = {name: recipe_of(name) for name in FORGET_OBJECTIVES}
    assert {recipe.objective for recipe in recipes.values()} == set(FORGET_OBJECTIVES)
    assert recipes[DEFAULT.objective] == DEFAULT
    assert recipes["flat_tv"].retain_term == "none"
    assert recipes["npo"].retain_term == "kl"


def test_an_objective_is_compared_with_the_same_people_retrained() -> None:
    """The second subject lies far off, but was not forgotten with this objective."""
    other = replace(CELL, subject=1, facts=[-30.0])
    rows = summaries({"retrained": [CELL, other], "npo": [CELL]})
    assert rows["npo"]["ks"] == 0


def test_calibrated_is_the_default_with_limits() -> None:
    recipe = recipe_of(CALIBRATED)
    assert recipe.limits() is not None
    assert replace(recipe, calibration={}) == DEFAULT


def test_a_calibrated_pair_is_kept_with_the_strength_that_was_chosen(
    tmp_path: Path,
) -> None:
    recipe = recipe_of(CALIBRATED)
    assert what_decides(recipe) == {"recipe": recipe.digest, "strength": "chosen"}
    (tmp_path / STRENGTH_FILE).write_text("1.25")
    assert strength_of(tmp_path, recipe=recipe) == 1.25


def test_pairs_that_were_kept_before_have_the_strength_of_their_recipe(
    tmp_path: Path,
) -> None:
    assert what_decides(DEFAULT) == {"recipe": DEFAULT.digest}
    assert strength_of(tmp_path, recipe=replace(DEFAULT, alpha=0.5)) == 0.5


def test_a_world_alone_has_the_row_of_its_own_subjects() -> None:
    known = replace(CELL, world=1, true={**CELL.true, "subject": [True]}, facts=[-1.0])
    worlds = worlds_of(
        {"retrained": [CELL, replace(CELL, world=1)], "twin": [CELL, known]}
    )
    assert {world: row["forget"] for world, row in worlds.items()} == {0: 0, 1: 1}
    assert {world: row["ks"] for world, row in worlds.items()} == {0: 0, 1: 1}


def test_the_line_has_what_readers_of_it_expect() -> None:
    names = ("base", "retrained", "twin", "npo")
    cells = {name: [CELL, replace(CELL, world=3)] for name in names}
    line = line_of(summaries(cells), worlds_of(cells))
    columns = {"forget", "retain", "ks", "ks_bound", "auc", "auc_interval", "leak100"}
    rows = {"default", "retrained", "base", "objectives", "worlds"}
    assert set(line) == rows | {"seeds"}
    assert line["seeds"] == 2
    assert isinstance(line["default"], dict)
    assert set(line["default"]) == columns | {"name"}
    assert line["default"]["name"] == "twin"
    assert isinstance(line["objectives"], dict)
    assert set(line["objectives"]) == {"twin", "npo"}
    assert set(line["objectives"]["npo"]) == columns
