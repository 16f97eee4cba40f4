from dataclasses import replace

import pytest
import torch
from support.domain import datasets, example
from support.models import chat_tokenizer, llama
from transformers import PreTrainedModel

from benchmarks.sequential_schemes import (
    BATCH_STEPS,
    Request,
    consolidated,
    in_one_batch,
    orthogonal_part,
    repaired,
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


@pytest.mark.integration
def test_the_products_way_stays_near_the_version_before_and_the_others_do_not() -> None:
    before = llama(2)
    materials = replace(REQUEST.materials, previous=before)
    everything = {
        name: torch.full_like(item, 100.0) for name, item in before.named_parameters()
    }
    request = replace(
        REQUEST,
        materials=replace(materials, importance=everything),
        recipe=TrainingRecipe(
            steps=4, forget_batch=2, later_requests={"hold_weight": 1e3}
        ),
    )

    def moved(model: PreTrainedModel) -> float:
        return sum(
            float((now - origin).square().sum())
            for now, origin in zip(model.parameters(), before.parameters(), strict=True)
        )

    assert moved(consolidated(request)) < moved(repaired(request)) / 2


def test_what_a_request_hands_on_counts_all_before_it() -> None:
    earlier = {
        name: torch.ones_like(item) for name, item in llama(1).named_parameters()
    }
    later = replace(REQUEST.materials, importance=earlier)
    alone = REQUEST.importance_of(llama(2))
    both = replace(REQUEST, materials=later).importance_of(llama(2))
    for name, item in alone.items():
        torch.testing.assert_close(both[name], item + 1)
