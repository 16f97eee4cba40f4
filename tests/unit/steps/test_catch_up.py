"""A worker dies, another request is promoted, and the first is resumed."""

from dataclasses import replace

import pytest
from support.steps import Controller
from support.story import STORY, do, work_until

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import LeaseLostError, LineageConflictError
from unlearn_core.steps.catch_up import catch_up
from unlearn_core.steps.confirm_serving import confirm_serving
from unlearn_core.steps.promote_version import promote_version
from unlearn_core.steps.workbench import Workbench

# Whole stories: too slow for the quick tests.
pytestmark = pytest.mark.integration

BEFORE_PROMOTION = (Stage.TRAINED, Stage.UNLEARNING_VERIFIED, Stage.REGISTERED)


def _die_after(
    stage: Stage, controller: Controller, number: int = 0
) -> tuple[RequestId, Workbench]:
    request_id = controller.receive(number)
    bench = controller.bench(request_id)
    work_until(stage, request_id, bench=bench)
    return request_id, controller.lose(bench)


def _serve_another(controller: Controller) -> RequestId:
    other = controller.receive(1)
    work_until(Stage.NOTIFIED, other, bench=controller.bench(other))
    return other


def _finish(request_id: RequestId, bench: Workbench) -> None:
    """Do what the flow does from training on; what is done already is skipped."""
    for _, step in STORY[5:]:
        do(step, request_id, bench=bench)


@pytest.mark.parametrize("stage", BEFORE_PROMOTION)
def test_an_overtaken_request_is_trained_again_and_nobody_is_remembered(
    controller: Controller, stage: Stage
) -> None:
    request_id, bench = _die_after(stage, controller)
    other = _serve_another(controller)

    assert catch_up(request_id, bench=bench)
    assert controller.store.get(request_id).stage is Stage.OVERTAKEN
    _finish(request_id, bench)

    assert controller.covered() == [str(other), str(request_id)]
    pointer = controller.pointer()
    assert pointer is not None
    assert (pointer.sequence, pointer.minimum_sequence) == (2, 2)


@pytest.mark.parametrize(
    ("stage", "step"),
    [(stage, STORY[number][1]) for number, stage in enumerate(BEFORE_PROMOTION, 6)],
    ids=["verification", "registration", "promotion"],
)
def test_a_step_refuses_to_go_on_with_an_overtaken_pair(
    controller: Controller, stage: Stage, step: object
) -> None:
    """Should it ever be reached without catching up."""
    request_id, bench = _die_after(stage, controller)
    other = _serve_another(controller)
    published = controller.registry.pointer("small-world")

    with pytest.raises(LineageConflictError):
        do(step, request_id, bench=bench)  # type: ignore[arg-type]  # a step of the story

    assert controller.covered() == [str(other)]
    assert controller.registry.pointer("small-world") == published


def test_a_promoted_request_is_contained_in_the_version_that_overtook_it(
    controller: Controller,
) -> None:
    request_id, bench = _die_after(Stage.PROMOTED, controller)
    other = _serve_another(controller)
    published = controller.registry.pointer("small-world")

    assert not catch_up(request_id, bench=bench)
    confirmed = confirm_serving(request_id, bench=bench)

    assert confirmed.sequence == 1
    assert controller.covered() == [str(request_id), str(other)]
    # The pointer to the later version stays as it is.
    assert controller.registry.pointer("small-world") == published


def test_a_worker_that_died_between_alias_and_record_goes_on(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _die_after(Stage.REGISTERED, controller)
    with monkeypatch.context() as patch:
        patch.setattr(controller.store, "advance", _die)
        with pytest.raises(KeyboardInterrupt):
            promote_version(request_id, bench=bench)
    other = _serve_another(controller)
    published = controller.registry.pointer("small-world")
    bench = controller.lose(bench)

    assert not catch_up(request_id, bench=bench)
    _finish(request_id, bench)

    assert controller.covered() == [str(request_id), str(other)]
    assert controller.registry.pointer("small-world") == published


def _die(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


def test_a_request_that_nobody_overtook_goes_on_where_it_was(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)

    for stage, step in STORY:
        assert not catch_up(request_id, bench=bench)
        do(step, request_id, bench=bench)
        assert not catch_up(request_id, bench=bench)
        assert controller.store.get(request_id).stage is stage


def test_a_checkpoint_of_an_older_version_is_not_continued(
    controller: Controller,
) -> None:
    """It started from a model that does not know the other erasure."""
    request_id, bench = _die_after(Stage.DATASETS_BUILT, controller)
    interrupted, kept = _run_into_a_checkpoint(request_id, bench, controller)
    _serve_another(controller)
    bench = controller.lose(bench)

    assert not catch_up(request_id, bench=bench)
    work_until(Stage.TRAINED, request_id, bench=bench)

    [trained] = controller.entries(request_id, Stage.TRAINED)
    assert trained.payload["sequence"] == 2
    assert trained.payload["run"] != interrupted
    assert controller.custody.get(str(request_id), kept) == b"an old checkpoint"


def _run_into_a_checkpoint(
    request_id: RequestId, bench: Workbench, controller: Controller
) -> tuple[str, str]:
    """Leave what a worker leaves that dies while it trains."""
    recipe = bench.ladder[0].digest
    run = controller.runs.start("erasure", {})
    controller.store.note(
        "training_run_started",
        {"rung": 0, "recipe": recipe, "sequence": 1, "run": run},
        request_id=request_id,
        lease=bench.lease,
    )
    name = f"checkpoint-1-0-{recipe[-12:]}"
    controller.custody.put(str(request_id), name, b"an old checkpoint")
    return run, name


def test_a_worker_without_its_lease_gives_nothing_up(controller: Controller) -> None:
    request_id, bench = _die_after(Stage.TRAINED, controller)
    _serve_another(controller)
    stale = replace(bench, lease=replace(bench.lease, token=bench.lease.token - 1))

    with pytest.raises(LeaseLostError):
        catch_up(request_id, bench=stale)

    assert controller.store.get(request_id).stage is Stage.TRAINED
