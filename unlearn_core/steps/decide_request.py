"""Decide: what officers, and the subject, may do about a request in between.

A decision is taken under the request's own lease, so never while a worker is at work
on it. What is to be done next, such as answering the subject, is done by the next run
that the watchdog asks for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from unlearn_core import ports
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.codes import PROOF_ASKED
from unlearn_core.domain.deadlines import check_extension
from unlearn_core.domain.decisions import (
    DECISION_PROPOSED,
    EFFECTS,
    Decision,
    DecisionRefusedError,
    Verb,
    check_can_be_asked,
    check_not_own,
    check_not_too_late,
    proposal_of,
)
from unlearn_core.domain.docket import DEADLINE_EXTENDED
from unlearn_core.domain.grounds import GROUND
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import (
    ErasureRequest,
    Outcome,
    RequestId,
    Stage,
    check_transition,
)
from unlearn_core.domain.stage_limits import check_not_expired
from unlearn_core.errors import SettingsError
from unlearn_core.steps.legal_clock import LegalCalendar
from unlearn_core.steps.subject import read_contact

LEASE_TIME = timedelta(seconds=30)
FEWEST_OFFICERS = 2
TOLD: Mapping[Verb, str] = {
    Verb.ASK_FOR_PROOF: PROOF_ASKED,
    Verb.EXTEND: "extended",
    Verb.HOLD: "on_hold",
}
"""Messages that subjects get before a decision takes effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionDesk(LegalCalendar):
    """What deciding needs.

    Attributes:
        holder: Name of this process.
        officers: Names of those who may decide.
    """

    holder: str
    officers: tuple[str, ...]
    leases: ports.LeaseStore
    custody: ports.Custody
    notifier: ports.Notifier


def decide_request(
    request_id: RequestId, decision: Decision, *, desk: DecisionDesk
) -> bool:
    """Propose a decision, or carry out what another officer has proposed.

    Returns:
        Whether it was carried out; otherwise it waits for a second officer.

    Raises:
        DecisionRefusedError: It is too late, or not this officer's to decide.
        ExtensionRefusedError: More time may not be taken.
        IllegalTransitionError: The request is not in a stage for it.
        LeaseBusyError: A worker is at work on the request.
        SettingsError: There are not two officers.
        WorkingDataExpiredError: The request can only be ended; its data is gone.
    """
    if len(set(desk.officers)) < FEWEST_OFFICERS:
        raise SettingsError(variable="UNLEARN_LEGAL__OFFICERS")
    check_officer(decision.officer, desk=desk)
    lease = _lease(request_id, desk)
    try:
        request = desk.requests.get(request_id)
        _check(request, decision, desk)
        facts: dict[str, JsonValue] = {
            "reason": decision.reason.value if decision.reason else None,
            "officer": decision.officer,
            "on": desk.today().isoformat(),
        }
        if decision.who:
            facts["who"] = decision.who
        if decision.ground:
            facts[GROUND] = decision.ground.value
        if EFFECTS[decision.verb].needs_two:
            first = proposal_of(desk.ledger.entries(request_id), decision)
            if first is not None and decision.is_by(first):
                raise DecisionRefusedError(problem="a second officer has to agree")
            if first is None:
                facts["decision"] = decision.verb.value
                desk.ledger.note(
                    DECISION_PROPOSED, facts, request_id=request_id, lease=lease
                )
                return False
            facts["proposed_by"] = first.officer
        _carry_out(request, decision, facts, desk=desk, lease=lease)
        return True
    finally:
        desk.leases.release(lease)


def check_officer(name: str, *, desk: DecisionDesk) -> None:
    """Refuse a name that is no officer's.

    Raises:
        DecisionRefusedError: It is not in the configuration.
    """
    if name not in desk.officers:
        raise DecisionRefusedError(problem="not an officer of the configuration")


def withdraw_request(request_id: RequestId, *, who: str, desk: DecisionDesk) -> None:
    """Call a request off on behalf of the subject.

    Args:
        request_id: The request.
        who: Pseudonym of whoever says that the subject wants it.
        desk: What deciding needs.

    Raises:
        DecisionRefusedError: Records are being erased already, or the stated moment
            has passed.
        IllegalTransitionError: It is too late for another reason.
        LeaseBusyError: A worker is at work on the request.
    """
    lease = _lease(request_id, desk)
    try:
        entries = tuple(desk.ledger.entries(request_id))
        check_not_too_late(entries, Stage.WITHDRAWN, now=desk.clock.now())
        desk.ledger.advance(
            request_id,
            Stage.WITHDRAWN,
            {"who": who, "on": desk.today().isoformat()},
            lease=lease,
            outcome=Outcome.WITHDRAWN,
        )
    finally:
        desk.leases.release(lease)


def _lease(request_id: RequestId, desk: DecisionDesk) -> Lease:
    desk.requests.get(request_id)
    return desk.leases.acquire(str(request_id), holder=desk.holder, ttl=LEASE_TIME)


def _check(request: ErasureRequest, decision: Decision, desk: DecisionDesk) -> None:
    """Refuse what is not possible, before it is proposed."""
    stage = EFFECTS[decision.verb].stage
    entries = tuple(desk.ledger.entries(request.request_id))
    check_not_own(entries, decision)
    if stage is not None:
        check_transition(request.stage, stage)
        check_not_too_late(entries, stage, now=desk.clock.now())
        check_not_expired(entries, stages={stage})
        return
    if request.is_closed:
        raise DecisionRefusedError(problem="the request is closed")
    if decision.verb is Verb.ASK_FOR_PROOF:
        check_can_be_asked(entries, request.stage)
        return
    docket = desk.docket(request)
    check_extension(docket.deadline, on=desk.today(), is_extended=docket.is_extended)


def _carry_out(
    request: ErasureRequest,
    decision: Decision,
    facts: dict[str, JsonValue],
    *,
    desk: DecisionDesk,
    lease: Lease,
) -> None:
    """Tell the subject where the law asks for it, then record."""
    effect, request_id = EFFECTS[decision.verb], request.request_id
    if decision.verb in TOLD:
        desk.leases.check(lease)
        desk.notifier.notify(
            request,
            template=TOLD[decision.verb],
            contact=read_contact(request_id, bench=desk),
        )
    if decision.verb is Verb.ASK_FOR_PROOF:
        desk.ledger.note(PROOF_ASKED, facts, request_id=request_id, lease=lease)
        return
    if effect.stage is None:
        extended = desk.docket(request).deadline.extended_due_on
        desk.ledger.note(
            DEADLINE_EXTENDED,
            facts | {"due_on": extended.isoformat()},
            request_id=request_id,
            lease=lease,
        )
        return
    desk.ledger.advance(
        request_id, effect.stage, facts, lease=lease, outcome=effect.outcome
    )
