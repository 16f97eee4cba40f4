"""Deliver: bring messages that wait to whom they are for, and forget the address.

Several services may do it; a lease makes one of them the postman at a time. A try that
failed is repeated later, a refused message is not; both are visible in the outbox, and
the message stands on the status page anyway. Whatever goes wrong with one message, the
others are tried.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from unlearn_core import ports
from unlearn_core.domain import cooling
from unlearn_core.domain.codes import TEMPLATE
from unlearn_core.domain.dispatches import (
    Dispatch,
    DispatchState,
    MessageRefusedError,
)
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.recipients import CHANNEL, NOTICE, Notice
from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.errors import LeaseBusyError, UnlearnError
from unlearn_core.observability import EventLog
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes
from unlearn_core.steps.receive_request import senders_reference, subjects_language
from unlearn_core.steps.settle_recipient import forget_notices

RESOURCE = "post"
LEASE_TIME = timedelta(minutes=5)
ROUND = 10
"""Most messages of one round; a server that does not answer holds up the watchdog."""

ENDED = {
    DispatchState.SENT: "message_sent",
    DispatchState.BOUNCED: "message_bounced",
    DispatchState.ABANDONED: "message_abandoned",
}
ADDRESS_GONE = "address_gone"
CARRIER_GONE = "no_such_channel"
NOTICE_GONE = "notice_gone"
OVERTAKEN = "overtaken"

_LOG = EventLog("post")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRoom:
    """What delivering needs.

    Attributes:
        holder: Name of this process.
        carriers: Who brings messages, one a channel.
    """

    holder: str
    carriers: Sequence[ports.Carrier]
    outbox: ports.Outbox
    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    custody: ports.Custody
    clock: ports.Clock


def deliver_messages(room: PostRoom) -> tuple[Dispatch, ...]:
    """Try once to deliver every message that is due.

    Returns:
        How the tries ended; nothing if somebody else is at it.
    """
    if not _due(room):
        return ()
    try:
        lease = room.leases.acquire(RESOURCE, holder=room.holder, ttl=LEASE_TIME)
    except LeaseBusyError:
        return ()
    try:
        # Asked again: until the lease was ours, somebody else may have sent them.
        return tuple(_deliver(dispatch, room, lease) for dispatch in _due(room)[:ROUND])
    finally:
        room.leases.release(lease)


def _due(room: PostRoom) -> list[Dispatch]:
    due = room.outbox.due(room.clock.now())
    return [dispatch for dispatch in due if _is_told(dispatch, room)]


def _is_told(dispatch: Dispatch, room: PostRoom) -> bool:
    """Tell whether to try now: what the ledger has to say first is told afterwards."""
    request = room.requests.get(dispatch.request_id)
    if dispatch.template == Stage.ACKNOWLEDGED:
        return request.stage is not Stage.RECEIVED
    if dispatch.template.startswith(cooling.TEMPLATE):
        return request.is_closed or _cancel_until(dispatch, room) is not None
    return dispatch.template not in set(Outcome) or request.is_closed


def _deliver(dispatch: Dispatch, room: PostRoom, lease: Lease) -> Dispatch:
    room.leases.renew(lease, ttl=LEASE_TIME)
    known = _recorded(dispatch, room)
    tried = known or _try(dispatch, room)
    if tried.state is not DispatchState.WAITING:
        # First the ledger, which a round that was cut off is made up for by; then the
        # address, then the outbox: a crash in between leaves no address.
        if known is None:
            _record(tried, room, lease)
        _forget(tried, room)
    room.outbox.settle(tried)
    _LOG.info(
        ENDED.get(tried.state, "message_delayed"),
        request_id=tried.request_id,
        attempt=tried.attempts,
        reason=tried.reason,
    )
    return tried


def _recorded(dispatch: Dispatch, room: PostRoom) -> Dispatch | None:
    """Return how a message ended that a round has recorded and then was cut off."""
    states = {event: state for state, event in ENDED.items()}
    for entry in room.ledger.entries(dispatch.request_id):
        if entry.event not in states or entry.is_erased:
            continue
        said = entry.payload
        if (said["template"], said["channel"]) == (dispatch.template, dispatch.channel):
            return replace(
                dispatch,
                state=states[entry.event],
                attempts=int(str(said["attempts"])),
                reason=str(said["reason"]),
            )
    return None


def _record(ended: Dispatch, room: PostRoom, lease: Lease) -> None:
    room.ledger.note(
        ENDED[ended.state],
        {
            "template": ended.template,
            "channel": ended.channel,
            "attempts": ended.attempts,
            "reason": ended.reason,
        },
        request_id=ended.request_id,
        lease=lease,
    )


def _try(dispatch: Dispatch, room: PostRoom) -> Dispatch:
    carrier = next(
        (it for it in room.carriers if it.route.channel == dispatch.channel), None
    )
    if carrier is None and dispatch.template == NOTICE:
        # Another service may have read a newer register; what it says is not lost yet.
        return dispatch.delayed(CARRIER_GONE, now=room.clock.now())
    if carrier is None:
        return dispatch.abandoned(CARRIER_GONE)
    try:
        return _hand_over(dispatch, carrier, room)
    except MessageRefusedError as error:
        return dispatch.bounced(str(error.facts.get("reason", error.code)))
    except UnlearnError as error:
        reason = str(error.facts.get("reason", error.code))
    except Exception as error:  # noqa: BLE001 - one message must not stop the others
        reason = type(error).__name__
    return dispatch.delayed(reason, now=room.clock.now())


def _hand_over(dispatch: Dispatch, carrier: ports.Carrier, room: PostRoom) -> Dispatch:
    address = code = notice = reference = language = None
    if _is_overtaken(dispatch, room):
        return dispatch.abandoned(OVERTAKEN)
    if dispatch.template == NOTICE:
        notice = _notice(dispatch, room.custody)
        if notice is None:
            return dispatch.abandoned(NOTICE_GONE)
    if carrier.route.needs_address:
        brings_code = dispatch.template.startswith(TEMPLATE)
        find = _code if brings_code else _address
        address, code = find(dispatch, room.custody)
        if address is None:
            return dispatch.abandoned(ADDRESS_GONE)
        language = subjects_language(dispatch.request_id, custody=room.custody)
    if carrier.route.senders:
        reference = senders_reference(dispatch.request_id, custody=room.custody)
    message = ports.Message(
        request=room.requests.get(dispatch.request_id),
        template=dispatch.template,
        at=dispatch.queued_at,
        reference=_reference(dispatch),
        code=code,
        senders_reference=reference,
        cancel_until=_cancel_until(dispatch, room),
        notice=notice,
        language=language,
    )
    carrier.carry(message, to=address)
    return dispatch.sent()


def _is_overtaken(dispatch: Dispatch, room: PostRoom) -> bool:
    """Tell whether what it says is not so any more: the request was called off, say."""
    if not dispatch.template.startswith(cooling.TEMPLATE):
        return False
    return cooling.cancel_until(room.ledger.entries(dispatch.request_id)) is None


def _cancel_until(dispatch: Dispatch, room: PostRoom) -> datetime | None:
    entries = room.ledger.entries(dispatch.request_id)
    return cooling.moment_of(dispatch.template, entries)


def _reference(dispatch: Dispatch) -> str:
    text = f"{dispatch.request_id} {dispatch.template} {dispatch.channel}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


_Sealed = tuple[Personal[str] | None, Personal[str] | None]
"""An address, and a code for whoever reads what comes to it."""


def _address(dispatch: Dispatch, custody: ports.Custody) -> _Sealed:
    """Return where the subject wants to be answered."""
    scope = scopes.contact(dispatch.request_id)
    if not custody.has(scope, scopes.CONTENT):
        return None, None
    value = json.loads(custody.get(scope, scopes.CONTENT))
    return (Personal(value) if value else None), None


def _code(dispatch: Dispatch, custody: ports.Custody) -> _Sealed:
    """Return the latest code and where it goes; a message that it overtook brings it.

    After the decision about identity there is none.
    """
    scope = scopes.evidence(dispatch.request_id)
    if not custody.has(scope, scopes.CODE):
        return None, None
    sealed = json.loads(custody.get(scope, scopes.CODE))
    return Personal(sealed["to"]), Personal(sealed["code"])


def _notice(dispatch: Dispatch, custody: ports.Custody) -> Notice | None:
    """Return what a recipient is told, as long as it is kept."""
    name, scope = _recipient(dispatch), scopes.notices(dispatch.request_id)
    if not custody.has(scope, name):
        return None
    return Notice.from_json(json.loads(custody.get(scope, name)))


def _recipient(dispatch: Dispatch) -> str:
    return dispatch.channel.removeprefix(CHANNEL)


def _forget(ended: Dispatch, room: PostRoom) -> None:
    """Destroy what was needed for a message only."""
    if ended.template == NOTICE:
        forget_notices(
            ended.request_id,
            _recipient(ended),
            outbox=room.outbox,
            custody=room.custody,
        )
    else:
        _forget_address(ended, room)


def _forget_address(ended: Dispatch, room: PostRoom) -> None:
    """Destroy the address of a closed request that no other message waits for."""
    if not room.requests.get(ended.request_id).is_closed:
        return
    needing = {it.route.channel for it in room.carriers if it.route.needs_address}
    is_needed = any(
        dispatch.state is DispatchState.WAITING and dispatch.channel in needing
        for dispatch in room.outbox.dispatches(ended.request_id)
        if (dispatch.template, dispatch.channel) != (ended.template, ended.channel)
    )
    if not is_needed:
        room.custody.shred(scopes.contact(ended.request_id))
