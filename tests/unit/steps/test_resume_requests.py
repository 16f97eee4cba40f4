from datetime import timedelta

import pytest
from support.steps import LEASE_TIME, Controller
from support.story import work_until

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps.resume_requests import (
    PATIENCE,
    WORK_STARTED,
    WatchPost,
    grant_attempts,
    resume_requests,
)

pytestmark = pytest.mark.integration

MAXIMUM = 3


def _post(controller: Controller) -> WatchPost:
    return WatchPost(
        requests=controller.store,
        ledger=controller.store,
        leases=controller.leases,
        trigger=controller.trigger,
        clock=controller.clock,
        maximum_attempts=MAXIMUM,
    )


def _work_and_die(controller: Controller, request_id: RequestId) -> None:
    """Take the lease, record the attempt, and never be heard of again."""
    lease = controller.lease(request_id)
    controller.store.note(WORK_STARTED, {}, request_id=request_id, lease=lease)
    controller.clock.move(LEASE_TIME)


def test_a_request_that_intake_could_not_start_is_started(
    controller: Controller,
) -> None:
    controller.trigger.is_reachable = False
    request_id = controller.receive()
    assert controller.trigger.runs == []
    controller.trigger.is_reachable = True

    assert resume_requests(_post(controller)) == (request_id,)
    assert controller.trigger.runs == [(request_id, 1)]


def test_a_run_that_was_asked_for_and_waits_is_not_asked_for_again(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    for _ in range(3):
        resume_requests(_post(controller))

    assert controller.trigger.runs == [(request_id, 1)]


def test_a_lost_worker_is_noticed_when_its_lease_has_expired(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    lease = controller.lease(request_id)
    controller.store.note(WORK_STARTED, {}, request_id=request_id, lease=lease)

    controller.clock.move(LEASE_TIME - timedelta(seconds=1))
    assert resume_requests(_post(controller)) == ()
    controller.clock.move(timedelta(seconds=1))
    assert resume_requests(_post(controller)) == (request_id,)

    assert controller.trigger.runs == [(request_id, 1), (request_id, 2)]


def test_a_worker_that_shows_signs_of_life_is_left_alone(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    lease = controller.lease(request_id)
    for _ in range(5):
        controller.clock.move(LEASE_TIME / 2)
        lease = controller.leases.renew(lease, ttl=LEASE_TIME)

        assert resume_requests(_post(controller)) == ()


def test_a_closed_request_is_left_alone(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.NOTIFIED, request_id, bench=bench)
    controller.leases.release(bench.lease)

    assert resume_requests(_post(controller)) == ()


def test_an_escalated_request_waits_for_a_person(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    controller.store.advance(request_id, Stage.ESCALATED, {}, lease=bench.lease)
    controller.leases.release(bench.lease)

    assert resume_requests(_post(controller)) == ()


def test_after_the_last_attempt_nothing_is_asked_and_it_is_said_once(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    for _ in range(MAXIMUM):
        resume_requests(_post(controller))
        _work_and_die(controller, request_id)

    assert [resume_requests(_post(controller)) for _ in range(3)] == [()] * 3

    assert controller.trigger.runs == [
        (request_id, 1),
        (request_id, 2),
        (request_id, 3),
    ]
    [entry] = controller.entries(request_id, "attempts_exhausted")
    assert entry.payload == {"attempts": 3}


def test_a_person_may_grant_as_many_attempts_again(controller: Controller) -> None:
    request_id = controller.receive()
    assert not grant_attempts(request_id, ledger=controller.store)
    for _ in range(MAXIMUM):
        _work_and_die(controller, request_id)
    resume_requests(_post(controller))

    assert grant_attempts(request_id, ledger=controller.store)
    assert not grant_attempts(request_id, ledger=controller.store)

    for _ in range(MAXIMUM):
        assert resume_requests(_post(controller)) == (request_id,)
        _work_and_die(controller, request_id)
    assert [resume_requests(_post(controller)) for _ in range(2)] == [()] * 2
    assert len(controller.entries(request_id, "attempts_exhausted")) == 2


def test_one_exhausted_request_does_not_hold_up_another(
    controller: Controller,
) -> None:
    exhausted, other = controller.receive(0), controller.receive(1)
    for _ in range(MAXIMUM):
        _work_and_die(controller, exhausted)

    assert resume_requests(_post(controller)) == (other,)


def test_an_absent_orchestrator_is_asked_again_later(controller: Controller) -> None:
    request_id = controller.receive()
    _work_and_die(controller, request_id)
    controller.trigger.is_reachable = False
    assert resume_requests(_post(controller)) == ()

    controller.trigger.is_reachable = True

    assert resume_requests(_post(controller)) == (request_id,)
    assert controller.trigger.runs[-1] == (request_id, 2)


@pytest.mark.parametrize("deaths", [0, 1])
def test_a_run_that_died_before_it_took_its_lease_is_replaced(
    controller: Controller, deaths: int
) -> None:
    """It looks like one that waits, so some patience is due."""
    request_id = controller.receive()
    for _ in range(deaths):
        _work_and_die(controller, request_id)
    resume_requests(_post(controller))
    asked = list(controller.trigger.runs)

    controller.clock.move(PATIENCE - LEASE_TIME)
    resume_requests(_post(controller))
    assert controller.trigger.runs == asked
    controller.clock.move(LEASE_TIME + timedelta(seconds=1))
    resume_requests(_post(controller))
    assert controller.trigger.runs == [*asked, (request_id, deaths + 2)]
    # The replacement is given as much time.
    resume_requests(_post(controller))
    assert controller.trigger.runs == [*asked, (request_id, deaths + 2)]
    [lost] = controller.entries(request_id, "run_lost")
    assert lost.payload == {"attempt": deaths + 1}


def test_a_run_that_ended_because_somebody_was_asked_was_no_failure(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    controller.leases.release(bench.lease)
    for _ in range(MAXIMUM):
        for stage in (Stage.ON_HOLD, Stage.RELEASED):
            lease = controller.lease(request_id)
            controller.store.advance(request_id, stage, {"reason": ""}, lease=lease)
            controller.leases.release(lease)
        assert resume_requests(_post(controller)) == (request_id,)
        _work_and_die(controller, request_id)
    numbers = [attempt for _, attempt in controller.trigger.runs]
    assert numbers == sorted(set(numbers))
    assert controller.entries(request_id, "attempts_exhausted") == []
    for _ in range(MAXIMUM - 1):
        _work_and_die(controller, request_id)
    assert resume_requests(_post(controller)) == ()
    assert len(controller.entries(request_id, "attempts_exhausted")) == 1
