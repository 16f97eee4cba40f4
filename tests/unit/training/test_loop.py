import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from support.models import VOCABULARY, llama, llama_config
from support.runs import FORGET, RETAIN, SMALL, TABLES, Kept, run, table
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import (
    EmptyForgetSetError,
    IncompatibleBaseError,
    TrainingDivergedError,
)
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.objectives import FORGET_OBJECTIVES, RETAIN_TERMS
from unlearn_core.objectives.base import AnswerLaws, Teacher
from unlearn_core.training import chunks, ensemble, loop
from unlearn_core.training.calibration import Watched
from unlearn_core.training.ensemble import EnsembleStepper, TrainingTables
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import AnswerTable, answer_laws

pytestmark = pytest.mark.integration


def test_the_same_seed_gives_the_same_bits() -> None:
    first, again = run(), run()
    assert first.digest == again.digest
    assert first.digest != run(replace(SMALL, seed=1)).digest


def test_dropout_of_the_small_model_takes_no_part() -> None:
    """It would make equal small models differ, and a run differ from itself."""
    start = llama(1, llama_config(dropout=0.5))
    torch.manual_seed(1)
    first = run(start=start)
    torch.manual_seed(2)
    assert run(start=start).digest == first.digest == run().digest


@pytest.mark.parametrize("stop_after", [2, 3, 5])
def test_a_resumed_run_ends_as_an_unbroken_one(
    stop_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 2)
    checkpoints = Kept()
    with pytest.raises(KeyboardInterrupt):
        run(checkpoints=checkpoints, stop_after=stop_after)
    resumed = run(checkpoints=checkpoints)
    finished = 2 * ((stop_after - 1) // 2)
    assert resumed.progress[0].step == finished + 1
    assert resumed.digest == run().digest


def test_a_multiplier_is_resumed_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 2)
    recipe = replace(
        SMALL,
        objective="pdu",
        objective_parameters={"retain_budget": 0.0, "dual_rate": 50.0},
        retain_weight=0.0,
    )
    checkpoints = Kept()
    with pytest.raises(KeyboardInterrupt):
        run(recipe, checkpoints=checkpoints, stop_after=3)
    resumed = run(recipe, checkpoints=checkpoints)
    assert resumed.progress[0].step == 3
    assert resumed.digest == run(recipe).digest


def test_a_budget_makes_the_retain_term_weigh_more() -> None:
    """From a weight of zero: fixed it stays there, with a budget it rises."""
    kept = [
        run(
            replace(
                SMALL,
                objective="pdu",
                objective_parameters={"retain_budget": budget, "dual_rate": 50.0},
                retain_weight=0.0,
                steps=30,
            )
        ).progress[-1]
        for budget in (1e6, 0.0)
    ]
    assert kept[1].retain_loss < kept[0].retain_loss / 3


def test_the_last_step_needs_no_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 3)
    checkpoints = Kept()
    run(checkpoints=checkpoints)
    assert len(checkpoints.saved) == 1


def served(model: PreTrainedModel, rows: Sequence[TokenizedExample]) -> float:
    """Return the mean log-probability of the answers under the ensemble."""
    law = OffsetModel(llama(0), unlearned=model, reference=llama(1), alpha=1.0)
    laws_NV = answer_laws(law, rows, pad_id=0)
    labels_N = torch.tensor([token for row in rows for token in row.answer])
    return float(laws_NV.gather(-1, labels_N[:, None]).mean())


@pytest.mark.parametrize("objective", ["npo", "gradient_ascent"])
def test_forgetting_goes_down_and_nothing_else_is_touched(objective: str) -> None:
    base, start = llama(0), llama(1)
    before = [own_tensors_digest(model) for model in (base, start)]
    kept = [TABLES.forget.base_NV.clone(), TABLES.forget.reference_NV.clone()]
    long = replace(SMALL, objective=objective, steps=40, forget_batch=3, retain_batch=6)
    done = run(long, start=start)
    losses = [item.forget_loss for item in done.progress]
    assert losses[-1] < losses[0]
    assert served(done.model, FORGET) < served(start, FORGET) - 2
    assert served(done.model, RETAIN) > served(start, RETAIN) - 0.5
    assert [own_tensors_digest(model) for model in (base, start)] == before
    assert torch.equal(kept[0], TABLES.forget.base_NV)
    assert torch.equal(kept[1], TABLES.forget.reference_NV)
    assert not any(item.requires_grad for item in done.model.parameters())


def test_learning_from_a_target_comes_close_to_it() -> None:
    """The target is what an ensemble with one changed row of weights would serve."""
    near = llama(1)
    near.get_parameter("lm_head.weight")[42] += 0.7
    law = OffsetModel(llama(0), unlearned=near, reference=llama(1), alpha=1.0)
    target_NV = answer_laws(law, FORGET, pad_id=0)
    taught = replace(TABLES, forget=replace(TABLES.forget, target_NV=target_NV))
    recipe = replace(
        SMALL, objective="twin", steps=40, retain_weight=0.0, stranger_weight=0.0
    )
    losses = [item.forget_loss for item in run(recipe, tables=taught).progress]
    assert losses[-1] < losses[0] / 3


