"""The scheduled look at the legal deadlines of all open requests."""

from prefect import flow

from flows.wiring import open_station
from flows.work import holder_name
from unlearn_core.steps.watch_deadlines import watch_deadlines


@flow(name="watch-deadlines", persist_result=False, log_prints=False)
def watch_legal_deadlines() -> None:
    """Warn of deadlines that come near and escalate those that were missed."""
    with open_station() as station:
        watch_deadlines(station.deadlines(holder=holder_name()))
