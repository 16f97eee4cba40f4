"""Cut off: take a replica that does not keep up out of service, and let it back in.

The ledger says who did it; the signed pointer, which is written from the ledger, tells
the replica. While a version is being confirmed the worker that waits publishes that
pointer; otherwise `renew_pointer` does.

Ledger and pointer go by names. Two replicas with one name cannot be told apart, so
nothing is effective while there are two, and neither is cut off or readmitted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from unlearn_core import ports
from unlearn_core.domain.replicas import (
    REPLICA_CUT_OFF,
    REPLICA_READMITTED,
    CutOff,
    read_cut_offs,
)
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import PolicyError
from unlearn_core.ports import ReplicaState
from unlearn_core.steps.standing import promoted_sequence

NAME_TAKEN = "name_taken"
"""What the fleet says of a replica whose name another one has."""


class ReplicaRefusedError(PolicyError):
    """A replica cannot be cut off or readmitted."""

    code = "replica_refused"
    summary = "nothing was changed about this replica"
    next_step = "Look at the replicas with: unlearn replica list."


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One replica as the fleet and the ledger have it.

    Attributes:
        state: What it says of itself, or `NAME_TAKEN`.
        cut_off: How it was cut off; None if it was not.
        holds_up: Whether nothing is effective because of it.
    """

    state: ReplicaState
    cut_off: CutOff | None
    holds_up: bool

    @property
    def is_out(self) -> bool:
        """Tell whether it answers nobody any more because it was cut off."""
        return _is_out(self.state, self.cut_off)

    @property
    def is_routable(self) -> bool:
        """Tell whether a router may send questions to it."""
        return self.cut_off is None and self.state.is_ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """How long versions took from registration until every replica served them.

    Attributes:
        versions: How many there were.
        last_seconds: The latest.
        median_seconds: The median.
        longest_seconds: The longest.
    """

    versions: int
    last_seconds: float
    median_seconds: float
    longest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDesk:
    """What looking after the replicas of one base model needs.

    Attributes:
        base_model: Name of the base model.
        officers: Names of those who may decide.
    """

    base_model: str
    officers: tuple[str, ...]
    requests: ports.RequestStore
    ledger: ports.Ledger
    fleet: ports.ServingFleet

    def wanted(self) -> int:
        """Return the sequence that replicas have to serve; 0 before the first."""
        return promoted_sequence(
            self.base_model, requests=self.requests, ledger=self.ledger
        )

    def look(self) -> tuple[Seen, ...]:
        """Ask every replica, and compare it with what has to be served."""
        return look_at(
            self.fleet.states(), cut_offs(self.ledger), sequence=self.wanted()
        )

    def convergence(self) -> Convergence | None:
        """Return how long versions took; None if none has said so yet."""
        of_base = {
            request.request_id
            for request in self.requests.all()
            if request.base_model == self.base_model
        }
        return _convergence(
            float(str(entry.payload["seconds"]))
            for entry in self.ledger.entries(event=Stage.SERVING_CONFIRMED)
            if entry.request_id in of_base and entry.payload.get("seconds") is not None
        )


def cut_offs(ledger: ports.Ledger) -> tuple[CutOff, ...]:
    """Return who is cut off now."""
    return read_cut_offs(
        [
            *ledger.entries(event=REPLICA_CUT_OFF),
            *ledger.entries(event=REPLICA_READMITTED),
        ]
    )


def look_at(
    states: Iterable[ReplicaState], cut: Sequence[CutOff], *, sequence: int
) -> tuple[Seen, ...]:
    """Compare replicas with a version and with the ledger.

    Args:
        states: What replicas say of themselves.
        cut: Who is cut off.
        sequence: Sequence of the version that has to be served.
    """
    by_address = {item.address: item for item in cut}
    by_name = {item.replica: item for item in cut}
    states = tuple(states)
    taken = {state.name for state in states if _is_taken(state.name, states)}
    return tuple(
        _seen(
            state,
            by_address.get(state.address) or by_name.get(state.name),
            sequence,
            is_taken=state.name in taken,
        )
        for state in states
    )


def _is_taken(name: str, states: Sequence[ReplicaState]) -> bool:
    """Tell whether several replicas have a name."""
    return sum(state.name == name for state in states) > 1


def _seen(
    state: ReplicaState, cut: CutOff | None, sequence: int, *, is_taken: bool
) -> Seen:
    if is_taken:
        unknown = replace(state, is_ready=False, last_error=NAME_TAKEN)
        return Seen(state=unknown, cut_off=cut, holds_up=True)
    is_done = _is_out(state, cut) or state.serves(sequence)
    return Seen(state=state, cut_off=cut, holds_up=not is_done)


def _is_out(state: ReplicaState, cut: CutOff | None) -> bool:
    return cut is not None and (state.has_stopped or (cut.is_gone and state.is_silent))


def _convergence(found: Iterable[float]) -> Convergence | None:
    seconds = list(found)
    if not seconds:
        return None
    return Convergence(
        versions=len(seconds),
        last_seconds=seconds[-1],
        median_seconds=median(seconds),
        longest_seconds=max(seconds),
    )


def cut_off_replica(name: str, *, officer: str, is_gone: bool, desk: FleetDesk) -> None:
    """Take a replica out of service.

    Args:
        name: Its name or address, as the fleet shows it.
        officer: Who decides.
        is_gone: Whether they say that it runs no more; it counts only while nobody
            takes a connection at its address.
        desk: What looking after replicas needs.

    Raises:
        ReplicaRefusedError: There is no such replica, or several have its name, or
            there is no such officer; or a replica that is said to be gone takes
            connections.
    """
    state = _find(name, officer=officer, desk=desk)
    if is_gone and not state.is_silent:
        raise ReplicaRefusedError(problem="something may answer at its address")
    before = _cut(state, desk)
    desk.ledger.note(
        REPLICA_CUT_OFF,
        {
            # One that has fallen silent keeps the name that it had.
            "replica": (
                before.replica if before and not state.is_reachable else state.name
            ),
            "address": state.address,
            "officer": officer,
            "is_gone": is_gone,
        },
    )


def readmit_replica(name: str, *, officer: str, desk: FleetDesk) -> None:
    """Let a replica back in; it answers once it serves what is required.

    Raises:
        ReplicaRefusedError: There is no such replica, or several have its name, or
            there is no such officer; or it was not cut off.
    """
    state = _find(name, officer=officer, desk=desk)
    cut = _cut(state, desk)
    if cut is None:
        raise ReplicaRefusedError(problem="it was not cut off")
    desk.ledger.note(
        REPLICA_READMITTED,
        {"replica": cut.replica, "address": cut.address, "officer": officer},
    )


def _find(name: str, *, officer: str, desk: FleetDesk) -> ReplicaState:
    if officer not in desk.officers:
        raise ReplicaRefusedError(problem="not an officer of the configuration")
    states = desk.fleet.states()
    known = {cut.replica: cut.address for cut in cut_offs(desk.ledger)}
    for state in states:
        if name in {state.name, state.address} or known.get(name) == state.address:
            if _is_taken(state.name, states):
                raise ReplicaRefusedError(problem="another replica has its name")
            return state
    raise ReplicaRefusedError(problem="no such replica in the configuration")


def _cut(state: ReplicaState, desk: FleetDesk) -> CutOff | None:
    (seen,) = look_at([state], cut_offs(desk.ledger), sequence=0)
    return seen.cut_off
