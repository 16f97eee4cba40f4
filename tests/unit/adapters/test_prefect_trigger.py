"""The trigger against a client that keeps runs by idempotency key, as the server does.

The contract tests run it against a real server.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running
from support.domain import request_id

from unlearn_core.adapters import prefect_trigger
from unlearn_core.adapters.prefect_trigger import DEPLOYMENT, PrefectTrigger
from unlearn_core.errors import OrchestratorUnavailableError

ID = "00000000-0000-0000-0000-000000000001"


@dataclass
class Deployment:
    """What the client returns for a deployment."""

    id: UUID = field(default_factory=uuid4)


@dataclass
class Client:
    """A Prefect client with its server.

    Attributes:
        runs: Runs by idempotency key.
        asked: Arguments of every run that was made.
        fault: Raised instead of an answer.
    """

    runs: dict[str, FlowRun] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    fault: Exception | None = None

    async def read_deployment_by_name(self, name: str) -> Deployment:
        """Return the deployment."""
        if self.fault is not None:
            raise self.fault
        assert name == DEPLOYMENT
        return Deployment()

    async def create_flow_run_from_deployment(
        self, deployment_id: UUID, *, idempotency_key: str, **asked: object
    ) -> FlowRun:
        """Return the run of a key, made when the key is new."""
        del deployment_id
        if idempotency_key not in self.runs:
            self.asked.append(asked)
            self.runs[idempotency_key] = FlowRun(flow_id=uuid4(), state=Pending())
        return self.runs[idempotency_key]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """Put the client where the trigger opens its own."""
    client = Client()

    @asynccontextmanager
    async def open_client() -> AsyncIterator[Client]:
        yield client

    monkeypatch.setattr(prefect_trigger, "get_client", open_client)
    return client


def test_the_request_id_is_all_that_prefect_learns(client: Client) -> None:
    PrefectTrigger().start(request_id(), attempt=3)
    assert client.asked == [
        {"parameters": {"request_id": ID}, "name": "erasure-00000000-3"}
    ]
    assert list(client.runs) == [f"erasure-{ID}-3"]


@pytest.mark.parametrize("state", [Pending, Running])
def test_a_run_that_can_go_on_is_left_alone(
    client: Client, state: Callable[[], State]
) -> None:
    PrefectTrigger().start(request_id(), attempt=1)
    client.runs[f"erasure-{ID}-1"].state = state()
    PrefectTrigger().start(request_id(), attempt=1)
    assert list(client.runs) == [f"erasure-{ID}-1"]


@pytest.mark.parametrize("state", [Crashed, Failed, Cancelled, Completed])
def test_a_run_that_ended_without_work_is_replaced_under_the_next_key(
    client: Client, state: Callable[[], State]
) -> None:
    PrefectTrigger().start(request_id(), attempt=1)
    client.runs[f"erasure-{ID}-1"].state = state()
    PrefectTrigger().start(request_id(), attempt=1)
    assert list(client.runs) == [f"erasure-{ID}-1", f"erasure-{ID}-1-2"]


def test_runs_that_always_die_are_given_up_after_five(client: Client) -> None:
    for _ in range(5):
        PrefectTrigger().start(request_id(), attempt=1)
        for run in client.runs.values():
            run.state = Crashed()
    with pytest.raises(OrchestratorUnavailableError, match="ended before"):
        PrefectTrigger().start(request_id(), attempt=1)
    assert len(client.runs) == 5
    PrefectTrigger().start(request_id(), attempt=2)
    assert len(client.runs) == 6


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        ObjectNotFound(LookupError("no deployment")),
        RuntimeError("Failed to reach API"),
        OSError("no route"),
    ],
)
def test_every_fault_of_the_orchestrator_is_reported_without_its_text(
    client: Client, fault: Exception
) -> None:
    client.fault = fault
    with pytest.raises(OrchestratorUnavailableError) as raised:
        PrefectTrigger().start(request_id(), attempt=1)
    assert str(raised.value) == (
        f"the Prefect server does not answer (request_id={ID})"
    )
    assert raised.value.__cause__ is None
