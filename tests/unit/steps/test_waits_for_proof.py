import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.officers import ANNA, BELA
from support.officers import desk_of as officers_desk
from support.steps import Controller

from unlearn_core.adapters.identity_policies import (
    AuthenticatedChannelPolicy,
    EmailCodePolicy,
    ManualPolicy,
)
from unlearn_core.adapters.memory.contact import MemoryTrigger
from unlearn_core.domain.codes import ANSWER_WITHIN, CODE_SENT
from unlearn_core.domain.decisions import Decision, DecisionRefusedError, Verb
from unlearn_core.domain.requests import Channel, Outcome, RequestId, Stage
from unlearn_core.ports import IdentityPolicy
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes
from unlearn_core.steps.acknowledge_request import acknowledge_request
from unlearn_core.steps.decide_request import decide_request
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.prove_identity import ProofDesk, prove_identity
from unlearn_core.steps.receive_request import receive_request
from unlearn_core.steps.refer_to_controller import refer_to_controller
from unlearn_core.steps.resume_requests import WatchPost, resume_requests
from unlearn_core.steps.verify_identity import verify_identity
from unlearn_core.steps.waits_for_proof import waits_for_proof
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration


def bench_with(
    controller: Controller, policy: IdentityPolicy, request_id: RequestId
) -> Workbench:
    bench = replace(controller.bench(request_id), identity=policy)
    acknowledge_request(request_id, bench=bench)
    return bench


def desk_of(controller: Controller) -> ProofDesk:
    return ProofDesk(
        holder="intake",
        requests=controller.store,
        ledger=controller.store,
        leases=controller.leases,
        custody=controller.custody,
        notifier=controller.notifier,
        clock=controller.clock,
    )


