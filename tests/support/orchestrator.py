"""A real Prefect server for tests, with the erasure deployment and no worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Crashed
from prefect.testing.utilities import prefect_test_harness

from unlearn_core.adapters.prefect_trigger import DEPLOYMENT
from unlearn_core.domain.requests import RequestId

STARTUP_SECONDS = 120


@contextmanager
def prefect_server() -> Iterator[None]:
    """Run a server with the deployment; nothing ever picks its runs up."""
    flow_name, _, name = DEPLOYMENT.partition("/")
    harness = prefect_test_harness(server_startup_timeout=STARTUP_SECONDS)
    with harness, get_client(sync_client=True) as client:
        client.create_deployment(
            client.create_flow_from_name(flow_name),
            name,
            enforce_parameter_schema=False,
        )
        yield


@contextmanager
def prefect_away() -> Iterator[None]:
    """Point Prefect at an address at which nothing answers."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        yield


def runs_of(request_id: RequestId) -> list[FlowRun]:
    """Return all runs that were made for a request, oldest first."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs()
    ours = [run for run in runs if run.parameters == {"request_id": str(request_id)}]
    return sorted(ours, key=lambda run: run.name)


def crash(run_id: UUID) -> None:
    """Let a run end as a worker that dies lets it end."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Crashed(), force=True)
