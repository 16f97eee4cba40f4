"""Tells the Prefect server about the flow: a work pool and a deployment."""

from pathlib import Path
from typing import cast
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate

from flows.erasure import fulfil_erasure_request

WORK_POOL = "unlearn"
DEPLOYMENT = "erasure"
CONCURRENT_RUNS = 2


def deploy() -> None:
    """Create or update the deployment; run by ``python -m flows.deploy``."""
    with get_client(sync_client=True) as client:
        client.create_work_pool(
            WorkPoolCreate(name=WORK_POOL, type="process"), overwrite=True
        )
    root = Path(__file__).parent.parent
    # Outside an event loop the call returns a flow, not a coroutine.
    located = cast(
        "Flow[[UUID], None]",
        fulfil_erasure_request.from_source(
            source=str(root), entrypoint="flows/erasure.py:fulfil_erasure_request"
        ),
    )
    located.deploy(
        name=DEPLOYMENT,
        work_pool_name=WORK_POOL,
        concurrency_limit=CONCURRENT_RUNS,
        print_next_steps=False,
        ignore_warnings=True,
    )


if __name__ == "__main__":
    deploy()