def test_what_is_proven_with_the_request_is_not_waited_for(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = bench_with(controller, controller.identity, request_id)
    assert not waits_for_proof(request_id, bench=bench)
    assert verify_identity(request_id, bench=bench).may_proceed


def test_a_code_is_sent_once_and_lets_an_officer_approve_what_it_does_not_prove(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = bench_with(controller, EmailCodePolicy(), request_id)
    assert waits_for_proof(request_id, bench=bench)
    assert waits_for_proof(request_id, bench=bench)
    assert controller.notifier.posted(request_id)[-1] == "identity_code_1"
    code = json_code(controller, request_id)
    controller.leases.release(bench.lease)

    prove_identity(request_id, code, desk=desk_of(controller))
    bench = replace(controller.bench(request_id), identity=EmailCodePolicy())
    assert not waits_for_proof(request_id, bench=bench)
    checked = verify_identity(request_id, bench=bench)

    assert (checked.stage, checked.method) == (Stage.IDENTITY_VERIFIED, "email_code")
    assert not controller.custody.has(scopes.evidence(request_id), scopes.CODE)
    locate_personal_data(request_id, bench=bench)
    assert not bench.terms.needs_approval
    assert not refer_to_controller(request_id, bench=bench)


def json_code(controller: Controller, request_id: RequestId) -> Personal[str]:
    sealed = controller.custody.get(scopes.evidence(request_id), scopes.CODE)
    return Personal(sealed.decode().partition('"code":"')[2][:8])


class Crash(BaseException):
    """The end of a process, which nothing can handle."""


@pytest.mark.parametrize("place", ["notifier.notify", "store.advance"])
def test_a_code_is_sent_once_although_the_attempt_died_before_it_was_recorded(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    request_id = controller.receive()
    bench = bench_with(controller, EmailCodePolicy(), request_id)

    def die(*_arguments: object, **_named: object) -> None:
        raise Crash

    owner, method = place.split(".")
    with monkeypatch.context() as patched:
        patched.setattr(getattr(controller, owner), method, die)
        with pytest.raises(Crash):
            waits_for_proof(request_id, bench=bench)
    first = json_code(controller, request_id)

    assert waits_for_proof(request_id, bench=bench)
    assert json_code(controller, request_id) == first
    assert controller.notifier.posted(request_id)[1:] == ("identity_code_1",)
    assert len(list(controller.store.entries(request_id, event=CODE_SENT))) == 1


def post_of(controller: Controller) -> WatchPost:
    return WatchPost(
        requests=controller.store,
        ledger=controller.store,
        leases=controller.leases,
        trigger=MemoryTrigger(),
        clock=controller.clock,
        maximum_attempts=3,
    )


def test_as_long_as_it_is_an_officers_turn_the_subject_loses_nothing(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = bench_with(controller, ManualPolicy(), request_id)
    assert waits_for_proof(request_id, bench=bench)
    controller.leases.release(bench.lease)
    controller.clock.move(10 * ANSWER_WITHIN)
    assert resume_requests(post_of(controller)) == ()
    bench = replace(controller.bench(request_id), identity=ManualPolicy())
    assert waits_for_proof(request_id, bench=bench)


def test_who_is_asked_by_an_officer_has_two_weeks_from_then(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = bench_with(controller, ManualPolicy(), request_id)
    assert waits_for_proof(request_id, bench=bench)
    controller.leases.release(bench.lease)
    controller.clock.move(10 * ANSWER_WITHIN)
    ask = Decision(verb=Verb.ASK_FOR_PROOF, officer=ANNA)
    assert decide_request(request_id, ask, desk=officers_desk(controller))
    assert controller.notifier.posted(request_id)[-1] == "proof_asked"
    assert controller.store.get(request_id).stage is Stage.PROOF_AWAITED
    with pytest.raises(DecisionRefusedError, match="no proof"):
        decide_request(request_id, ask, desk=officers_desk(controller))

    controller.clock.move(ANSWER_WITHIN - timedelta(seconds=1))
    assert resume_requests(post_of(controller)) == ()
    controller.clock.move(timedelta(seconds=1))
    assert resume_requests(post_of(controller)) == (request_id,)
    bench = replace(controller.bench(request_id), identity=ManualPolicy())
    assert not waits_for_proof(request_id, bench=bench)
    checked = verify_identity(request_id, bench=bench)
    assert (checked.stage, checked.reason) == (Stage.REFUSED, "no_evidence")


def test_an_officers_word_instead_of_a_code_still_lets_two_approve(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = bench_with(controller, EmailCodePolicy(), request_id)
    assert waits_for_proof(request_id, bench=bench)
    controller.leases.release(bench.lease)
    word = Decision(verb=Verb.CONFIRM_IDENTITY, officer=ANNA)
    assert decide_request(request_id, word, desk=officers_desk(controller))

    bench = replace(controller.bench(request_id), identity=EmailCodePolicy())
    assert verify_identity(request_id, bench=bench).method == "manual"
    locate_personal_data(request_id, bench=bench)
    assert not bench.terms.needs_approval
    assert not refer_to_controller(request_id, bench=bench)
    assert controller.store.get(request_id).stage is Stage.REFERRED


@pytest.mark.parametrize(
    ("entered", "officer", "who"),
    [
        ({"entered_by": ANNA}, ANNA, ""),
        ({"entered_by": ANNA, "submitted_by": "key:1"}, ANNA, "key:2"),
        ({"submitted_by": "key:1"}, ANNA, "key:1"),
    ],
)
def test_who_has_entered_a_request_does_not_confirm_who_asks(
    controller: Controller, entered: dict[str, Any], officer: str, who: str
) -> None:
    submission = replace(
        controller.submission(controller.population.trained[0]), **entered
    )
    request_id = receive_request(submission, desk=controller.desk()).request_id
    bench = bench_with(controller, ManualPolicy(), request_id)
    assert waits_for_proof(request_id, bench=bench)
    controller.leases.release(bench.lease)
    own = Decision(verb=Verb.CONFIRM_IDENTITY, officer=officer, who=who)
    with pytest.raises(DecisionRefusedError, match="does not approve"):
        decide_request(request_id, own, desk=officers_desk(controller))
    other = Decision(verb=Verb.CONFIRM_IDENTITY, officer=BELA, who="key:3")
    assert decide_request(request_id, other, desk=officers_desk(controller))


def test_who_was_asked_and_proves_nothing_for_two_weeks_is_refused(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = bench_with(controller, EmailCodePolicy(), request_id)
    assert waits_for_proof(request_id, bench=bench)
    controller.leases.release(bench.lease)
    post = post_of(controller)
    controller.clock.move(ANSWER_WITHIN - timedelta(seconds=1))
    assert resume_requests(post) == ()
    controller.clock.move(timedelta(seconds=1))
    assert resume_requests(post) == (request_id,)

    bench = replace(controller.bench(request_id), identity=EmailCodePolicy())
    assert not waits_for_proof(request_id, bench=bench)
    checked = verify_identity(request_id, bench=bench)
    assert (checked.stage, checked.reason) == (Stage.REFUSED, "no_evidence")
    assert controller.store.get(request_id).outcome is Outcome.REFUSED


def test_who_owes_a_proof_still_owes_it_when_another_policy_is_set(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = bench_with(controller, ManualPolicy(), request_id)
    assert waits_for_proof(request_id, bench=bench)
    controller.clock.move(ANSWER_WITHIN)
    trusting = replace(bench, identity=AuthenticatedChannelPolicy())
    checked = verify_identity(request_id, bench=trusting)
    assert (checked.stage, checked.reason) == (Stage.REFUSED, "no_evidence")


@pytest.mark.parametrize(
    ("policy", "is_told"), [(ManualPolicy, True), (EmailCodePolicy, False)]
)
def test_the_log_says_when_an_officer_has_to_look(
    controller: Controller,
    caplog: pytest.LogCaptureFixture,
    policy: Callable[[], IdentityPolicy],
    is_told: bool,  # noqa: FBT001 - a column of the table
) -> None:
    request_id = controller.receive()
    bench = bench_with(controller, policy(), request_id)
    with caplog.at_level(logging.WARNING):
        assert waits_for_proof(request_id, bench=bench)
    assert ("request_waits_for_officer" in caplog.text) == is_told


@pytest.mark.parametrize(
    ("channel", "stage"),
    [
        (Channel.HTTP, Stage.IDENTITY_VERIFIED),
        (Channel.IMPORT, Stage.IDENTITY_VERIFIED),
        (Channel.WEB_PAGE, Stage.REFUSED),
        (Channel.DRP, Stage.REFUSED),
        (Channel.OPENDSR, Stage.REFUSED),
    ],
)
def test_only_channels_of_our_own_staff_are_trusted_by_the_policy(
    controller: Controller, channel: Channel, stage: Stage
) -> None:
    submission = controller.submission(controller.population.trained[0])
    request_id = receive_request(
        replace(submission, channel=channel), desk=controller.desk()
    ).request_id
    bench = bench_with(controller, AuthenticatedChannelPolicy(), request_id)
    assert not waits_for_proof(request_id, bench=bench)
    assert verify_identity(request_id, bench=bench).stage is stage


def test_an_unproven_request_neither_blocks_nor_joins_a_proven_one(
    controller: Controller,
) -> None:
    waiting = controller.receive()
    bench = bench_with(controller, EmailCodePolicy(), waiting)
    assert waits_for_proof(waiting, bench=bench)
    controller.leases.release(bench.lease)
    proven = controller.receive()
    bench = bench_with(controller, controller.identity, proven)
    assert verify_identity(proven, bench=bench).stage is Stage.IDENTITY_VERIFIED
