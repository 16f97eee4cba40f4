"""Does somebody have to prove who the requester is before anything goes on?"""

from unlearn_core.domain.codes import ANSWER_WITHIN, Proof, asked_at
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.observability import EventLog
from unlearn_core.steps.prove_identity import ProofDesk, send_first_code
from unlearn_core.steps.workbench import Workbench

_LOG = EventLog("worker")


def waits_for_proof(request_id: RequestId, *, bench: Workbench) -> bool:
    """Ask for the proof that the policy wants, and tell whether it is awaited.

    Whoever was asked and proves nothing for two weeks is waited for no longer, and then
    refused; so is at once who has no address that a code could be sent to. Where it is
    an officer's turn, the subject loses nothing by waiting.
    """
    request = bench.requests.get(request_id)
    stage = request.stage
    if stage is Stage.PROOF_AWAITED:
        asked = asked_at(bench.ledger.entries(request_id))
        return asked is None or bench.clock.now() < asked + ANSWER_WITHIN
    proof = bench.identity.proof
    is_needed = proof.is_waited_for and not bench.trusts(request)
    if stage is not Stage.ACKNOWLEDGED or not is_needed:
        return False
    if proof is Proof.CODE and not send_first_code(
        request_id, lease=bench.lease, desk=_desk(bench)
    ):
        return False
    bench.ledger.advance(
        request_id, Stage.PROOF_AWAITED, {"proof": proof.value}, lease=bench.lease
    )
    if proof is Proof.OFFICER:
        _LOG.warning("request_waits_for_officer", request_id=request_id)
    return True


def _desk(bench: Workbench) -> ProofDesk:
    return ProofDesk(
        holder=bench.lease.holder,
        requests=bench.requests,
        ledger=bench.ledger,
        leases=bench.leases,
        custody=bench.custody,
        notifier=bench.notifier,
        clock=bench.clock,
    )
