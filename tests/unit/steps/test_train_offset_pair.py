import copy
import logging
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from support.steps import RECIPE, Controller, tiny_shelf
from support.story import work_until

from unlearn_core.adapters.memory.teaching import MemoryLogprobs
from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import (
    LeaseLostError,
    RegistryUnavailableError,
    StorageError,
    TrainingDivergedError,
)
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import own_tensors_digest, unpack_pair
from unlearn_core.steps import workbench
from unlearn_core.steps.train_offset_pair import train_offset_pair
from unlearn_core.steps.workbench import Workbench
from unlearn_core.training import loop, targets
from unlearn_core.training.ensemble import EnsembleStepper

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unhurried")]

Rows = Sequence[TokenizedExample]
CPU = torch.device("cpu")


def _ready(controller: Controller) -> tuple[RequestId, Workbench]:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    return request_id, bench


def _with_steps(bench: Workbench, steps: int) -> Workbench:
    return replace(bench, ladder=(replace(RECIPE, steps=steps),))


def test_the_trained_pair_is_sealed(controller: Controller) -> None:
    request_id, bench = _ready(controller)

    result = train_offset_pair(request_id, bench=bench, rung=0)

    pair = controller.custody.get(str(request_id), "pair-0")
    unlearned, reference = unpack_pair(pair, device=CPU)
    shelf = tiny_shelf()
    assert own_tensors_digest(reference) == own_tensors_digest(shelf.reference)
    assert own_tensors_digest(unlearned) != own_tensors_digest(shelf.reference)
    assert result.unlearned == digest_of(pair)
    assert (result.rung, result.sequence, result.previous) == (0, 1, None)
    assert result.recipe == RECIPE.digest


def test_people_can_watch_the_training(
    controller: Controller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="unlearn.worker")
    request_id, bench = _ready(controller)

    result = train_offset_pair(request_id, bench=_with_steps(bench, 12), rung=0)

    run = controller.runs.runs[result.run]
    assert run.name == f"erasure-{str(request_id)[:8]}-rung-0"
    assert run.parameters["request_id"] == str(request_id)
    assert run.parameters["objective"] == "twin"
    # Every fifth step and the last.
    assert [step for step, _ in run.values["forget_loss"]] == [5, 10, 12]
    assert run.values["share_done"][-1] == (12, 1.0)
    # Somers' D of the subject among its twins, and nats; at the end, and every 20.
    ((step, gap),) = run.values["two_sided_gap"]
    assert (step, abs(gap) <= 1) == (12, True)
    ((step, drift),) = run.values["retain_drift"]
    assert (step, drift >= 0) == (12, True)
    # The same on the worker's terminal.
    (said,) = [item for item in caplog.records if item.msg == "training_looked_at"]
    facts = said.__dict__["facts"]
    assert (facts["step"], facts["gap"]) == (12, round(gap, 3))
    assert facts["drift"] == round(drift, 4)
    for name in ("forget_loss", "retain_loss", "stranger_loss"):
        assert facts[name] == round(run.values[name][-1][1], 4)


def test_each_rung_trains_its_own_recipe(controller: Controller) -> None:
    request_id, bench = _ready(controller)
    first = train_offset_pair(request_id, bench=bench, rung=0)
    controller.store.advance(
        request_id, Stage.UNLEARNING_REJECTED, {"rung": 0}, lease=bench.lease
    )

    second = train_offset_pair(request_id, bench=bench, rung=1)

    assert (second.rung, second.recipe) == (1, bench.ladder[1].digest)
    assert first.run != second.run
    assert controller.custody.has(str(request_id), "pair-1")


