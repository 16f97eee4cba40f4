"""Confirm: wait until every replica serves the version, then forbid older ones."""

import time

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import ServingUnavailableError
from unlearn_core.ports import ReplicaState
from unlearn_core.steps.journal import read_result, recorded
from unlearn_core.steps.promote_version import publish_pointer
from unlearn_core.steps.results import Registered, ServingConfirmed
from unlearn_core.steps.workbench import Workbench

POLL_SECONDS = 0.5


@recorded(Stage.SERVING_CONFIRMED, result=ServingConfirmed)
def confirm_serving(request_id: RequestId, *, bench: Workbench) -> ServingConfirmed:
    """Wait for all replicas; then raise the minimum that may answer.

    Raises:
        ServingUnavailableError: A replica does not confirm in time; it is named.
    """
    registered = read_result(bench, request_id, Stage.REGISTERED, result=Registered)
    states = _wait(registered.sequence, bench=bench)
    effective_at = bench.clock.now()
    bench.check_lease()
    publish_pointer(registered, minimum_sequence=registered.sequence, bench=bench)
    return ServingConfirmed(
        replicas=[state.name for state in states],
        sequence=registered.sequence,
        effective_at=effective_at,
        best_effort=[state.name for state in states if state.is_best_effort],
    )


def _wait(sequence: int, *, bench: Workbench) -> tuple[ReplicaState, ...]:
    deadline = time.monotonic() + bench.terms.confirm_timeout.total_seconds()
    while True:
        states = bench.fleet.states()
        laggards = [state.name for state in states if not state.serves(sequence)]
        if states and not laggards:
            return states
        if time.monotonic() > deadline:
            raise ServingUnavailableError(
                replica=laggards[0] if laggards else "none", sequence=sequence
            )
        bench.check_lease()
        time.sleep(POLL_SECONDS)
