"""Prove: send the subject a code, take it back.

All of it is done under the request's own lease, so tries are counted one by one.
"""

import json
from dataclasses import dataclass
from datetime import timedelta

from unlearn_core import ports
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.codes import (
    CODE_REFUSED,
    CODE_SENT,
    VALID_FOR,
    CodeRefusedError,
    CodeStanding,
    is_same_code,
    new_code,
    read_codes,
    template_of,
)
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes

LEASE_TIME = timedelta(seconds=30)
METHOD = "email_code"
"""How identity was proven, in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofDesk:
    """What codes need.

    Attributes:
        holder: Name of this process.
    """

    holder: str
    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    custody: ports.Custody
    notifier: ports.Notifier
    clock: ports.Clock


def code_standing(request_id: RequestId, *, desk: ProofDesk) -> CodeStanding | None:
    """Return what is known about the codes of a request that waits for one."""
    if desk.requests.get(request_id).stage is not Stage.PROOF_AWAITED:
        return None
    standing = read_codes(desk.ledger.entries(request_id))
    return standing if standing.sent else None


def prove_identity(
    request_id: RequestId, code: Personal[str], *, desk: ProofDesk
) -> None:
    """Take the code that the subject has entered; the work then goes on.

    Raises:
        CodeRefusedError: It is wrong or too late, or none is awaited.
        LeaseBusyError: Somebody else is at it.
        UnknownRequestError: There is no such request.
    """
    desk.requests.get(request_id)
    lease = desk.leases.acquire(str(request_id), holder=desk.holder, ttl=LEASE_TIME)
    try:
        standing = code_standing(request_id, desk=desk)
        if standing is None:
            raise CodeRefusedError(problem="none is awaited")
        if not standing.is_open(desk.clock.now()):
            raise CodeRefusedError(problem="too late")
        sealed = desk.custody.get(scopes.evidence(request_id), scopes.CODE)
        if not is_same_code(code, str(json.loads(sealed)["code"])):
            facts = {"number": standing.sent}
            desk.ledger.note(CODE_REFUSED, facts, request_id=request_id, lease=lease)
            raise CodeRefusedError(problem="wrong")
        desk.ledger.advance(
            request_id, Stage.PROOF_GIVEN, {"method": METHOD}, lease=lease
        )
    finally:
        desk.leases.release(lease)


def send_new_code(request_id: RequestId, *, desk: ProofDesk) -> None:
    """Send another code; the one before counts no more.

    Raises:
        CodeRefusedError: None is awaited, or no more are sent.
        LeaseBusyError: Somebody else is at it.
        UnknownRequestError: There is no such request.
    """
    desk.requests.get(request_id)
    lease = desk.leases.acquire(str(request_id), holder=desk.holder, ttl=LEASE_TIME)
    try:
        standing = code_standing(request_id, desk=desk)
        if standing is None or not standing.may_send:
            raise CodeRefusedError(problem="no more are sent")
        send_code(request_id, lease=lease, desk=desk)
    finally:
        desk.leases.release(lease)


def send_first_code(request_id: RequestId, *, lease: Lease, desk: ProofDesk) -> bool:
    """Send a code, unless an attempt that was cut off has done so.

    What that attempt sealed is put on its way, which changes nothing if it was already.

    Returns:
        Whether there is an address.
    """
    sent = read_codes(desk.ledger.entries(request_id)).sent
    if not sent:
        return send_code(request_id, lease=lease, desk=desk)
    sealed = json.loads(desk.custody.get(scopes.evidence(request_id), scopes.CODE))
    _post(request_id, number=sent, to=sealed["to"], desk=desk)
    return True


def send_code(request_id: RequestId, *, lease: Lease, desk: ProofDesk) -> bool:
    """Make a code, seal it and put it on its way to the subject's first address.

    Returns:
        Whether there is an address.
    """
    plain = json.loads(desk.custody.get(scopes.working(request_id), scopes.CONTENT))
    addresses = plain.get(IdentifierKind.EMAIL.value, [])
    if not addresses:
        return False
    number = read_codes(desk.ledger.entries(request_id)).sent + 1
    desk.leases.check(lease)
    desk.custody.put(
        scopes.evidence(request_id),
        scopes.CODE,
        canonical_json({"code": new_code(), "to": addresses[0]}),
    )
    expires_at = desk.clock.now() + VALID_FOR
    desk.ledger.note(
        CODE_SENT,
        {"number": number, "expires_at": expires_at.isoformat()},
        request_id=request_id,
        lease=lease,
    )
    _post(request_id, number=number, to=addresses[0], desk=desk)
    return True


def _post(request_id: RequestId, *, number: int, to: str, desk: ProofDesk) -> None:
    desk.notifier.notify(
        desk.requests.get(request_id),
        template=template_of(number),
        contact=Personal(to),
    )
