from dataclasses import replace

import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import Channel, Outcome, RequestId, Stage
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.errors import LeaseLostError
from unlearn_core.privacy import Pseudonymiser
from unlearn_core.steps.acknowledge_request import acknowledge_request
from unlearn_core.steps.notify_data_subject import notify_data_subject
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.receive_request import receive_request
from unlearn_core.steps.results import IdentityChecked
from unlearn_core.steps.verify_identity import decide_identity, verify_identity

pytestmark = pytest.mark.integration

VERIFIED = IdentityChecked(
    stage=Stage.IDENTITY_VERIFIED, method="memory_pass", reason=""
)


def _check(controller: Controller, request_id: RequestId) -> IdentityChecked:
    bench = controller.bench(request_id)
    acknowledge_request(request_id, bench=bench)
    return verify_identity(request_id, bench=bench)


def test_a_genuine_requester_may_proceed(controller: Controller) -> None:
    result = _check(controller, controller.receive())

    assert result == VERIFIED
    assert result.may_proceed


def test_a_requester_without_evidence_is_refused(controller: Controller) -> None:
    request_id = controller.receive(is_genuine=False)

    result = _check(controller, request_id)

    assert not result.may_proceed
    assert (result.stage, result.reason) == (Stage.REFUSED, "no_evidence")
    assert controller.store.get(request_id).outcome is Outcome.REFUSED


@pytest.mark.parametrize("is_genuine", [True, False])
def test_the_evidence_is_destroyed_after_the_decision(
    controller: Controller,
    is_genuine: bool,  # noqa: FBT001 - a column of the table
) -> None:
    request_id = controller.receive(is_genuine=is_genuine)
    assert controller.custody.has(f"{request_id}.evidence", "content")

    _check(controller, request_id)

    assert not controller.custody.has(f"{request_id}.evidence", "content")


def test_evidence_that_a_crash_left_behind_is_destroyed_by_the_next_attempt(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    acknowledge_request(request_id, bench=bench)
    decide_identity(request_id, bench=bench)
    assert controller.custody.has(f"{request_id}.evidence", "content")

    assert verify_identity(request_id, bench=bench) == VERIFIED

    assert not controller.custody.has(f"{request_id}.evidence", "content")


def test_a_worker_without_its_lease_does_not_destroy_evidence(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    stale = controller.bench(request_id)
    acknowledge_request(request_id, bench=stale)
    decide_identity(request_id, bench=stale)
    controller.lose(stale)

    with pytest.raises(LeaseLostError):
        verify_identity(request_id, bench=stale)

    assert controller.custody.has(f"{request_id}.evidence", "content")


def test_a_second_verified_request_of_the_same_person_joins_the_first(
    controller: Controller,
) -> None:
    first, second = controller.receive(), controller.receive()
    assert _check(controller, first).may_proceed

    result = _check(controller, second)

    assert (result.stage, result.reason) == (Stage.JOINED, "duplicate_request")
    assert not result.may_proceed


def test_it_joins_one_from_before_the_pseudonym_key_was_rotated(
    controller: Controller,
) -> None:
    first, old = controller.receive(), controller.pseudonymiser
    assert _check(controller, first).may_proceed
    controller.pseudonymiser = Pseudonymiser(
        key=b"n" * 32, key_id="k2", earlier=old.all
    )
    second = controller.receive()
    commitments = {
        commitment.partition(":")[0]
        for commitment in controller.store.get(second).commitments
    }
    assert commitments == {"k2"}
    assert _check(controller, second).stage is Stage.JOINED


def test_a_namesake_does_not_join(controller: Controller) -> None:
    assert _check(controller, controller.receive()).may_proceed
    submission = controller.submission(controller.population.trained[0])
    namesake = {
        "name": submission.subject.to_plain()["name"],
        "email": "somebody@else.example",
    }
    request_id = receive_request(
        replace(submission, subject=parse_subject(namesake), channel=Channel.DROP),
        desk=controller.desk(),
    ).request_id
    bench = replace(controller.bench(request_id), trusted=frozenset({Channel.DROP}))
    acknowledge_request(request_id, bench=bench)
    assert verify_identity(request_id, bench=bench).may_proceed


def test_requests_of_two_people_do_not_join(controller: Controller) -> None:
    assert _check(controller, controller.receive(0)).may_proceed
    assert _check(controller, controller.receive(1)).may_proceed


@pytest.mark.parametrize("done", range(5))
def test_a_forged_request_never_blocks_the_genuine_one(
    controller: Controller, done: int
) -> None:
    """Neither while it waits, nor refused, nor purged and not yet answered."""
    forged = controller.receive(is_genuine=False)
    bench = controller.bench(forged)
    steps = (
        acknowledge_request,
        verify_identity,
        purge_working_data,
        notify_data_subject,
    )
    for step in steps[:done]:
        step(forged, bench=bench)

    assert _check(controller, controller.receive()).may_proceed


def test_a_person_may_ask_again_when_the_first_request_is_closed(
    controller: Controller,
) -> None:
    first = controller.receive()
    work_until(Stage.NOTIFIED, first, bench=controller.bench(first))

    assert _check(controller, controller.receive()).may_proceed


def _receive_by(
    controller: Controller, channel: Channel, *, is_genuine: bool = True
) -> RequestId:
    submission = controller.submission(
        controller.population.trained[0], is_genuine=is_genuine
    )
    return receive_request(
        replace(submission, channel=channel), desk=controller.desk()
    ).request_id


@pytest.mark.parametrize("channel", list(Channel))
def test_whoever_sent_a_request_for_the_subject_hears_when_the_work_begins(
    controller: Controller, channel: Channel
) -> None:
    request_id = _receive_by(controller, channel)
    assert _check(controller, request_id).may_proceed
    is_sent = channel in {Channel.OPENDSR, Channel.DRP}
    assert ("in_progress" in controller.notifier.posted(request_id)) is is_sent


def test_nobody_hears_of_work_that_does_not_begin(controller: Controller) -> None:
    request_id = _receive_by(controller, Channel.DRP, is_genuine=False)
    assert not _check(controller, request_id).may_proceed
    assert "in_progress" not in controller.notifier.posted(request_id)


@pytest.mark.parametrize(
    ("channel", "method"),
    [(Channel.DROP, "trusted_channel"), (Channel.DRP, "memory_pass")],
)
def test_the_senders_of_a_trusted_channel_vouch_for_the_subject(
    controller: Controller, channel: Channel, method: str
) -> None:
    request_id = _receive_by(controller, channel, is_genuine=False)
    bench = replace(controller.bench(request_id), trusted=frozenset({Channel.DROP}))
    acknowledge_request(request_id, bench=bench)
    checked = verify_identity(request_id, bench=bench)
    assert (checked.may_proceed, checked.method) == (channel is Channel.DROP, method)
