from dataclasses import replace
from functools import partial

import pytest
import torch
from support.models import llama, token_rows

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.objectives import base as objectives
from unlearn_core.objectives.retain import LogRatio
from unlearn_core.objectives.twin import TwinMatching
from unlearn_core.training import chunks, ensemble
from unlearn_core.training.ensemble import EnsembleStepper, TrainingTables
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import answer_laws, build_table

ROWS = token_rows(
    ((5, 6, 7), (40, 41)), ((5, 9), (42,)), ((5, 6), (43, 44, 45)), ((8,), (46, 47))
)
RECIPE = TrainingRecipe(alpha=0.7, forget_batch=4, retain_batch=4, stranger_batch=0)
table = partial(
    build_table, base=PlainLaw(llama(0)), reference=PlainLaw(llama(1)), pad_id=0
)


def stepper(recipe: TrainingRecipe = RECIPE) -> EnsembleStepper:
    target_NV = answer_laws(PlainLaw(llama(4)), ROWS, pad_id=0)
    return EnsembleStepper(
        llama(2).requires_grad_(requires_grad=True),
        tables=TrainingTables(
            forget=table(ROWS, target_NV=target_NV),
            retain=table(ROWS, target_NV=None),
            strangers=table([], target_NV=None),
        ),
        recipe=recipe,
        pad_id=0,
    )


def test_the_losses_are_those_of_the_served_ensemble() -> None:
    """Whole sets, so that no order matters; strangers have none."""
    served = OffsetModel(llama(0), unlearned=llama(2), reference=llama(1), alpha=0.7)
    served_NV, base_NV, target_NV = (
        answer_laws(law, ROWS, pad_id=0)
        for law in (served, PlainLaw(llama(0)), PlainLaw(llama(4)))
    )
    laws = objectives.AnswerLaws(
        served_NV=served_NV,
        base_NV=base_NV,
        target_NV=target_NV,
        labels_N=torch.tensor([token for row in ROWS for token in row.answer]),
        example_N=torch.tensor([0, 0, 1, 2, 2, 2, 3, 3]),
        examples=4,
    )
    forget, retain, strangers = stepper().losses(0)
    torch.testing.assert_close(forget, TwinMatching()(laws))
    torch.testing.assert_close(retain, LogRatio()(replace(laws, target_NV=base_NV)))
    assert float(strangers) == 0


def gradients(found: EnsembleStepper) -> list[torch.Tensor]:
    sum(found.losses(0)).backward()  # type: ignore[union-attr]  # never the int of an empty sum
    return [item.grad for item in found._model.parameters() if item.grad is not None]


@pytest.mark.parametrize("objective", ["twin", "npo", "name_swap"])
def test_positions_may_be_taken_a_few_at_a_time(
    objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, objective=objective)
    monkeypatch.setattr(ensemble, "is_mean_over_positions", lambda _term: False)
    whole = gradients(stepper(recipe))
    monkeypatch.undo()
    monkeypatch.setitem(chunks.ENTRIES_AT_ONCE, "cpu", 600)
    parts = gradients(stepper(recipe))
    assert len(parts) == len(whole)
    for one, other in zip(parts, whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_batches_depend_on_seed_and_step() -> None:
    few = replace(RECIPE, forget_batch=1, retain_batch=2)

    def forget_losses(recipe: TrainingRecipe) -> list[float]:
        one = stepper(recipe)
        return [one.losses(step)[0].item() for step in range(6)]

    found = forget_losses(few)
    assert found == forget_losses(few)
    assert len(set(found)) > 1
    assert forget_losses(replace(few, seed=9)) != found
