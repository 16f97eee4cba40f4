"""The scheduled checkpoint of the ledger."""

from prefect import flow

from flows.wiring import open_station
from flows.work import holder_name
from unlearn_core.steps.publish_checkpoint import publish_checkpoint


@flow(name="publish-checkpoint", persist_result=False, log_prints=False)
def publish_ledger_checkpoint() -> None:
    """Sign what the ledger is now and have it kept outside."""
    with open_station() as station:
        publish_checkpoint(station.checkpoints(holder=holder_name()))
