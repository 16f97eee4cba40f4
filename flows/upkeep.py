"""What has to be done again and again, whether or not there are requests."""

from prefect import flow

from flows.wiring import open_station
from flows.work import holder_name
from unlearn_core.steps.renew_pointer import renew_pointer


@flow(name="renew-serving-pointer", persist_result=False, log_prints=False)
def renew_serving_pointer() -> None:
    """Sign the serving pointer again, long before it expires."""
    with open_station() as station:
        renew_pointer(station.keeper(holder=holder_name()))
