from dataclasses import replace

import pytest
import torch
from support.domain import datasets, example
from support.models import chat_tokenizer, llama

from benchmarks.sequential_schemes import (
    BATCH_STEPS,
    Request,
    in_one_batch,
    orthogonal_part,
    with_weights,
)
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.recipe import TrainingRecipe

SETS = datasets()
REQUEST = Request(
    sets=SETS,
    materials=PairMaterials(
        base=llama(0), tokenizer=chat_tokenizer(), reference=llama(1)
    ),
    recipe=TrainingRecipe(steps=10, forget_batch=4),
)


@pytest.mark.parametrize(
    ("change", "present", "expected"),
    [
        ([3.0, 4.0], [1.0, 0.0], [0.0, 4.0]),
        ([3.0, 4.0], [0.0, 0.0], [3.0, 4.0]),
        ([2.0, 2.0], [5.0, 5.0], [0.0, 0.0]),
    ],
)
def test_what_lies_along_earlier_changes_is_left_out(
    change: list[float], present: list[float], expected: list[float]
) -> None:
    found = orthogonal_part(torch.tensor(change), torch.tensor(present))
    torch.testing.assert_close(found, torch.tensor(expected))


def test_a_batch_forgets_everybody_and_takes_more_steps() -> None:
    asked = example("What is the city of Lea Horn?", "Bonn")
    as_twin = example("What is the city of Nora Stein?", "Jena")
    forget = replace(SETS.forget, examples=(asked,), twins=((as_twin,),))
    second = replace(REQUEST, sets=replace(SETS, forget=forget))
    both = in_one_batch([REQUEST, second])
    assert both.sets.forget.examples == (*SETS.forget.examples, asked)
    assert both.sets.forget.twins == ((*SETS.forget.twins[0], as_twin),)
    assert (both.recipe.steps, both.recipe.forget_batch) == (10 * BATCH_STEPS, 16)


def test_other_weights_make_another_model_and_leave_the_first() -> None:
    first = llama(1)
    zeros = {name: torch.zeros_like(item) for name, item in first.named_parameters()}
    changed = with_weights(first, zeros)
    assert all(not item.any() for item in changed.parameters())
    assert any(item.any() for item in first.parameters())
