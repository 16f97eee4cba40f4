from dataclasses import replace
from datetime import timedelta

import pytest
from support.officers import ANNA, desk_of
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.cooling import cancel_until
from unlearn_core.domain.decisions import (
    ERASURE_ANNOUNCED,
    Decision,
    DecisionRefusedError,
    HoldReason,
    Verb,
)
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import IllegalTransitionError
from unlearn_core.steps.cools_off import cools_off
from unlearn_core.steps.decide_request import decide_request, withdraw_request
from unlearn_core.steps.erase_source_records import erase_source_records
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.refer_to_controller import refer_to_controller
from unlearn_core.steps.resume_requests import PATIENCE, WatchPost, resume_requests
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration

A_DAY = timedelta(hours=24)


def patient(controller: Controller, request_id: RequestId) -> Workbench:
    bench = controller.bench(request_id)
    return replace(bench, terms=replace(bench.terms, cooling_off=A_DAY))


def cool(controller: Controller) -> RequestId:
    """Return a request that cools off, with nobody at work on it."""
    request_id = controller.receive()
    bench = patient(controller, request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    assert cools_off(request_id, bench=bench)
    controller.leases.release(bench.lease)
    return request_id


def post(controller: Controller) -> WatchPost:
    return WatchPost(
        requests=controller.store,
        ledger=controller.store,
        leases=controller.leases,
        trigger=controller.trigger,
        clock=controller.clock,
        maximum_attempts=3,
    )


def test_without_the_setting_nothing_cools_off(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    assert not cools_off(request_id, bench=bench)
    assert controller.store.get(request_id).stage is Stage.LOCATED
    (entry,) = controller.entries(request_id, Stage.ACKNOWLEDGED)
    assert entry.payload["cancel_until"] is None


def test_the_moment_is_stated_once_and_nothing_is_erased_before(
    controller: Controller,
) -> None:
    before = controller.paths.corpus.read_bytes()
    request_id = cool(controller)
    until = cancel_until(controller.store.entries(request_id))
    assert until == controller.clock.now() + A_DAY
    assert controller.notifier.posted(request_id)[-1] == "cooling_off_1"

    controller.clock.move(A_DAY - timedelta(microseconds=1))
    bench = patient(controller, request_id)
    assert cools_off(request_id, bench=bench)
    with pytest.raises(IllegalTransitionError):
        erase_source_records(request_id, bench=bench)
    assert controller.paths.corpus.read_bytes() == before

    controller.clock.move(timedelta(microseconds=1))
    bench = controller.lose(bench)
    assert not cools_off(request_id, bench=bench)
    erase_source_records(request_id, bench=bench)
    assert controller.paths.corpus.read_bytes() != before
    assert not cools_off(request_id, bench=bench)
    assert len(controller.entries(request_id, Stage.COOLING_OFF)) == 1


def test_no_worker_waits_and_the_watchdog_wakes_one_when_it_is_time(
    controller: Controller,
) -> None:
    request_id = cool(controller)
    asked = list(controller.trigger.runs)
    controller.clock.move(A_DAY - timedelta(seconds=1))
    assert resume_requests(post(controller)) == ()
    controller.clock.move(timedelta(seconds=1))
    assert resume_requests(post(controller)) == (request_id,)
    # The run that waited was not lost: the count of attempts goes on as it was.
    assert controller.entries(request_id, "run_lost") == []
    assert controller.trigger.runs[: len(asked)] == asked
    controller.clock.move(PATIENCE + timedelta(seconds=1))
    resume_requests(post(controller))
    assert len(controller.entries(request_id, "run_lost")) == 1


def test_from_the_stated_moment_on_nobody_stops_it(controller: Controller) -> None:
    request_id = cool(controller)
    controller.clock.move(A_DAY)
    with pytest.raises(DecisionRefusedError, match="time to cancel is over"):
        withdraw_request(request_id, who="subject", desk=desk_of(controller))
    held = Decision(verb=Verb.HOLD, officer=ANNA, reason=HoldReason.LEGAL_CLAIMS)
    with pytest.raises(DecisionRefusedError, match="time to cancel is over"):
        decide_request(request_id, held, desk=desk_of(controller))


def test_what_was_held_meanwhile_cools_off_anew_and_says_so_again(
    controller: Controller,
) -> None:
    request_id = cool(controller)
    desk = desk_of(controller)
    held = Decision(verb=Verb.HOLD, officer=ANNA, reason=HoldReason.LEGAL_CLAIMS)
    decide_request(request_id, held, desk=desk)
    controller.clock.move(A_DAY)
    for officer in desk.officers:
        freed = Decision(verb=Verb.RELEASE, officer=officer)
        decide_request(request_id, freed, desk=desk)

    bench = patient(controller, request_id)
    locate_personal_data(request_id, bench=bench)
    assert cools_off(request_id, bench=bench)
    assert controller.notifier.posted(request_id)[-1] == "cooling_off_2"
    until = cancel_until(controller.store.entries(request_id))
    assert until == controller.clock.now() + A_DAY


def test_what_was_promised_is_kept_when_the_setting_is_gone(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = patient(controller, request_id)
    work_until(Stage.ACKNOWLEDGED, request_id, bench=bench)
    promised = controller.clock.now() + A_DAY
    controller.clock.move(timedelta(seconds=5))
    again = controller.lose(bench)
    terms = replace(again.terms, cooling_off=timedelta(0))
    impatient = replace(again, terms=terms)
    work_until(Stage.LOCATED, request_id, bench=impatient)
    assert cools_off(request_id, bench=impatient)
    assert cancel_until(controller.store.entries(request_id)) == promised


def test_approval_that_is_asked_for_later_does_not_stop_what_cools_off(
    controller: Controller,
) -> None:
    request_id = cool(controller)
    bench = patient(controller, request_id)
    careful = replace(bench, terms=replace(bench.terms, needs_approval=True))
    assert refer_to_controller(request_id, bench=careful)
    assert cools_off(request_id, bench=careful)


def test_what_has_begun_does_not_cool_off_any_more(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    # A worker died in the middle of it; then the setting was made.
    bench.ledger.note(ERASURE_ANNOUNCED, {}, request_id=request_id, lease=bench.lease)
    patient_bench = replace(bench, terms=replace(bench.terms, cooling_off=A_DAY))
    assert not cools_off(request_id, bench=patient_bench)
    erase_source_records(request_id, bench=patient_bench)
    assert not cools_off(request_id, bench=patient_bench)
    assert controller.entries(request_id, Stage.COOLING_OFF) == []
