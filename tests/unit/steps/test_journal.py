from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from support.steps import Controller
from support.story import do, work_until

from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.errors import IllegalTransitionError, LeaseLostError
from unlearn_core.steps.journal import find_entry, read_result, recorded
from unlearn_core.steps.results import Located, Trained
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noted:
    at: datetime
    stage: Stage = Stage.ACKNOWLEDGED
    outcome: Outcome | None = None


MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _step(done: list[RequestId], *, outcome: Outcome | None = None) -> object:
    @recorded(Stage.ACKNOWLEDGED, result=_Noted)
    def step(request_id: RequestId, *, bench: Workbench) -> _Noted:
        del bench
        done.append(request_id)
        return _Noted(at=MORNING, outcome=outcome)

    return step


def _run(step: object, request_id: RequestId, bench: Workbench) -> object:
    return do(step, request_id, bench=bench)  # type: ignore[arg-type]  # a decorated step


def test_a_result_is_read_back_from_the_ledger_as_it_was(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    done: list[RequestId] = []
    step = _step(done)

    first, second = _run(step, request_id, bench), _run(step, request_id, bench)

    assert first == second == _Noted(at=MORNING)
    assert done == [request_id]
    [entry] = controller.entries(request_id, "acknowledged")
    assert entry.payload == {
        "at": "2026-03-02T09:00:00Z",
        "stage": "acknowledged",
        "outcome": None,
    }
    assert entry.fencing_token == bench.lease.token


def test_an_outcome_in_the_result_becomes_that_of_the_request(
    controller: Controller,
) -> None:
    request_id = controller.receive()

    _run(_step([], outcome=Outcome.WITHDRAWN), request_id, controller.bench(request_id))

    assert controller.store.get(request_id).outcome is Outcome.WITHDRAWN


def test_a_lost_worker_does_not_start(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    controller.lose(bench)
    done: list[RequestId] = []

    with pytest.raises(LeaseLostError):
        _run(_step(done), request_id, bench)

    assert done == []


def test_a_lost_worker_may_still_read_what_was_done(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    step = _step([])
    _run(step, request_id, bench)
    controller.lose(bench)

    assert _run(step, request_id, bench) == _Noted(at=MORNING)


def test_a_step_out_of_turn_does_not_start(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    done: list[RequestId] = []

    @recorded(Stage.LOCATED, Stage.NOT_FOUND, result=_Noted)
    def too_early(request_id: RequestId, *, bench: Workbench) -> _Noted:
        del bench
        done.append(request_id)
        return _Noted(at=MORNING, stage=Stage.LOCATED)

    with pytest.raises(
        IllegalTransitionError, match=r"present=received, following=located\|not_found"
    ):
        _run(too_early, request_id, bench)
    assert done == []


def test_an_entry_of_another_rung_is_not_taken_for_this_one(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    for rung, run in ((0, "run-1"), (1, "run-2"), (1, "run-3")):
        controller.store.note(
            Stage.TRAINED, {"rung": rung, "run": run}, request_id=request_id
        )

    def run_of(**choice: int) -> object:
        entry = find_entry(bench, request_id, Stage.TRAINED, **choice)
        return entry["run"] if entry else None

    assert run_of(rung=0) == "run-1"
    assert run_of(rung=1) == "run-3"
    assert run_of(rung=2) is None
    assert run_of() == "run-3"


@pytest.mark.parametrize("event", [Stage.RETRIED, Stage.OVERTAKEN])
def test_another_round_forgets_training_and_keeps_what_came_before(
    controller: Controller, event: Stage
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.UNLEARNING_VERIFIED, request_id, bench=bench)
    controller.store.note(event, {}, request_id=request_id)

    for forgotten in (Stage.TRAINED, Stage.UNLEARNING_VERIFIED):
        assert find_entry(bench, request_id, forgotten) is None
    for kept in (Stage.LOCATED, Stage.SOURCES_ERASED, Stage.DATASETS_BUILT):
        assert find_entry(bench, request_id, kept) is not None


def test_a_result_that_is_not_there_is_an_error(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)

    with pytest.raises(LookupError, match="no entry for located, not_found"):
        read_result(bench, request_id, Stage.LOCATED, Stage.NOT_FOUND, result=Located)
    with pytest.raises(LookupError, match="no entry for trained"):
        read_result(bench, request_id, Stage.TRAINED, result=Trained, rung=0)
