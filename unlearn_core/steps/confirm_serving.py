"""Confirm: wait until every replica serves the version, then forbid older ones.

A replica that an officer has cut off is not waited for once it has stopped answering;
see `domain.replicas`. Everything else about it is waited for like for the others.
"""

import time
from collections.abc import Sequence
from datetime import datetime

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import ServingUnavailableError
from unlearn_core.steps.cut_off_replica import NAME_TAKEN, Seen, cut_offs, look_at
from unlearn_core.steps.journal import read_result, recorded
from unlearn_core.steps.promote_version import publish_pointer
from unlearn_core.steps.renew_pointer import PointerKeeper, renew_held
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
    fleet = _wait(registered.sequence, bench=bench)
    effective_at = bench.clock.now()
    bench.check_lease()
    publish_pointer(registered, minimum_sequence=registered.sequence, bench=bench)
    confirmed = [seen.state for seen in fleet if seen.cut_off is None]
    cut_off = [seen for seen in fleet if seen.cut_off is not None]
    return ServingConfirmed(
        replicas=[state.name for state in confirmed],
        sequence=registered.sequence,
        effective_at=effective_at,
        best_effort=[state.name for state in confirmed if state.is_best_effort],
        cut_off=[_name(seen) for seen in cut_off],
        unheard=[_name(seen) for seen in cut_off if not seen.state.is_reachable],
        seconds=(effective_at - _registered_at(request_id, bench)).total_seconds(),
    )


def _wait(sequence: int, *, bench: Workbench) -> tuple[Seen, ...]:
    deadline = time.monotonic() + bench.terms.confirm_timeout.total_seconds()
    told = None
    while True:
        cut = cut_offs(bench.ledger)
        if cut != told:
            bench.check_lease()
            renew_held(_keeper(bench))
            told = cut
        fleet = look_at(bench.fleet.states(), cut, sequence=sequence)
        is_held_up = any(seen.holds_up for seen in fleet)
        if not is_held_up and any(seen.cut_off is None for seen in fleet):
            return fleet
        if time.monotonic() > deadline:
            raise _laggard(fleet, sequence=sequence)
        bench.check_lease()
        time.sleep(POLL_SECONDS)


def _laggard(fleet: Sequence[Seen], *, sequence: int) -> ServingUnavailableError:
    """Return the error that names the first replica that holds everything up."""
    for seen in fleet:
        if seen.state.last_error == NAME_TAKEN:
            return ServingUnavailableError(
                replica=seen.state.name, sequence=sequence, problem=NAME_TAKEN
            )
    laggards = (seen.state.name for seen in fleet if seen.holds_up)
    return ServingUnavailableError(replica=next(laggards, "none"), sequence=sequence)


def _name(seen: Seen) -> str:
    """Return the name of a replica; one that has fallen silent keeps its own."""
    if seen.cut_off is not None and not seen.state.is_reachable:
        return seen.cut_off.replica
    return seen.state.name


def _registered_at(request_id: RequestId, bench: Workbench) -> datetime:
    return [
        entry.recorded_at
        for entry in bench.ledger.entries(request_id)
        if entry.event == Stage.REGISTERED
    ][-1]


def _keeper(bench: Workbench) -> PointerKeeper:
    return PointerKeeper(
        base_model=bench.terms.base_model,
        validity=bench.terms.pointer_validity,
        holder=bench.lease.holder,
        registry=bench.registry,
        leases=bench.leases,
        requests=bench.requests,
        ledger=bench.ledger,
        signer=bench.signer,
        envelopes=bench.envelopes,
        clock=bench.clock,
    )
