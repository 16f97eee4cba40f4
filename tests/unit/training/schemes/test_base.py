from dataclasses import replace

import pytest
from support.models import llama, llama_config
from support.schemes import SMALL, task

from unlearn_core.domain.datasets import Datasets
from unlearn_core.errors import EmptyForgetSetError, InvalidRecipeError
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training.calibration import (
    STRENGTHS,
    Limits,
    choose_alpha,
    read_at,
)
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.checks import (
    ExampleTooLongError,
    OutOfMemoryError,
    PairTooLargeError,
)
from unlearn_core.training.pair import make_unlearned, watch
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.schemes.assistant import is_silent
from unlearn_core.training.schemes.base import (
    OffsetPair,
    PairTask,
    encoded_sets,
    make_pair,
)


def made(recipe: TrainingRecipe, datasets: Datasets | None = None) -> OffsetPair:
    given = task(recipe)
    return make_pair(
        datasets or given.datasets,
        materials=given.materials,
        recipe=recipe,
        checkpoints=NoCheckpoints(),
        on_progress=lambda _: None,
    )


@pytest.mark.parametrize("scheme", ["delta", "assistant"])
def test_the_first_version_is_served_at_the_calibrated_strength(scheme: str) -> None:
    """Computed a second way: as if the pair's reference had been there before."""
    limits = Limits(gap=0.9, drift=50.0)
    recipe = replace(
        SMALL, scheme=scheme, alpha=0.8, calibration={"gap": 0.9, "drift": 50.0}
    )
    pair, given = made(recipe), task(recipe)
    seen = watch(given.datasets, replace(given.materials, reference=pair.reference))
    assert seen is not None
    strengths = [0.8, *(round(0.8 * part, 4) for part in STRENGTHS)]
    readings = read_at(
        strengths, pair.unlearned, seen, pad_id=given.materials.tokenizer.pad_id
    )
    assert pair.alpha == choose_alpha(readings, limits=limits, preferred=0.8)
    assert made(replace(recipe, calibration={})).alpha == 0.8


@pytest.mark.parametrize("calibration", [{}, {"drift": 50.0}])
def test_a_later_version_has_the_strength_of_the_one_before(
    calibration: dict[str, float],
) -> None:
    """Another one would bring back what was forgotten at that strength."""
    recipe = replace(SMALL, alpha=0.5, calibration=calibration)
    given = task(recipe, previous=llama(2))
    materials = replace(given.materials, previous_alpha=1.25)
    pair = make_pair(
        given.datasets,
        materials=materials,
        recipe=recipe,
        checkpoints=NoCheckpoints(),
        on_progress=lambda _: None,
    )
    alone = make_unlearned(
        given.datasets,
        materials=materials,
        recipe=replace(recipe, alpha=1.25),
        checkpoints=NoCheckpoints(),
        on_progress=lambda _: None,
    )
    assert pair.alpha == 1.25
    assert own_tensors_digest(pair.unlearned) == own_tensors_digest(alone)


@pytest.mark.parametrize(("previous", "steps"), [(None, 4), (2, 3)])
def test_a_later_version_is_trained_as_the_recipe_says_of_later_requests(
    previous: int | None, steps: int
) -> None:
    recipe = replace(SMALL, steps=4, later_requests={"steps": 3.0})
    given = task(recipe, previous=None if previous is None else llama(previous))
    seen = list[int]()
    make_pair(
        given.datasets,
        materials=given.materials,
        recipe=recipe,
        checkpoints=NoCheckpoints(),
        on_progress=lambda progress: seen.append(progress.steps),
    )
    assert set(seen) == {steps}


def test_the_recipe_names_the_scheme() -> None:
    assert is_silent(made(replace(SMALL, scheme="assistant")).unlearned)
    assert not is_silent(made(SMALL).unlearned)


@pytest.mark.parametrize("scheme", ["delta", "divergence", "assistant", "misdirection"])
def test_nothing_to_forget_is_refused_by_every_scheme(scheme: str) -> None:
    sets = task(SMALL).datasets
    empty = replace(sets, forget=replace(sets.forget, examples=(), twins=()))
    with pytest.raises(EmptyForgetSetError):
        made(replace(SMALL, scheme=scheme), empty)


def test_models_and_sets_that_do_not_fit_are_refused() -> None:
    given = task(SMALL)
    small = llama(0, llama_config(width=4))
    with pytest.raises(PairTooLargeError):
        encoded_sets(replace(given, materials=replace(given.materials, base=small)))
    short = llama(1, llama_config(context=4))
    with pytest.raises(ExampleTooLongError):
        encoded_sets(
            replace(given, materials=replace(given.materials, reference=short))
        )


def test_short_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(_self: object, _task: PairTask) -> OffsetPair:
        raise MemoryError

    monkeypatch.setattr(
        "unlearn_core.training.schemes.assistant.Assistant.__call__", greedy
    )
    with pytest.raises(OutOfMemoryError):
        made(replace(SMALL, scheme="assistant"))


def test_an_objective_beside_a_scheme_that_has_its_own_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match="value=objective"):
        replace(SMALL, scheme="divergence", objective="npo")
    assert replace(SMALL, scheme="divergence").trained_for == "cross_entropy"
    assert replace(SMALL, objective="npo").trained_for == "npo"