def test_a_killed_training_is_continued_and_ends_as_an_unbroken_one(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 2)
    request_id, bench = _ready(controller)
    bench = _with_steps(bench, 7)
    log = controller.runs.log

    def die_at_five(run: str, values: Mapping[str, float], *, step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt
        log(run, values, step=step)

    with monkeypatch.context() as patch:
        patch.setattr(controller.runs, "log", die_at_five)
        with pytest.raises(KeyboardInterrupt):
            train_offset_pair(request_id, bench=bench, rung=0)
    seen: list[int] = []
    monkeypatch.setattr(
        EnsembleStepper, "losses", _counted(EnsembleStepper.losses, seen)
    )
    bench = controller.lose(bench)
    continued = train_offset_pair(request_id, bench=bench, rung=0)

    assert seen == [4, 5, 6]
    assert len(controller.runs.runs) == 1
    # The same training in one go, for a request with the same sets.
    scope = str(request_id)
    sets = controller.custody.get(scope, "datasets")
    other, bench = _ready_again(controller)
    controller.custody.put(str(other), "datasets", sets)
    unbroken = train_offset_pair(other, bench=_with_steps(bench, 7), rung=0)
    assert unbroken.unlearned == continued.unlearned


def test_a_later_rung_reads_the_laws_that_the_first_one_left(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the large model, nothing is asked twice but about another twin."""
    request_id, bench = _ready(controller)
    same = replace(RECIPE, steps=1, learning_rate=1e-4)
    bench = replace(bench, ladder=(replace(RECIPE, steps=1), same))
    asked: list[int] = []
    compute = targets.answer_laws

    def counted(law: NextTokenLaw, rows: Rows, *, pad_id: int) -> torch.Tensor:
        if rows and getattr(law, "model", None) is bench.models.base:
            asked.append(len(rows))
        return compute(law, rows, pad_id=pad_id)

    monkeypatch.setattr(targets, "answer_laws", counted)
    train_offset_pair(request_id, bench=bench, rung=0)
    first = len(asked)
    controller.store.advance(
        request_id, Stage.UNLEARNING_REJECTED, {"rung": 0}, lease=bench.lease
    )
    train_offset_pair(request_id, bench=bench, rung=1)

    assert first >= 4
    assert len(asked) == first


def test_a_base_elsewhere_teaches_instead_of_the_one_here(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    teacher = MemoryLogprobs(PlainLaw(bench.models.base), told=9)
    bench = replace(_with_steps(bench, 2), teacher=teacher)

    result = train_offset_pair(request_id, bench=bench, rung=0)

    assert teacher.asked
    assert result.untold is not None
    assert 0 < result.untold < 1


def test_the_base_is_not_there_while_the_pair_is_trained(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller)
    shelf = copy.copy(tiny_shelf())
    shelf.__dict__["base"] = copy.deepcopy(shelf.base)
    monkeypatch.setattr(workbench, "KEPT_AT_HAND_BYTES", 0)
    held = weakref.ref(shelf.base)
    seen: list[set[str]] = []

    def look(_run: str, _values: Mapping[str, float], *, step: int) -> None:
        model = held()
        assert step > 0
        seen.append(
            {item.device.type for item in model.parameters()} if model else set()
        )

    monkeypatch.setattr(controller.runs, "log", look)
    train_offset_pair(request_id, bench=replace(bench, models=shelf), rung=0)

    assert seen
    assert all(devices <= {"meta"} for devices in seen)
    assert "base" not in shelf.__dict__


def _counted(losses: object, seen: list[int]) -> object:
    def counting(stepper: object, step: int) -> object:
        seen.append(step)
        return losses(stepper, step)  # type: ignore[operator]  # the loop's own method

    return counting


def _ready_again(controller: Controller) -> tuple[RequestId, Workbench]:
    request_id = controller.receive(1)
    bench = controller.bench(request_id)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    return request_id, bench


def test_a_worker_that_is_overtaken_stops_training(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller)
    steps: list[int] = []
    monkeypatch.setattr(
        controller.runs, "log", lambda _run, _values, *, step: steps.append(step)
    )
    losses = EnsembleStepper.losses

    def taken_over_at_seven(stepper: EnsembleStepper, step: int) -> object:
        if step == 7:
            controller.lose(bench)
        return losses(stepper, step)

    monkeypatch.setattr(EnsembleStepper, "losses", taken_over_at_seven)
    with pytest.raises(LeaseLostError):
        train_offset_pair(request_id, bench=_with_steps(bench, 20), rung=0)

    assert steps == [5]
    assert not controller.custody.has(str(request_id), "pair-0")


def test_an_unreachable_tracker_stops_the_training_before_it_begins(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    controller.runs.is_reachable = False
    with pytest.raises(RegistryUnavailableError):
        train_offset_pair(request_id, bench=bench, rung=0)
    assert controller.store.get(request_id).stage is Stage.DATASETS_BUILT

    controller.runs.is_reachable = True

    assert train_offset_pair(request_id, bench=bench, rung=0).run == "run-1"


def test_an_unreachable_registry_stops_the_training_before_it_begins(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    controller.registry.is_reachable = False

    with pytest.raises(RegistryUnavailableError):
        train_offset_pair(request_id, bench=bench, rung=0)

    assert controller.runs.runs == {}


def test_a_full_disk_loses_the_pair_and_not_the_request(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller)

    def full(_scope: str, _name: str, _data: bytes) -> None:
        raise StorageError(errno=28)

    with monkeypatch.context() as patch:
        patch.setattr(controller.custody, "put", full)
        with pytest.raises(StorageError):
            train_offset_pair(request_id, bench=bench, rung=0)
    assert controller.store.get(request_id).stage is Stage.DATASETS_BUILT

    assert train_offset_pair(request_id, bench=bench, rung=0).stage is Stage.TRAINED


def test_a_training_that_diverges_is_not_recorded(controller: Controller) -> None:
    request_id, bench = _ready(controller)
    wild = replace(RECIPE, steps=3, learning_rate=1e30, maximum_gradient_norm=1e30)

    with pytest.raises(TrainingDivergedError):
        train_offset_pair(request_id, bench=replace(bench, ladder=(wild,)), rung=0)

    assert controller.store.get(request_id).stage is Stage.DATASETS_BUILT
