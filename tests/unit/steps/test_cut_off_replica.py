from collections.abc import Callable
from dataclasses import replace

import pytest
from support.domain import BASE_MODEL, NOW, request, request_id

from unlearn_core.adapters.memory.delivery import MemoryFleet
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.domain.replicas import CutOff
from unlearn_core.domain.requests import Stage
from unlearn_core.steps.cut_off_replica import (
    FleetDesk,
    ReplicaRefusedError,
    Seen,
    cut_off_replica,
    cut_offs,
    look_at,
    readmit_replica,
)

Happening = Callable[[MemoryFleet], None]


@pytest.fixture
def fleet() -> MemoryFleet:
    """Return two replicas, of which the left one serves the second version."""
    fleet = MemoryFleet(["left", "right"])
    fleet.serve("left", version="2", sequence=2)
    fleet.serve("right", version="1", sequence=1)
    return fleet


@pytest.fixture
def desk(fleet: MemoryFleet) -> FleetDesk:
    """Return a desk at which two officers may decide."""
    clock = MemoryClock(NOW)
    store = MemoryRequestStore(leases=MemoryLeaseStore(clock=clock), clock=clock)
    return FleetDesk(
        base_model=BASE_MODEL,
        officers=("anna", "berta"),
        requests=store,
        ledger=store,
        fleet=fleet,
    )


def cut_off(desk: FleetDesk, name: str = "right", *, gone: bool = False) -> None:
    cut_off_replica(name, officer="anna", is_gone=gone, desk=desk)


def seen(desk: FleetDesk) -> dict[str, Seen]:
    """Return the replicas by their addresses, for the second version."""
    found = look_at(desk.fleet.states(), cut_offs(desk.ledger), sequence=2)
    return {item.state.address: item for item in found}


def right(desk: FleetDesk) -> Seen:
    return seen(desk)["http://right"]


def serves(sequence: int) -> Happening:
    return lambda fleet: fleet.serve("right", version="v", sequence=sequence)


@pytest.mark.parametrize(
    ("happens", "holds_up"),
    [
        # A promise is no proof: until it says that it has stopped, it is waited for.
        (lambda _: None, True),
        (lambda fleet: fleet.stop("right", oldest_in_flight=1), True),
        (lambda fleet: fleet.stop("right", oldest_in_flight=2), True),
        (lambda fleet: fleet.stop("right"), False),
        (serves(2), False),
        (lambda fleet: fleet.lose("right"), True),
    ],
)
def test_a_replica_that_was_cut_off_is_waited_for_until_it_has_stopped(
    desk: FleetDesk, fleet: MemoryFleet, happens: Happening, *, holds_up: bool
) -> None:
    cut_off(desk)
    happens(fleet)
    assert (right(desk).holds_up, right(desk).is_routable) == (holds_up, False)
    left = seen(desk)["http://left"]
    assert (left.holds_up, left.is_routable, left.cut_off) == (False, True, None)


@pytest.mark.parametrize(
    ("happens", "holds_up"),
    [
        (lambda _: None, False),
        (serves(1), True),
        (serves(2), False),
        (lambda fleet: fleet.confuse("right"), True),
    ],
)
def test_one_that_is_said_to_be_gone_is_out_only_while_it_is_silent(
    desk: FleetDesk, fleet: MemoryFleet, happens: Happening, *, holds_up: bool
) -> None:
    fleet.lose("right")
    cut_off(desk, "http://right", gone=True)
    happens(fleet)
    assert right(desk).holds_up is holds_up


@pytest.mark.parametrize(
    "happens", [lambda _: None, lambda fleet: fleet.confuse("right")]
)
def test_one_that_answers_even_with_nonsense_is_not_gone(
    desk: FleetDesk, fleet: MemoryFleet, happens: Happening
) -> None:
    happens(fleet)
    with pytest.raises(ReplicaRefusedError, match="may answer"):
        cut_off(desk, "http://right", gone=True)
    assert cut_offs(desk.ledger) == ()


def test_one_that_falls_silent_keeps_its_name_and_can_be_said_to_be_gone(
    desk: FleetDesk, fleet: MemoryFleet
) -> None:
    cut_off(desk)
    fleet.lose("right")
    cut_off(desk, gone=True)
    expected = CutOff(
        replica="right", address="http://right", officer="anna", is_gone=True
    )
    assert cut_offs(desk.ledger) == (expected,)


