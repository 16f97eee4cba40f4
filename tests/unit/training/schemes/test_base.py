from dataclasses import replace

import pytest
from support.models import llama, llama_config
from support.schemes import SMALL, task

from unlearn_core.domain.datasets import Datasets
from unlearn_core.errors import EmptyForgetSetError, InvalidRecipeError
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.checks import (
    ExampleTooLongError,
    OutOfMemoryError,
    PairTooLargeError,
)
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