def test_progress_reports_the_start_and_the_schedule() -> None:
    """At the first step the ensemble is the base: NPO is 2/0.1 ln 2, every KL is 0."""
    progress = run().progress
    assert progress[0].forget_loss == pytest.approx(20 * math.log(2), rel=1e-5)
    assert progress[0].retain_loss == pytest.approx(0, abs=1e-5)
    assert progress[0].stranger_loss == pytest.approx(0, abs=1e-5)
    assert [item.step for item in progress] == [1, 2, 3, 4, 5, 6]
    assert {item.steps for item in progress} == {6}
    # Half of the peak, then the peak times 0.02 + 0.98 (1 + cos(pi step / 6)) / 2.
    shares = [0.5] + [
        0.02 + 0.49 * (1 + math.cos(math.pi * n / 6)) for n in range(1, 6)
    ]
    rates = [item.learning_rate for item in progress]
    assert rates == pytest.approx([5e-3 * share for share in shares])
    assert all(item.seconds >= 0 for item in progress)


def test_reports_may_be_rare_and_the_last_step_is_always_told() -> None:
    rare, every = run(report_every=4), run()
    assert [item.step for item in rare.progress] == [4, 6]
    assert rare.progress[0].forget_loss == every.progress[3].forget_loss
    assert rare.digest == every.digest


def test_a_step_that_diverged_between_two_reports_is_named() -> None:
    """A rate of 1e30 throws the weights away in step 0; step 1 is no number."""
    wild = replace(SMALL, learning_rate=1e30, maximum_gradient_norm=1e30)
    with pytest.raises(TrainingDivergedError, match="step=1"):
        run(wild, report_every=6)


CALM = replace(
    TABLES,
    # The subject is as likely as its twin; whatever happens to the rest, it may.
    watched=Watched(
        people=table((*FORGET[:1], *FORGET[:1])),
        refs_E=("subject", "twin-0"),
        subject="subject",
        kept=table(RETAIN),
    ),
)
GENEROUS = replace(SMALL, steps=12, calibration={"drift": 1e3, "looks": 3})


def test_training_ends_where_looks_find_what_they_must(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "LOOK_EVERY_STEPS", 2)
    steps = [item.step for item in run(GENEROUS, tables=CALM).progress]
    assert steps[-1] == 6
    strict = replace(GENEROUS, calibration={"drift": 1e-9})
    assert run(strict, tables=CALM).progress[-1].step == 12
    assert run(GENEROUS).progress[-1].step == 12


def test_a_look_that_is_due_is_told_however_rare_reports_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "LOOK_EVERY_STEPS", 3)
    seen = run(tables=CALM, report_every=4).progress
    assert [item.step for item in seen] == [3, 4, 6]
    assert [item.reading is not None for item in seen] == [True, False, True]


def test_a_resumed_run_ends_early_at_the_same_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "LOOK_EVERY_STEPS", 2)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 4)
    checkpoints = Kept()
    with pytest.raises(KeyboardInterrupt):
        run(GENEROUS, tables=CALM, checkpoints=checkpoints, stop_after=5)
    resumed = run(GENEROUS, tables=CALM, checkpoints=checkpoints)
    assert [item.step for item in resumed.progress] == [5, 6]
    assert resumed.digest == run(GENEROUS, tables=CALM).digest


def test_without_warm_up_the_first_step_has_the_peak_rate() -> None:
    recipe = replace(SMALL, warmup_steps=0, steps=1)
    assert run(recipe).progress[0].learning_rate == pytest.approx(5e-3)


def test_the_id_of_padding_changes_nothing() -> None:
    assert run(pad_id=0).digest == run(pad_id=77).digest


def test_the_weights_of_terms_switch_them_off() -> None:
    """A term of weight zero is reported but does not pull."""
    off = replace(SMALL, retain_weight=0.0, stranger_weight=0.0)
    none = replace(SMALL, retain_batch=0, stranger_batch=0)
    first, second = run(off), run(none)
    assert first.progress[-1].retain_loss > 0
    assert second.progress[-1].retain_loss == second.progress[-1].stranger_loss == 0
    for one, two in zip(
        first.model.parameters(), second.model.parameters(), strict=True
    ):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_the_last_steps_may_do_without_forgetting() -> None:
    """By hand: 5 + 10 * 3 + 2 * 0.5 before, the same without the 5 from step 4 on."""
    recipe = replace(SMALL, steps=6, repair_steps=2, stranger_weight=2.0)
    losses = [torch.tensor(value) for value in (5.0, 3.0, 0.5)]
    totals = [float(loop._total(losses, 10.0, recipe, step=step)) for step in range(6)]
    assert totals == [36.0] * 4 + [31.0] * 2


