from dataclasses import replace
from datetime import timedelta

import pytest
from support.domain import request_id as request_id_of
from support.officers import ANNA, BELA, desk_of
from support.steps import Controller
from support.story import do, work_until

from unlearn_core.domain.deadlines import ExtensionReason, ExtensionRefusedError
from unlearn_core.domain.decisions import (
    ERASURE_ANNOUNCED,
    ClosingReason,
    Decision,
    DecisionRefusedError,
    HoldReason,
    RefusalReason,
    Verb,
)
from unlearn_core.domain.grounds import Ground, GroundStanding, ground_of
from unlearn_core.domain.ledger import verify_chain
from unlearn_core.domain.requests import Outcome, RequestId, RequestStatus, Stage
from unlearn_core.domain.stage_limits import (
    WORKING_DATA_EXPIRED,
    WorkingDataExpiredError,
)
from unlearn_core.errors import (
    IllegalTransitionError,
    LeaseBusyError,
    SettingsError,
    UnknownRequestError,
)
from unlearn_core.steps.decide_request import (
    decide_request,
    withdraw_request,
)
from unlearn_core.steps.issue_certificate import issue_certificate
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.notify_data_subject import notify_data_subject
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.receive_request import receive_request
from unlearn_core.steps.refer_to_controller import refer_to_controller
from unlearn_core.steps.was_called_off import was_called_off
from unlearn_core.steps.was_given_up import was_given_up

pytestmark = pytest.mark.integration


def bring_to(stage: Stage, controller: Controller) -> RequestId:
    """Bring a request to a stage and leave it alone there."""
    request_id = controller.receive()
    bench = controller.bench(request_id)
    if stage is Stage.REFERRED:
        work_until(Stage.LOCATED, request_id, bench=bench)
        careful = replace(bench, terms=replace(bench.terms, needs_approval=True))
        assert not refer_to_controller(request_id, bench=careful)
    elif stage is Stage.ESCALATED:
        work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
        controller.store.advance(request_id, stage, {}, lease=bench.lease)
    elif stage is not Stage.RECEIVED:
        work_until(stage, request_id, bench=bench)
    controller.leases.release(bench.lease)
    return request_id


def test_what_lost_its_working_data_can_only_be_ended(controller: Controller) -> None:
    request_id = bring_to(Stage.REFERRED, controller)
    controller.store.note(WORKING_DATA_EXPIRED, {}, request_id=request_id)
    with pytest.raises(WorkingDataExpiredError):
        decide_request(
            request_id,
            Decision(verb=Verb.APPROVE, officer=ANNA),
            desk=desk_of(controller),
        )
    refusal = Decision(verb=Verb.REFUSE, officer=ANNA, reason=RefusalReason.UNFOUNDED)
    assert not decide_request(request_id, refusal, desk=desk_of(controller))
    decide_request(request_id, replace(refusal, officer=BELA), desk=desk_of(controller))
    assert controller.store.get(request_id).stage is Stage.DECLINED


DECISIONS = [
    (Verb.APPROVE, None, Stage.REFERRED, Stage.APPROVED, None),
    (Verb.REFUSE, RefusalReason.NO_GROUND, Stage.REFERRED, Stage.DECLINED, "refused"),
    (Verb.REFUSE, RefusalReason.UNFOUNDED, Stage.RECEIVED, Stage.DECLINED, "refused"),
    (
        Verb.CLOSE_ESCALATED,
        ClosingReason.NOT_ACHIEVED,
        Stage.ESCALATED,
        Stage.GIVEN_UP,
        "failed",
    ),
]


@pytest.mark.parametrize(("verb", "reason", "before", "after", "outcome"), DECISIONS)
def test_the_first_officer_proposes_and_only_another_one_carries_it_out(
    controller: Controller,
    verb: Verb,
    reason: RefusalReason | ClosingReason | None,
    before: Stage,
    after: Stage,
    outcome: str | None,
) -> None:
    request_id = bring_to(before, controller)
    desk = desk_of(controller)
    first = Decision(verb=verb, officer=ANNA, reason=reason)

    assert not decide_request(request_id, first, desk=desk)
    assert controller.store.get(request_id).stage is before
    with pytest.raises(DecisionRefusedError):
        decide_request(request_id, first, desk=desk)
    assert decide_request(request_id, replace(first, officer=BELA), desk=desk)

    request = controller.store.get(request_id)
    assert (request.stage, request.outcome) == (after, outcome)
    (entry,) = controller.entries(request_id, after)
    assert dict(entry.payload) == {
        "reason": reason,
        "officer": BELA,
        "proposed_by": ANNA,
        "on": "2026-03-02",
    }
    assert verify_chain(controller.store.entries()) > 0


