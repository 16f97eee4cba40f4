"""Starts flow runs through the Prefect API; the one module here that imports it."""

import asyncio

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException

from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import OrchestratorUnavailableError

DEPLOYMENT = "fulfil-erasure-request/erasure"
RUNS_PER_ATTEMPT = 5


class PrefectTrigger:
    """`WorkflowTrigger` that creates a run of the erasure deployment.

    The request id is the only parameter, and the idempotency key makes the server
    return an existing run instead of creating a second one. A run that has ended
    although the same attempt is asked for again died before it took up its work;
    then the next key is used, up to `RUNS_PER_ATTEMPT` times.
    """

    def start(self, request_id: RequestId, *, attempt: int) -> None:
        """Ask for a run."""
        try:
            asyncio.run(self._create(request_id, attempt))
        except (httpx.HTTPError, PrefectException, OSError, RuntimeError):
            raise OrchestratorUnavailableError(request_id=request_id) from None

    @staticmethod
    async def _create(request_id: RequestId, attempt: int) -> None:
        async with get_client() as client:
            deployment = await client.read_deployment_by_name(DEPLOYMENT)
            for suffix in ("", *(f"-{n}" for n in range(2, RUNS_PER_ATTEMPT + 1))):
                run = await client.create_flow_run_from_deployment(
                    deployment.id,
                    parameters={"request_id": str(request_id)},
                    idempotency_key=f"erasure-{request_id}-{attempt}{suffix}",
                    name=f"erasure-{str(request_id)[:8]}-{attempt}{suffix}",
                )
                if run.state is None or not run.state.is_final():
                    return
        raise OrchestratorUnavailableError(
            request_id=request_id, problem="every run ended before its work began"
        )
