"""The scheduled look at every certificate of a request that is closed."""

from typing import Any

from prefect import State, flow

from flows import tasks
from flows.work import due_requests, looking_at_certificates, outlived_requests


@flow(name="reverify-certificates", persist_result=False, log_prints=False)
def reverify_certificates() -> list[State[Any]]:
    """Let go of what was kept for long enough, then ask about everybody who is due.

    Every look renews or fails one certificate. One that cannot be looked at now does
    not hold up the others; the run is marked as failed and the next one tries again.
    """
    with looking_at_certificates():
        gone = [
            tasks.destroy_kept_data(request_id, return_state=True)
            for request_id in outlived_requests()
        ]
        asked = [
            tasks.reverify_certificate(request_id, return_state=True)
            for request_id in due_requests()
        ]
    return [*gone, *asked]