def test_a_refused_request_is_purged_and_answered_without_touching_a_source(
    controller: Controller,
) -> None:
    request_id = bring_to(Stage.REFERRED, controller)
    for officer in (ANNA, BELA):
        decision = Decision(
            verb=Verb.REFUSE, officer=officer, reason=RefusalReason.LEGAL_CLAIMS
        )
        decide_request(request_id, decision, desk=desk_of(controller))
    bench = controller.bench(request_id)

    assert was_called_off(request_id, bench=bench)
    for step in (purge_working_data, notify_data_subject):
        do(step, request_id, bench=bench)

    request = controller.store.get(request_id)
    assert (request.status, request.outcome) == ("denied", "refused")
    assert controller.notifier.posted(request_id)[-1] == "refused"
    assert controller.entries(request_id, ERASURE_ANNOUNCED) == []


def test_a_request_that_was_given_up_is_certified_as_failed(
    controller: Controller,
) -> None:
    request_id = bring_to(Stage.ESCALATED, controller)
    for officer in (ANNA, BELA):
        decision = Decision(
            verb=Verb.CLOSE_ESCALATED,
            officer=officer,
            reason=ClosingReason.MODEL_RETIRED,
        )
        decide_request(request_id, decision, desk=desk_of(controller))
    bench = controller.bench(request_id)

    assert was_given_up(request_id, bench=bench)
    assert not was_called_off(request_id, bench=bench)
    for step in (purge_working_data, issue_certificate, notify_data_subject):
        do(step, request_id, bench=bench)

    certificate = controller.certificate(request_id)
    assert (certificate.outcome, certificate.scope) == (Outcome.FAILED, None)
    assert controller.store.get(request_id).status is RequestStatus.DENIED


def test_a_hold_takes_effect_at_once_and_its_release_searches_anew(
    controller: Controller,
) -> None:
    request_id = bring_to(Stage.LOCATED, controller)
    desk = desk_of(controller)
    held = Decision(verb=Verb.HOLD, officer=ANNA, reason=HoldReason.LEGAL_CLAIMS)
    assert decide_request(request_id, held, desk=desk)
    assert controller.store.get(request_id).stage is Stage.ON_HOLD
    assert controller.notifier.posted(request_id)[-1] == "on_hold"

    for officer in (ANNA, BELA):
        freed = Decision(verb=Verb.RELEASE, officer=officer)
        decide_request(request_id, freed, desk=desk)
    bench = controller.bench(request_id)
    locate_personal_data(request_id, bench=bench)

    assert len(controller.entries(request_id, Stage.LOCATED)) == 2
    work_until(Stage.SOURCES_ERASED, request_id, bench=bench)
    assert controller.store.get(request_id).stage is Stage.SOURCES_ERASED


def test_an_approved_request_that_was_held_is_referred_again(
    controller: Controller,
) -> None:
    request_id = bring_to(Stage.REFERRED, controller)
    desk = desk_of(controller)
    for verb in (Verb.APPROVE, Verb.HOLD, Verb.RELEASE):
        reason = HoldReason.OBJECTION if verb is Verb.HOLD else None
        for officer in (ANNA, BELA)[: 1 if verb is Verb.HOLD else 2]:
            decision = Decision(verb=verb, officer=officer, reason=reason)
            decide_request(request_id, decision, desk=desk)
    bench = controller.bench(request_id)
    bench = replace(bench, terms=replace(bench.terms, needs_approval=True))
    locate_personal_data(request_id, bench=bench)
    assert not refer_to_controller(request_id, bench=bench)


# More time.


def extend(controller: Controller, request_id: RequestId, officer: str) -> bool:
    decision = Decision(
        verb=Verb.EXTEND, officer=officer, reason=ExtensionReason.COMPLEXITY
    )
    return decide_request(request_id, decision, desk=desk_of(controller))


def test_an_extension_tells_the_subject_and_moves_the_date(
    controller: Controller,
) -> None:
    request_id = bring_to(Stage.ACKNOWLEDGED, controller)
    controller.clock.move(timedelta(days=31))  # the last day, 2 April
    assert not extend(controller, request_id, ANNA)
    assert "extended" not in controller.notifier.posted(request_id)
    assert extend(controller, request_id, BELA)

    assert controller.notifier.posted(request_id)[-1] == "extended"
    (entry,) = controller.entries(request_id, "deadline_extended")
    assert entry.payload["due_on"] == "2026-06-02"
    assert entry.payload["reason"] == "complexity"
    request = controller.store.get(request_id)
    assert request.stage is Stage.ACKNOWLEDGED
    assert desk_of(controller).docket(request).due_on.isoformat() == "2026-06-02"
    with pytest.raises(ExtensionRefusedError, match="extended already"):
        extend(controller, request_id, ANNA)