def test_a_resumed_run_looks_and_repairs_like_an_unbroken_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 2)
    monkeypatch.setattr(ensemble, "LOOK_EVERY_STEPS", 2)
    recipe = replace(SMALL, retain_batch=2, retain_focus=0.5, repair_steps=2)
    kept = Kept()
    with pytest.raises(KeyboardInterrupt):
        run(recipe, checkpoints=kept, stop_after=3)
    assert run(recipe, checkpoints=kept).digest == run(recipe).digest
    assert run(recipe).digest != run(replace(recipe, retain_focus=0.0)).digest


def test_empty_retain_and_stranger_sets_leave_forgetting() -> None:
    alone = replace(TABLES, retain=table([]), strangers=table([]))
    done = run(tables=alone)
    assert done.progress[-1].retain_loss == 0
    assert done.progress[-1].forget_loss < done.progress[0].forget_loss


def test_half_precision_trains_towards_the_same() -> None:
    half = run(replace(SMALL, precision="bfloat16"))
    assert half.digest != run().digest
    assert half.progress[-1].forget_loss == pytest.approx(
        run().progress[-1].forget_loss, rel=0.1
    )
    assert {item.dtype for item in half.model.parameters()} == {torch.float32}


def test_an_empty_forget_set_is_refused() -> None:
    with pytest.raises(EmptyForgetSetError):
        run(tables=replace(TABLES, forget=table([])))


def test_another_vocabulary_is_refused() -> None:
    other = llama(1, llama_config(vocabulary=VOCABULARY + 1))
    with pytest.raises(IncompatibleBaseError, match="vocabulary"):
        run(start=other)


def test_a_run_that_diverges_is_stopped_at_its_step() -> None:
    poisoned = TABLES.forget.base_NV.clone()
    poisoned[:, 3] = math.nan
    broken = replace(TABLES, forget=replace(TABLES.forget, base_NV=poisoned))
    with pytest.raises(TrainingDivergedError, match="step=0"):
        run(tables=broken)


@dataclass(frozen=True)
class Cliff:
    """A loss that is a number while its gradient is none."""

    teacher: ClassVar[Teacher] = Teacher.NONE

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return zero, with a root's infinite slope."""
        return (laws.served_NV * 0).sum().sqrt()


def test_a_gradient_that_is_not_a_number_never_reaches_the_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the last step no later loss would tell."""
    monkeypatch.setattr(TrainingRecipe, "forget_objective", lambda _: Cliff())
    with pytest.raises(TrainingDivergedError, match="step=0"):
        run(replace(SMALL, steps=1))


def test_a_batch_is_never_larger_than_its_set_and_has_no_example_twice() -> None:
    big = replace(SMALL, forget_batch=99, retain_batch=99, stranger_batch=99, steps=1)
    exact = replace(SMALL, forget_batch=3, retain_batch=6, stranger_batch=4, steps=1)
    assert run(big).progress[0].forget_loss == pytest.approx(
        run(exact).progress[0].forget_loss
    )


def away(found: AnswerTable) -> AnswerTable:
    """Return a table on a device that has no values, with itself as second answers."""
    moved = replace(
        found,
        labels_N=found.labels_N.to("meta"),
        base_NV=found.base_NV.to("meta"),
        reference_NV=found.reference_NV.to("meta"),
        target_NV=found.target_NV.to("meta"),
    )
    return replace(moved, second=moved)


@pytest.mark.parametrize(
    ("objective", "retain_term"),
    [
        *((name, "kl") for name in FORGET_OBJECTIVES),
        *(("npo", name) for name in RETAIN_TERMS),
    ],
)
def test_nothing_is_read_from_the_device_between_two_reports(
    objective: str, retain_term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's meta device computes shapes only: whoever wants a value gets an error.

    The report after the third step is the first who does.
    """
    monkeypatch.setitem(chunks.ENTRIES_AT_ONCE, "meta", 2**10)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    monkeypatch.setattr(loop, "choose_weights", lambda *_: None)  # before the loop
    steps: list[int] = []
    losses = EnsembleStepper.losses

    def counted(stepper: EnsembleStepper, step: int) -> object:
        steps.append(step)
        return losses(stepper, step)

    monkeypatch.setattr(EnsembleStepper, "losses", counted)
    start: torch.nn.Module = llama(1)
    start.to("meta")
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta"):
        run(
            replace(SMALL, objective=objective, retain_term=retain_term),
            tables=TrainingTables(
                forget=away(TABLES.forget),
                retain=away(TABLES.retain),
                strangers=away(TABLES.strangers),
            ),
            start=start,  # type: ignore[arg-type]  # the library's `to` is too narrow
            report_every=3,
        )
    assert steps == [0, 1, 2]
