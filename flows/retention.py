"""The scheduled deletion of what has outlived its time."""

from prefect import flow

from flows.wiring import open_station
from flows.work import holder_name
from unlearn_core.steps.apply_retention import apply_retention


@flow(name="apply-retention", persist_result=False, log_prints=False)
def apply_retention_periods() -> None:
    """Delete what of closed requests need not be kept any longer."""
    with open_station() as station:
        apply_retention(station.office.retention(holder=holder_name()))
