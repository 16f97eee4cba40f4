import inspect
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.states import Failed

from flows import tasks
from unlearn_core import steps
from unlearn_core.errors import (
    DependencyError,
    IncompatibleBaseError,
    IntegrityError,
    LeaseLostError,
    PolicyError,
    RegistryUnavailableError,
    RequestError,
    UnexpectedError,
)
from unlearn_core.steps import results

REQUEST = UUID(int=7)
TASKS: dict[str, Task[..., Any]] = {
    name: item for name, item in vars(tasks).items() if isinstance(item, Task)
}
NOT_OF_THE_FLOW = {
    "restrict_request",
    "receive_request",
    "prove_identity",
    "import_requests",
    "resume_requests",
    "renew_pointer",
    "watch_deadlines",
    "decide_request",
    "deliver_messages",
    "publish_checkpoint",
    "audit_ledger",
    "review_records",
    "cut_off_replica",
    "settle_recipient",
    "export_bundle",
    "apply_retention",
    "expire_working_data",
    "pair_agent",
    "preview_erasure",
}
ANSWER_YES_OR_NO = {
    "catch_up",
    "cools_off",
    "refer_to_controller",
    "spare_base_model",
    "waits_for_proof",
    "waits_for_review",
    "was_called_off",
    "was_given_up",
}


def _steps() -> set[str]:
    """Return the modules that hold a step: those named after their function."""
    folder = Path(str(steps.__file__)).parent
    return {
        path.stem
        for path in folder.glob("*.py")
        if f"\ndef {path.stem}(" in path.read_text(encoding="utf-8")
    }


def test_every_step_of_the_flow_has_a_task_of_its_name() -> None:
    assert set(TASKS) == _steps() - NOT_OF_THE_FLOW


@pytest.mark.parametrize("name", TASKS)
def test_prefect_keeps_nothing_of_a_task(name: str) -> None:
    task = TASKS[name]

    assert task.persist_result is False
    assert task.cache_policy == NO_CACHE
    assert task.log_prints is False
    assert task.name == name.replace("_", " ")


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_retried_three_times_with_growing_pauses(name: str) -> None:
    task = TASKS[name]

    assert task.retries == 3
    assert task.retry_delay_seconds == [2, 10, 30]
    assert task.retry_condition_fn is tasks._is_worth_retrying


@pytest.mark.parametrize("name", TASKS)
def test_request_and_rung_are_the_only_parameters(name: str) -> None:
    parameters = inspect.signature(TASKS[name].fn).parameters
    rung = {"rung": int} if name in {"train_offset_pair", "verify_unlearning"} else {}

    assert {key: item.annotation for key, item in parameters.items()} == {
        "request_id": UUID,
        **rung,
    }


@pytest.mark.parametrize("name", sorted(set(TASKS) - ANSWER_YES_OR_NO))
def test_a_task_returns_a_result_without_personal_data(name: str) -> None:
    returned = inspect.signature(TASKS[name].fn).return_annotation

    assert returned.__module__ == results.__name__


@pytest.mark.parametrize("name", TASKS)
def test_a_task_runs_its_step_at_the_bench_of_the_request(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[object, ...]] = []

    def step(request_id: UUID, *, bench: str, **choice: int) -> str:
        calls.append((request_id, bench, choice))
        return "done"

    monkeypatch.setattr(tasks, f"_{name}", step)
    monkeypatch.setattr(tasks, "bench_of", lambda request_id: f"bench {request_id}")
    takes_rung = "rung" in inspect.signature(TASKS[name].fn).parameters
    choice = {"rung": 2} if takes_rung else {}

    assert TASKS[name].fn(REQUEST, **choice) == "done"

    assert calls == [(REQUEST, f"bench {REQUEST}", choice)]


def _failing(error: BaseException) -> Any:  # noqa: ANN401 - a step
    def step(_request_id: UUID, *, bench: object) -> None:
        del bench
        raise error

    return step


def test_the_text_of_a_foreign_error_is_withheld(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "bench_of", lambda _request_id: None)
    foreign = ValueError("the row of Vera Dornfeld")

    with pytest.raises(UnexpectedError) as caught:
        tasks._guarded(_failing(foreign), REQUEST)

    assert caught.value.facts == {"kind": "ValueError"}
    assert "Dornfeld" not in str(caught.value)
    # A traceback must not lead back to the text either.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_error_of_ours_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "bench_of", lambda _request_id: None)
    error = RegistryUnavailableError(code="unreachable")

    with pytest.raises(RegistryUnavailableError) as caught:
        tasks._guarded(_failing(error), REQUEST)

    assert caught.value is error


def test_an_interruption_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "bench_of", lambda _request_id: None)

    with pytest.raises(KeyboardInterrupt):
        tasks._guarded(_failing(KeyboardInterrupt()), REQUEST)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RegistryUnavailableError(), True),
        (UnexpectedError(kind="OSError"), True),
        (DependencyError(), True),
        (LeaseLostError(), False),
        (IncompatibleBaseError(), False),
        (IntegrityError(), False),
        (PolicyError(), False),
        (RequestError(), False),
        (ValueError(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_may_go_away_by_itself_is_tried_again(
    error: Exception,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    state: State[None] = Failed(data=error)

    judged = tasks._is_worth_retrying(tasks.catch_up, None, state)  # type: ignore[arg-type]  # the run is not looked at

    assert judged is expected
