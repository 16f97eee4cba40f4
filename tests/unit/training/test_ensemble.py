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
from unlearn_core.training.focus import LOOK_EVERY_STEPS
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import AnswerTable, answer_laws, build_table

ROWS = token_rows(
    ((5, 6, 7), (40, 41)), ((5, 9), (42,)), ((5, 6), (43, 44, 45)), ((8,), (46, 47))
)
RECIPE = TrainingRecipe(alpha=0.7, forget_batch=4, retain_batch=4, stranger_batch=0)
table = partial(
    build_table, base=PlainLaw(llama(0)), reference=PlainLaw(llama(1)), pad_id=0
)


def stepper(
    recipe: TrainingRecipe = RECIPE, *, retain: AnswerTable | None = None
) -> EnsembleStepper:
    target_NV = answer_laws(PlainLaw(llama(4)), ROWS, pad_id=0)
    return EnsembleStepper(
        llama(2).requires_grad_(requires_grad=True),
        tables=TrainingTables(
            forget=table(ROWS, target_NV=target_NV),
            retain=table(ROWS, target_NV=None) if retain is None else retain,
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


def drawn_retained(found: EnsembleStepper, step: int) -> list[int]:
    return list(found._drawn(step)[1][1])


def test_focus_draws_the_example_that_is_farthest_from_its_target() -> None:
    """All but one are served as they shall be, so chance has nothing else to draw."""
    served = OffsetModel(llama(0), unlearned=llama(2), reference=llama(1), alpha=0.7)
    target_NV = answer_laws(served, ROWS, pad_id=0)
    target_NV[3:6] = answer_laws(PlainLaw(llama(4)), ROWS, pad_id=0)[3:6]
    retain = table(ROWS, target_NV=target_NV)
    recipe = replace(RECIPE, retain_batch=1, retain_focus=1.0)
    found = stepper(recipe, retain=retain)
    assert [drawn_retained(found, step) for step in range(8)] == [[2]] * 8


def test_what_is_lost_is_the_divergence_summed_over_an_answer() -> None:
    served = OffsetModel(llama(0), unlearned=llama(2), reference=llama(1), alpha=0.7)
    served_NV, base_NV = (
        answer_laws(law, ROWS, pad_id=0) for law in (served, PlainLaw(llama(0)))
    )
    each_N = (base_NV.exp() * (base_NV - served_NV)).sum(-1)
    expected = [float(part.sum()) for part in torch.split(each_N, [2, 1, 3, 2])]
    found = stepper(replace(RECIPE, retain_focus=0.5))
    assert found._lost(0) == pytest.approx(expected, abs=1e-4)


def test_focus_looks_again_when_the_model_has_moved() -> None:
    found = stepper(replace(RECIPE, retain_focus=0.5))
    before = list(found._lost(0))
    with torch.no_grad():
        for weight in found._model.parameters():
            weight.mul_(1.1)
    assert found._lost(LOOK_EVERY_STEPS - 1) == before
    assert found._lost(LOOK_EVERY_STEPS) != pytest.approx(before, abs=1e-4)


def test_without_focus_nobody_is_looked_at() -> None:
    found = stepper()
    drawn_retained(found, 0)
    assert found._lost_E == []


def test_focus_has_nothing_to_draw_from_an_empty_retain_set() -> None:
    empty = table([], target_NV=None)
    found = stepper(replace(RECIPE, retain_focus=1.0), retain=empty)
    assert drawn_retained(found, 0) == []
