"""Expire: tell of working data that lies too long, and destroy it in the end.

The end is announced in the ledger before the key is destroyed, and confirmed there. A
run that is cut off in between is made up for by the next. What a worker or an officer
is at work on right now is left for the next look.
"""

from dataclasses import dataclass
from datetime import timedelta

from unlearn_core import ports
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.stage_limits import (
    WORKING_DATA_DESTROYED,
    WORKING_DATA_EXPIRED,
    WORKING_DATA_LINGERS,
    Limits,
    Lying,
    lying,
)
from unlearn_core.errors import LeaseBusyError
from unlearn_core.observability import EventLog
from unlearn_core.steps import scopes
from unlearn_core.steps.one_by_one import OneByOne

LEASE_TIME = timedelta(minutes=5)

_LOG = EventLog("retention")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryDesk:
    """What looking after working data needs.

    Attributes:
        holder: Name of this process.
        limits: How long it may lie in each stage.
    """

    holder: str
    limits: Limits
    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    custody: ports.Custody
    clock: ports.Clock


def expire_working_data(desk: ExpiryDesk) -> tuple[RequestId, ...]:
    """Look at every open request once.

    Returns:
        The requests whose working data was destroyed.

    Raises:
        UnlearnError: Of the first request that failed, such as `StorageError`; all
            others were looked at, and the next look tries it again.
    """
    destroyed: list[RequestId] = []
    each = OneByOne("retention")
    for request in desk.requests.all():
        if request.is_closed or request.stage not in desk.limits:
            continue
        with each.of(request.request_id):
            if _look_alone(request.request_id, desk):
                destroyed.append(request.request_id)
    each.end()
    return tuple(destroyed)


def _look_alone(request_id: RequestId, desk: ExpiryDesk) -> bool:
    """Look at a request under its lease; not if somebody is at work on it."""
    if not _is_due(request_id, desk):
        return False
    try:
        lease = desk.leases.acquire(str(request_id), holder=desk.holder, ttl=LEASE_TIME)
    except LeaseBusyError:
        return False
    try:
        return _look(request_id, desk, lease)
    finally:
        desk.leases.release(lease)


def _is_due(request_id: RequestId, desk: ExpiryDesk) -> bool:
    """Tell whether there may be something to do, before the lease is taken."""
    data, now = lying(desk.ledger.entries(request_id)), desk.clock.now()
    if data is None or data.is_destroyed or data.stage not in desk.limits:
        return False
    limit = desk.limits[data.stage]
    is_over = data.is_to_be_destroyed(limit, now=now)
    return is_over or data.is_to_be_told(limit, now=now)


def _look(request_id: RequestId, desk: ExpiryDesk, lease: Lease) -> bool:
    """Tell or destroy what is due; return whether it was destroyed."""
    data = lying(desk.ledger.entries(request_id))
    if data is None or not _is_due(request_id, desk):
        return False
    limit = desk.limits[data.stage]
    if data.is_to_be_destroyed(limit, now=desk.clock.now()):
        _destroy(request_id, data, desk, lease)
        return True
    end = data.end(limit, told_at=desk.clock.now())
    _note(
        WORKING_DATA_LINGERS,
        request_id,
        data,
        desk,
        lease,
        destroyed_at=end.isoformat() if end else None,
    )
    return False


def _destroy(
    request_id: RequestId, data: Lying, desk: ExpiryDesk, lease: Lease
) -> None:
    """Announce, destroy the key with everything under it, confirm."""
    if not data.is_expired:
        _note(WORKING_DATA_EXPIRED, request_id, data, desk, lease)
    destruction = desk.custody.shred(scopes.working(request_id))
    desk.ledger.note(
        WORKING_DATA_DESTROYED,
        {
            "key": destruction.key,
            "objects": destruction.objects,
            "destroyed_at": destruction.destroyed_at.isoformat(),
        },
        request_id=request_id,
        lease=lease,
    )


def _note(
    event: str,
    request_id: RequestId,
    data: Lying,
    desk: ExpiryDesk,
    lease: Lease,
    **more: str | None,
) -> None:
    _LOG.error(event, request_id=request_id, stage=data.stage)
    desk.ledger.note(
        event,
        {"stage": data.stage.value, "since": data.since.isoformat(), **more},
        request_id=request_id,
        lease=lease,
    )
