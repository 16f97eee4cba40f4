import os
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from support.stations import MemoryStation
from support.steps import LADDER

from flows import work
from flows.work import (
    CERTIFICATES,
    alone_on_base,
    bench_of,
    due_requests,
    holder_name,
    looking_at_certificates,
    outlived_requests,
    rungs_of,
    working_on,
)
from unlearn_core.domain.leases import Lease
from unlearn_core.errors import InvalidPolicyError, LeaseBusyError, LeaseLostError


def _eventually(is_so: Callable[[], bool]) -> bool:
    """Tell whether something becomes true within some seconds."""
    deadline = time.monotonic() + 5
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.002)
    return is_so()


def test_the_lease_is_held_while_one_works_and_given_back(
    station: MemoryStation,
) -> None:
    request_id = station.controller.receive()

    with working_on(request_id):
        assert not station.leases.is_free(str(request_id))
        bench_of(request_id).check_lease()

    assert station.leases.is_free(str(request_id))
    assert station.closed == 1


def test_the_lease_is_given_back_after_a_failure(station: MemoryStation) -> None:
    request_id = station.controller.receive()

    with pytest.raises(InvalidPolicyError), working_on(request_id):
        raise InvalidPolicyError

    assert station.leases.is_free(str(request_id))
    assert station.closed == 1


def test_every_attempt_is_in_the_ledger(station: MemoryStation) -> None:
    request_id = station.controller.receive()

    for _ in range(2):
        with working_on(request_id):
            pass

    attempts = station.controller.entries(request_id, "work_started")
    assert [entry.payload for entry in attempts] == [{"holder": holder_name()}] * 2
    assert [entry.fencing_token for entry in attempts] == [1, 2]


def test_an_attempt_that_fails_at_an_invalid_policy_counts(
    station: MemoryStation,
) -> None:
    """Else the same attempt would be asked for forever, and that is no new run."""
    request_id = station.controller.receive()
    station.problem = InvalidPolicyError(entry="gates")

    with pytest.raises(InvalidPolicyError), working_on(request_id):
        pytest.fail("there is no bench to work at")

    assert len(station.controller.entries(request_id, "work_started")) == 1
    assert station.leases.is_free(str(request_id))


def test_two_workers_cannot_work_on_one_request(station: MemoryStation) -> None:
    request_id = station.controller.receive()
    station.controller.lease(request_id, holder="worker-2")

    with pytest.raises(LeaseBusyError), working_on(request_id):
        pytest.fail("the lease is taken")

    assert station.controller.entries(request_id, "work_started") == []


def test_there_is_no_bench_outside_of_work(station: MemoryStation) -> None:
    request_id = station.controller.receive()
    with working_on(request_id):
        assert rungs_of(request_id) == range(len(LADDER))

    with pytest.raises(LookupError):
        bench_of(request_id)


def test_the_lease_is_renewed_while_one_works(
    station: MemoryStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = station.controller.receive()
    station.lease_time = timedelta(milliseconds=40)
    renewed: list[Lease] = []
    renew = station.leases.renew

    def counting(lease: Lease, *, ttl: timedelta) -> Lease:
        renewed.append(lease)
        return renew(lease, ttl=ttl)

    monkeypatch.setattr(station.leases, "renew", counting)
    with working_on(request_id):
        assert _eventually(lambda: len(renewed) >= 3)
    number = len(renewed)
    time.sleep(0.05)

    # The sign of life ends with the work.
    assert len(renewed) == number


def test_a_worker_that_was_overtaken_is_stopped_by_its_next_side_effect(
    station: MemoryStation,
) -> None:
    controller = station.controller
    request_id = controller.receive()
    station.lease_time = timedelta(milliseconds=20)

    with working_on(request_id):
        bench = bench_of(request_id)
        controller.clock.move(timedelta(minutes=1))
        # The renewal may have been quicker once or twice.
        taken = _take(station, str(request_id))
        time.sleep(0.03)
        with pytest.raises(LeaseLostError):
            bench.check_lease()

    # The other worker's lease is not given back by the one that lost it.
    controller.leases.check(taken)


def _take(station: MemoryStation, resource: str) -> Lease:
    while True:
        station.controller.clock.move(timedelta(minutes=1))
        try:
            return station.leases.acquire(
                resource, holder="worker-2", ttl=timedelta(hours=9)
            )
        except LeaseBusyError:
            continue


def test_whoever_trains_is_alone_on_the_base_model(station: MemoryStation) -> None:
    request_id = station.controller.receive()

    with working_on(request_id):
        assert bench_of(request_id).base_lease is None
        with alone_on_base(request_id):
            lease = bench_of(request_id).base_lease
            assert lease is not None
            assert lease.resource == "base:small-world"
            assert not station.leases.is_free("base:small-world")
        assert bench_of(request_id).base_lease is None
        assert station.leases.is_free("base:small-world")


def test_losing_the_base_model_stops_the_next_side_effect(
    station: MemoryStation,
) -> None:
    request_id = station.controller.receive()

    with working_on(request_id), alone_on_base(request_id):
        bench = bench_of(request_id)
        assert bench.base_lease is not None
        station.leases.release(bench.base_lease)
        with pytest.raises(LeaseLostError, match="base:small-world"):
            bench.check_lease()


def test_one_waits_for_the_base_model_until_it_is_free(
    station: MemoryStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = station.controller.receive()
    taken = station.controller.lease("base:small-world", holder="worker-2")
    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            station.leases.release(taken)

    with working_on(request_id):
        monkeypatch.setattr(time, "sleep", wait)
        with alone_on_base(request_id):
            assert pauses == [1, 1, 1]


def test_waiting_for_the_base_model_ends_some_time(
    station: MemoryStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = station.controller.receive()
    station.controller.lease("base:small-world", holder="worker-2")
    monkeypatch.setattr(work, "BASE_WAIT_SECONDS", -1.0)

    with (
        working_on(request_id),
        pytest.raises(LeaseBusyError),
        alone_on_base(request_id),
    ):
        pytest.fail("the lease is taken")

    assert station.leases.is_free(str(request_id))


def test_a_holder_is_named_after_machine_and_process() -> None:
    assert holder_name().endswith(f"-{os.getpid()}")


def test_one_worker_looks_at_certificates_at_a_time(station: MemoryStation) -> None:
    with looking_at_certificates():
        assert not station.leases.is_free(CERTIFICATES)
        assert (outlived_requests(), due_requests()) == ((), ())
        bench_of(UUID(int=1)).check_lease()
        with pytest.raises(LeaseBusyError):
            station.leases.acquire(
                CERTIFICATES, holder="another", ttl=station.lease_time
            )

    assert station.leases.is_free(CERTIFICATES)
    assert station.closed == 1
