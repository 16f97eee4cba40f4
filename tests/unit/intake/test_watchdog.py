import logging
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from support.domain import request
from support.intake import IntakeWorld

from unlearn_core.adapters.memory.contact import MemoryNotifier
from unlearn_core.domain.dispatches import DispatchState, Route
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import ErasureRequest, RequestId, Stage
from unlearn_core.errors import DatabaseUnavailableError, LeaseBusyError
from unlearn_core.intake.watchdog import RESOURCE, Watchdog
from unlearn_core.steps.deliver_messages import PostRoom
from unlearn_core.steps.resume_requests import WORK_STARTED

WAIT_SECONDS = 10


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


def receive(world: IntakeWorld, number: int = 1) -> RequestId:
    received: ErasureRequest = request(number)
    world.store.receive(received, {})
    return received.request_id


def begin_work(world: IntakeWorld, key: RequestId) -> Lease:
    """Do what a worker does first: take the lease and note it."""
    lease = world.leases.acquire(str(key), holder="w", ttl=timedelta(seconds=30))
    world.store.note(WORK_STARTED, {}, request_id=key, lease=lease)
    return lease


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_request_that_nobody_was_asked_to_do_is_asked_for(
    world: IntakeWorld,
) -> None:
    key = receive(world)
    world.watchdog().look()
    assert world.trigger.runs == [(key, 1)]


def test_a_request_that_is_worked_on_is_left_alone(world: IntakeWorld) -> None:
    begin_work(world, receive(world))
    world.watchdog().look()
    assert world.trigger.runs == []


def test_a_lost_worker_is_noticed_when_its_lease_expires_and_work_resumes(
    world: IntakeWorld,
) -> None:
    key = receive(world)
    begin_work(world, key)
    world.clock.move(timedelta(seconds=31))
    world.watchdog().look()
    assert world.trigger.runs == [(key, 2)]


def test_a_request_that_kills_every_worker_is_given_up_and_said_so_once(
    world: IntakeWorld,
) -> None:
    key = receive(world)
    for _ in range(3):
        begin_work(world, key)
        world.clock.move(timedelta(seconds=31))
    for _ in range(2):
        world.watchdog().look()
    assert world.trigger.runs == []
    events = [entry.event for entry in world.store.entries(key)]
    assert events == [Stage.RECEIVED, *[WORK_STARTED] * 3, "attempts_exhausted"]


def test_only_one_of_two_watchdogs_looks_at_a_time(world: IntakeWorld) -> None:
    key = receive(world)
    other = world.leases.acquire(RESOURCE, holder="o", ttl=timedelta(minutes=1))
    world.watchdog(holder="intake-2").look()
    assert world.trigger.runs == []
    world.leases.release(other)
    world.watchdog(holder="intake-2").look()
    assert world.trigger.runs == [(key, 1)]


def test_the_lease_is_given_back_also_when_looking_fails(
    world: IntakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> tuple[ErasureRequest, ...]:
        raise DatabaseUnavailableError

    monkeypatch.setattr(world.store, "all", fail)
    with pytest.raises(DatabaseUnavailableError):
        world.watchdog().look()
    assert world.leases.is_free(RESOURCE)


def test_a_watchdog_that_vanishes_while_looking_is_replaced(
    world: IntakeWorld,
) -> None:
    key = receive(world)
    world.leases.acquire(RESOURCE, holder="lost", ttl=timedelta(seconds=20))
    watchdog = world.watchdog(pause_seconds=5)
    watchdog.look()
    assert world.trigger.runs == []
    world.clock.move(timedelta(seconds=21))
    watchdog.look()
    assert world.trigger.runs == [(key, 1)]


def test_it_holds_its_lease_for_four_pauses(
    world: IntakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(world)
    watchdog = world.watchdog(pause_seconds=5)

    def look_again(_key: RequestId, *, attempt: int) -> None:
        del attempt
        world.clock.move(timedelta(seconds=19))
        with pytest.raises(LeaseBusyError):
            world.leases.acquire(RESOURCE, holder="o", ttl=timedelta(seconds=1))
        world.clock.move(timedelta(seconds=2))
        world.leases.acquire(RESOURCE, holder="o", ttl=timedelta(seconds=1))

    monkeypatch.setattr(world.trigger, "start", look_again)
    watchdog.look()
    assert not world.leases.is_free(RESOURCE)


def test_it_also_has_waiting_messages_delivered(world: IntakeWorld) -> None:
    key = receive(world)
    outbox = MemoryNotifier(
        clock=world.clock, routes=(Route(channel="gone", needs_address=False),)
    )
    outbox.notify(world.store.get(key), template="extended", contact=None)
    room = PostRoom(
        holder="intake-1",
        carriers=(),
        outbox=outbox,
        requests=world.store,
        ledger=world.store,
        leases=world.leases,
        custody=world.custody,
        clock=world.clock,
    )
    watchdog = world.watchdog(pause_seconds=0.01, room=room)
    watchdog.start()
    wait_until(lambda: outbox.dispatches()[0].state is DispatchState.ABANDONED)
    watchdog.stop()


def test_replicas_are_told_again_and_again_what_was_restricted(
    world: IntakeWorld,
) -> None:
    told: list[int] = []
    post = world.watchdog()._post
    watchdog = Watchdog(
        post, holder="one", pause_seconds=0.01, restrictions=lambda: told.append(1)
    )
    watchdog.start()
    wait_until(lambda: len(told) > 1)
    watchdog.stop()


@pytest.mark.parametrize(
    "failure", [DatabaseUnavailableError(), RuntimeError("Ottilie Quastenflosser")]
)
def test_the_thread_survives_every_failure_and_tells_only_its_kind(
    world: IntakeWorld,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
) -> None:
    key = receive(world)
    genuine, failures = Watchdog.look, iter([failure])

    def look(watchdog: Watchdog) -> None:
        for error in failures:
            raise error
        genuine(watchdog)

    monkeypatch.setattr(Watchdog, "look", look)
    caplog.set_level(logging.DEBUG)
    watchdog = world.watchdog(pause_seconds=0.01)
    watchdog.start()
    wait_until(lambda: world.trigger.runs == [(key, 1)])
    watchdog.stop()
    assert not watchdog._thread.is_alive()
    assert "look_failed" in caplog.messages
    assert "Ottilie" not in caplog.text