def test_after_the_first_month_there_is_no_extension_even_if_it_was_proposed(
    controller: Controller,
) -> None:
    request_id = bring_to(Stage.ACKNOWLEDGED, controller)
    extend(controller, request_id, ANNA)
    controller.clock.move(timedelta(days=32))
    with pytest.raises(ExtensionRefusedError, match="first period is over"):
        extend(controller, request_id, BELA)


# The subject's word.


@pytest.mark.parametrize("stage", [Stage.RECEIVED, Stage.LOCATED, Stage.REFERRED])
def test_the_subject_may_withdraw_until_records_are_erased(
    controller: Controller, stage: Stage
) -> None:
    request_id = bring_to(stage, controller)
    withdraw_request(request_id, who="key:1", desk=desk_of(controller))
    (entry,) = controller.entries(request_id, "withdrawn")
    assert entry.payload["who"] == "key:1"
    bench = controller.bench(request_id)
    assert was_called_off(request_id, bench=bench)
    for step in (purge_working_data, notify_data_subject):
        do(step, request_id, bench=bench)
    assert controller.store.get(request_id).status is RequestStatus.REVOKED


def test_it_is_too_late_once_the_erasure_was_announced_even_if_not_recorded(
    controller: Controller,
) -> None:
    request_id = bring_to(Stage.LOCATED, controller)
    controller.store.note(ERASURE_ANNOUNCED, {}, request_id=request_id)
    with pytest.raises(DecisionRefusedError, match="begun"):
        withdraw_request(request_id, who="key:1", desk=desk_of(controller))
    held = Decision(verb=Verb.HOLD, officer=ANNA, reason=HoldReason.LEGAL_CLAIMS)
    with pytest.raises(DecisionRefusedError, match="begun"):
        decide_request(request_id, held, desk=desk_of(controller))
    assert controller.leases.is_free(str(request_id))


# Who and when.


@pytest.mark.parametrize("officers", [(), (ANNA,), (ANNA, ANNA)])
def test_without_two_officers_nothing_can_be_decided(
    controller: Controller, officers: tuple[str, ...]
) -> None:
    request_id = controller.receive()
    desk = replace(desk_of(controller), officers=officers)
    with pytest.raises(SettingsError, match="UNLEARN_LEGAL__OFFICERS"):
        decide_request(request_id, Decision(verb=Verb.APPROVE, officer=ANNA), desk=desk)


def test_who_is_no_officer_decides_nothing(controller: Controller) -> None:
    request_id = controller.receive()
    decision = Decision(verb=Verb.APPROVE, officer="carl")
    with pytest.raises(DecisionRefusedError, match="not an officer"):
        decide_request(request_id, decision, desk=desk_of(controller))


def test_what_is_not_possible_is_not_even_proposed(controller: Controller) -> None:
    request_id = bring_to(Stage.LOCATED, controller)
    for verb in (Verb.APPROVE, Verb.RELEASE, Verb.CLOSE_ESCALATED):
        with pytest.raises(IllegalTransitionError):
            decide_request(
                request_id, Decision(verb=verb, officer=ANNA), desk=desk_of(controller)
            )
    assert controller.entries(request_id, "decision_proposed") == []


def test_nothing_is_decided_while_a_worker_is_at_work(controller: Controller) -> None:
    request_id = controller.receive()
    controller.lease(request_id)
    with pytest.raises(LeaseBusyError):
        withdraw_request(request_id, who="key:1", desk=desk_of(controller))


def test_an_unknown_request_takes_no_lease(controller: Controller) -> None:
    other = request_id_of(9)
    with pytest.raises(UnknownRequestError):
        withdraw_request(other, who="key:1", desk=desk_of(controller))
    assert controller.leases._latest.get(str(other)) is None


def test_both_officers_name_the_ground_that_counts(controller: Controller) -> None:
    request_id = bring_to(Stage.REFERRED, controller)
    desk = desk_of(controller)
    first = Decision(verb=Verb.APPROVE, officer=ANNA, ground=Ground.OBJECTION)
    assert not decide_request(request_id, first, desk=desk)
    # Another ground is another proposal.
    other = replace(first, officer=BELA, ground=None)
    assert not decide_request(request_id, other, desk=desk)
    assert not decide_request(request_id, first, desk=desk)
    assert decide_request(request_id, replace(first, officer=BELA), desk=desk)
    standing = ground_of(controller.store.entries(request_id))
    assert standing == GroundStanding(ground=Ground.OBJECTION, is_examined=True)


def test_a_claimed_ground_is_on_the_certificate(controller: Controller) -> None:
    submission = replace(
        controller.submission(controller.population.trained[0]),
        ground=Ground.CONSENT_WITHDRAWN,
    )
    request_id = receive_request(submission, desk=controller.desk()).request_id
    bench = controller.bench(request_id)
    work_until(Stage.CERTIFIED, request_id, bench=bench)
    assert controller.certificate(request_id).ground is Ground.CONSENT_WITHDRAWN
