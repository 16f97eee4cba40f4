"""The scheduled deletion of what has outlived its time."""

from prefect import flow

from flows.wiring import open_station
from flows.work import holder_name
from unlearn_core.steps.apply_retention import apply_retention
from unlearn_core.steps.expire_working_data import expire_working_data


@flow(name="apply-retention", persist_result=False, log_prints=False)
def apply_retention_periods() -> None:
    """Delete what of open requests lay too long, and of closed ones is not needed."""
    with open_station() as station:
        try:
            expire_working_data(station.expiry(holder=holder_name()))
        finally:
            # What fails about an open request keeps nothing of the closed ones.
            apply_retention(station.office.retention(holder=holder_name()))
