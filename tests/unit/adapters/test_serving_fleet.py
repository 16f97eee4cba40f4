import socket

import pytest
from support.replicas import silent_address, state_pages

from unlearn_core.adapters import serving_fleet
from unlearn_core.adapters.serving_fleet import HttpServingFleet
from unlearn_core.ports import ReplicaState

PAGE: dict[str, object] = {
    "replica": "replica-1",
    "is_ready": True,
    "sequence": 2,
    "version": "7",
    "oldest_in_flight": None,
    "last_error": "",
}


def not_ready(address: str, *, is_silent: bool = False) -> ReplicaState:
    """Return the state of a replica that does not answer properly, or not at all."""
    return ReplicaState(
        name=address,
        is_ready=False,
        sequence=0,
        version="",
        oldest_in_flight=None,
        last_error="unreachable",
        address=address,
        is_reachable=False,
        is_silent=is_silent,
    )


def without(name: str) -> dict[str, object]:
    """Return the page without an entry."""
    return {key: value for key, value in PAGE.items() if key != name}


@pytest.mark.parametrize(
    "page",
    [
        *(without(name) for name in PAGE),
        {**PAGE, "sequence": "many"},
        {**PAGE, "sequence": None},
        {**PAGE, "oldest_in_flight": [1]},
        [],
        None,
        b"<html>a proxy answers</html>",
        b"",
        b"\xff\xfe",
    ],
)
def test_a_replica_that_answers_nonsense_is_not_ready(page: object) -> None:
    with state_pages(page) as (address,):
        assert HttpServingFleet([address]).states() == (not_ready(address),)


@pytest.mark.parametrize("status", [301, 404, 500, 503])
def test_a_replica_that_refuses_is_not_ready(status: int) -> None:
    with state_pages(PAGE, status=status) as (address,):
        assert HttpServingFleet([address]).states() == (not_ready(address),)


def test_a_replica_that_is_not_ready_tells_why() -> None:
    page = {**PAGE, "is_ready": False, "last_error": "signature_invalid"}
    with state_pages(page) as (address,):
        (state,) = HttpServingFleet([address]).states()
    assert (state.is_ready, state.last_error) == (False, "signature_invalid")
    assert (state.name, state.version, state.sequence) == ("replica-1", "7", 2)


@pytest.mark.parametrize("is_best_effort", [False, True])
def test_a_replica_that_knows_its_base_in_part_only_says_so(
    *, is_best_effort: bool
) -> None:
    with state_pages({**PAGE, "is_best_effort": is_best_effort}, PAGE) as addresses:
        states = HttpServingFleet(addresses).states()
    assert [state.is_best_effort for state in states] == [is_best_effort, False]


@pytest.mark.parametrize(
    ("page", "has_stopped"),
    [
        ({"is_ready": False, "is_cut_off": True}, True),
        ({"is_ready": False, "is_cut_off": True, "oldest_in_flight": 2}, False),
        ({"is_ready": True, "is_cut_off": True}, False),
        ({"is_ready": False}, False),
    ],
)
def test_a_replica_has_stopped_when_it_knows_that_it_is_cut_off_and_answers_nobody(
    page: dict[str, object], *, has_stopped: bool
) -> None:
    with state_pages(PAGE | page) as (address,):
        (state,) = HttpServingFleet([address]).states()
    assert (state.address, state.is_reachable) == (address, True)
    assert state.has_stopped is has_stopped


@pytest.mark.parametrize(
    ("address", "is_silent"),
    [(silent_address(), True), ("not an address", False), ("http://[", True)],
)
def test_an_unreachable_replica_is_not_ready(address: str, *, is_silent: bool) -> None:
    expected = not_ready(address, is_silent=is_silent)
    assert HttpServingFleet([address]).states() == (expected,)


def test_a_replica_that_takes_a_connection_and_says_nothing_is_not_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving_fleet, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as hung:
        address = f"http://127.0.0.1:{hung.getsockname()[1]}"
        assert HttpServingFleet([address]).states() == (not_ready(address),)


def test_a_fleet_without_replicas_has_no_states() -> None:
    assert HttpServingFleet([]).states() == ()
