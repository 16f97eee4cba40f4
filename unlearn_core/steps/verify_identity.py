"""Verify identity: is the requester the subject, and is somebody at work already?"""

from dataclasses import replace

from unlearn_core.domain.codes import Proof
from unlearn_core.domain.requests import (
    ANSWERED_TO_SENDER,
    Channel,
    ErasureRequest,
    Outcome,
    RequestId,
    Stage,
)
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.ports import IdentityDecision
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import find_entry, recorded
from unlearn_core.steps.restrict_request import RestrictionDesk, restrict_at_once
from unlearn_core.steps.results import IdentityChecked
from unlearn_core.steps.subject import (
    other_requests,
    read_contact,
    read_evidence,
    read_subject,
)
from unlearn_core.steps.workbench import Workbench

BY_OFFICER = "manual"
"""How identity was proven where an officer confirmed it."""

BY_CHANNEL = "trusted_channel"
"""How identity was proven where the channel's senders vouch for it."""

UNDER_WAY = "in_progress"
"""Message to whoever sent a request for the subject: the work has begun."""

_UNVERIFIED = frozenset(
    {Stage.RECEIVED, Stage.ACKNOWLEDGED, Stage.PROOF_AWAITED, Stage.PROOF_GIVEN}
)


def verify_identity(request_id: RequestId, *, bench: Workbench) -> IdentityChecked:
    """Decide, record the decision, destroy the evidence.

    Where the terms say so, nothing is said about a verified subject from now on.
    """
    result = decide_identity(request_id, bench=bench)
    bench.check_lease()
    if result.may_proceed and bench.terms.restricts_at_once:
        restrict_at_once(request_id, desk=_restriction(bench))
    bench.custody.shred(scopes.evidence(request_id))
    request = bench.requests.get(request_id)
    if result.outcome is None and request.channel in ANSWERED_TO_SENDER:
        contact = read_contact(request_id, bench=bench)
        bench.notifier.notify(request, template=UNDER_WAY, contact=contact)
    return result


@recorded(Stage.IDENTITY_VERIFIED, Stage.REFUSED, Stage.JOINED, result=IdentityChecked)
def decide_identity(request_id: RequestId, *, bench: Workbench) -> IdentityChecked:
    """Decide whether the requester is the subject.

    A request joins an earlier one of the same person only after both are verified, so
    nobody can block or delay somebody else's request.
    """
    subject = read_subject(request_id, bench=bench)
    decision = _judge(request_id, subject, bench=bench)
    if not decision.is_verified:
        result = IdentityChecked(
            stage=Stage.REFUSED,
            method=decision.method,
            reason=decision.reason,
            outcome=Outcome.REFUSED,
        )
    elif _is_worked_on(bench.requests.get(request_id), subject, bench=bench):
        result = IdentityChecked(
            stage=Stage.JOINED,
            method=decision.method,
            reason="duplicate_request",
            outcome=Outcome.REFUSED,
        )
    else:
        result = IdentityChecked(
            stage=Stage.IDENTITY_VERIFIED, method=decision.method, reason=""
        )
    return result


def _restriction(bench: Workbench) -> RestrictionDesk:
    return RestrictionDesk(
        officers=(),
        requests=bench.requests,
        ledger=bench.ledger,
        custody=bench.custody,
        notifier=bench.notifier,
    )


def _judge(
    request_id: RequestId, subject: DataSubject, *, bench: Workbench
) -> IdentityDecision:
    proof = find_entry(bench, request_id, Stage.PROOF_GIVEN)
    if proof is not None:
        method = str(proof.get("method", BY_OFFICER))
        return IdentityDecision(is_verified=True, method=method, reason="")
    request = bench.requests.get(request_id)
    if bench.trusts(request):
        return IdentityDecision(is_verified=True, method=BY_CHANNEL, reason="")
    decision = bench.identity.decide(
        subject, read_evidence(request_id, bench=bench), now=bench.clock.now()
    )
    # Who owes a proof still owes it when another policy was set meanwhile. A page that
    # anybody can use is no channel to be trusted, nor is that of a sender whom the
    # configuration does not name as such.
    owes_proof = request.stage is Stage.PROOF_AWAITED
    is_of_others = request.channel in {Channel.WEB_PAGE, *ANSWERED_TO_SENDER}
    if owes_proof or (is_of_others and bench.identity.proof is Proof.CHANNEL):
        decision = replace(decision, is_verified=False, reason="no_evidence")
    return decision


def _is_worked_on(
    request: ErasureRequest, subject: DataSubject, *, bench: Workbench
) -> bool:
    """Tell whether a verified request of the same person is open.

    One that was refused or joined has its outcome already, even before it is closed.
    """
    return any(
        other.outcome is None and other.stage not in _UNVERIFIED
        for other in other_requests(request, subject, bench=bench)
    )