@pytest.mark.parametrize("name", ["right", "http://right"])
def test_a_readmitted_replica_is_waited_for_like_the_others(
    desk: FleetDesk, fleet: MemoryFleet, name: str
) -> None:
    cut_off(desk)
    fleet.stop("right")
    readmit_replica(name, officer="berta", desk=desk)
    assert (right(desk).cut_off, right(desk).holds_up) == (None, True)
    with pytest.raises(ReplicaRefusedError, match="was not cut off"):
        readmit_replica(name, officer="berta", desk=desk)


def test_the_ledger_says_who_did_it(desk: FleetDesk) -> None:
    cut_off(desk)
    readmit_replica("right", officer="berta", desk=desk)
    entries = [(entry.event, entry.payload) for entry in desk.ledger.entries()]
    where = {"replica": "right", "address": "http://right"}
    assert entries == [
        ("replica_cut_off", {**where, "officer": "anna", "is_gone": False}),
        ("replica_readmitted", {**where, "officer": "berta"}),
    ]


@pytest.mark.parametrize(
    ("name", "officer", "problem"),
    [("middle", "anna", "no such replica"), ("right", "carla", "not an officer")],
)
def test_only_officers_decide_and_only_about_replicas_that_there_are(
    desk: FleetDesk, name: str, officer: str, problem: str
) -> None:
    with pytest.raises(ReplicaRefusedError, match=problem):
        cut_off_replica(name, officer=officer, is_gone=False, desk=desk)
    with pytest.raises(ReplicaRefusedError, match=problem):
        readmit_replica(name, officer=officer, desk=desk)
    assert list(desk.ledger.entries()) == []


def receive(desk: FleetDesk, number: int, *, base_model: str = BASE_MODEL) -> None:
    desk.requests.receive(replace(request(number), base_model=base_model), {})


def test_replicas_have_to_serve_the_highest_version_of_their_base(
    desk: FleetDesk,
) -> None:
    receive(desk, 1)
    receive(desk, 2, base_model="another")
    assert desk.wanted() == 0
    for sequence in (1, 3, 2):
        desk.ledger.note(
            Stage.PROMOTED, {"sequence": sequence}, request_id=request_id(1)
        )
    desk.ledger.note(Stage.PROMOTED, {"sequence": 7}, request_id=request_id(2))
    assert desk.wanted() == 3
    assert [item.holds_up for item in desk.look()] == [True, True]


def test_convergence_is_counted_where_it_was_timed(desk: FleetDesk) -> None:
    receive(desk, 1)
    receive(desk, 2, base_model="another")
    assert desk.convergence() is None
    for payload in ({}, {"seconds": None}, {"seconds": 8.0}, {"seconds": 3.0}):
        desk.ledger.note("serving_confirmed", payload, request_id=request_id(1))
    desk.ledger.note("serving_confirmed", {"seconds": 99.0}, request_id=request_id(2))
    found = desk.convergence()
    assert found is not None
    assert (found.versions, found.last_seconds) == (2, 3.0)
    assert (found.median_seconds, found.longest_seconds) == (5.5, 8.0)


def test_two_replicas_with_one_name_hold_everything_up(
    desk: FleetDesk, fleet: MemoryFleet
) -> None:
    fleet.serve("right", version="2", sequence=2)
    assert not any(item.holds_up for item in seen(desk).values())
    fleet.call("right", "left")
    for item in seen(desk).values():
        assert (item.holds_up, item.is_routable) == (True, False)
        assert item.state.last_error == "name_taken"
    for name in ("left", "http://left", "http://right"):
        with pytest.raises(ReplicaRefusedError, match="another replica has its name"):
            cut_off(desk, name)
    assert cut_offs(desk.ledger) == ()


def test_a_name_that_is_taken_after_a_cut_off_is_not_taken_for_the_one_cut_off(
    desk: FleetDesk, fleet: MemoryFleet
) -> None:
    cut_off(desk)
    fleet.stop("right")
    fleet.call("left", "right")
    assert all(item.holds_up for item in seen(desk).values())
    with pytest.raises(ReplicaRefusedError, match="another replica has its name"):
        readmit_replica("http://right", officer="berta", desk=desk)
