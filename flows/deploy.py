"""Tells the Prefect server about the flows: a work pool and its deployments."""

from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate

from flows.checkpoints import publish_ledger_checkpoint
from flows.deadlines import watch_legal_deadlines
from flows.erasure import fulfil_erasure_request
from flows.retention import apply_retention_periods
from flows.reverification import reverify_certificates
from flows.upkeep import renew_serving_pointer
from unlearn_core.settings import load_settings

WORK_POOL = "unlearn"
ERASURE = "erasure"
UPKEEP = "upkeep"
DEADLINES = "deadlines"
REVERIFICATION = "reverification"
CHECKPOINTS = "checkpoints"
RETENTION = "retention"
CONCURRENT_RUNS = 2
RENEWALS_PER_VALIDITY = 4
DEADLINE_PAUSE = timedelta(hours=6)
CERTIFICATE_PAUSE = timedelta(hours=6)
RETENTION_PAUSE = timedelta(hours=24)


def deploy() -> None:
    """Create or update the deployments; run by ``python -m flows.deploy``."""
    with get_client(sync_client=True) as client:
        client.create_work_pool(
            WorkPoolCreate(name=WORK_POOL, type="process"), overwrite=True
        )
    settings = load_settings()
    validity = timedelta(hours=settings.work.pointer_hours)
    _deploy(fulfil_erasure_request, "flows/erasure.py", name=ERASURE)
    _deploy(
        renew_serving_pointer,
        "flows/upkeep.py",
        name=UPKEEP,
        interval=validity / RENEWALS_PER_VALIDITY,
    )
    _deploy(
        watch_legal_deadlines,
        "flows/deadlines.py",
        name=DEADLINES,
        interval=DEADLINE_PAUSE,
    )
    _deploy(
        reverify_certificates,
        "flows/reverification.py",
        name=REVERIFICATION,
        interval=CERTIFICATE_PAUSE,
    )
    _deploy(
        publish_ledger_checkpoint,
        "flows/checkpoints.py",
        name=CHECKPOINTS,
        interval=timedelta(seconds=settings.audit.checkpoint_seconds),
    )
    _deploy(
        apply_retention_periods,
        "flows/retention.py",
        name=RETENTION,
        interval=RETENTION_PAUSE,
    )


def _deploy(flow: Flow[..., Any], path: str, *, name: str, **schedule: Any) -> None:  # noqa: ANN401 - Prefect's own options
    root = Path(__file__).parent.parent
    entrypoint = f"{path}:{flow.fn.__name__}"
    # Outside an event loop the call returns a flow, not a coroutine.
    located = cast(
        "Flow[..., Any]", flow.from_source(source=str(root), entrypoint=entrypoint)
    )
    located.deploy(
        name=name,
        work_pool_name=WORK_POOL,
        concurrency_limit=CONCURRENT_RUNS,
        print_next_steps=False,
        ignore_warnings=True,
        **schedule,
    )


if __name__ == "__main__":
    deploy()
