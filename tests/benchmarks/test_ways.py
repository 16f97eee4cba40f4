"""The trials of the comparison of ways of training."""

from benchmarks.ways import TRIALS
from unlearn_core.training.combinations import COMBINATIONS
from unlearn_core.training.masks import MASKS
from unlearn_core.training.optimizers import OPTIMIZERS

RECIPES = [trial.recipe for trial in TRIALS.values()]


def test_every_way_is_compared() -> None:
    assert {recipe.optimizer for recipe in RECIPES} == set(OPTIMIZERS)
    assert {recipe.mask for recipe in RECIPES} == set(MASKS)
    assert {recipe.combination for recipe in RECIPES} == {"", *COMBINATIONS}


def test_no_two_rows_are_the_same_training() -> None:
    assert len({recipe.digest for recipe in RECIPES}) == len(RECIPES)


def test_parts_together_take_the_steps_of_one_training() -> None:
    default = TRIALS["adamw, all"].recipe.steps
    for name in ("spunge", "fusion", "orthogonal"):
        recipe = TRIALS[name].recipe
        together = recipe.steps * recipe.combination_parameters["parts"]
        assert default - 3 < together <= default
