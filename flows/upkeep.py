"""What has to be done again and again, whether or not there are requests."""

from prefect import flow

from flows.wiring import open_station
from flows.work import holder_name
from unlearn_core.steps.publish_restrictions import keep_restrictions
from unlearn_core.steps.renew_pointer import renew_pointer


@flow(name="renew-serving-pointer", persist_result=False, log_prints=False)
def renew_serving_pointer() -> None:
    """Sign list of restrictions and serving pointer again, before they expire.

    The list comes first: the pointer says which one has to be known. A list that cannot
    be signed does not let the pointer expire as well.
    """
    with open_station() as station:
        try:
            keep_restrictions(station.restrictions(holder=holder_name()))
        finally:
            renew_pointer(station.keeper(holder=holder_name()))
