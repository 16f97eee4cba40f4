"""Retain: delete what has outlived its time, and prove that it is gone.

For every closed request: announce in the ledger what goes, delete it kind by kind,
read back, and record what is left, which is nothing. A run that is cut off in between
is made up for by the next one, which finds the announcement without its end.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from unlearn_core import ports
from unlearn_core.domain.audit_bundle import REPORTS
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.certificates import certificate_name
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.ledger import RETENTION_ANNOUNCED, RETENTION_APPLIED
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.retention import (
    End,
    Kind,
    RetentionFailedError,
    Table,
    due,
    ends,
    unfinished,
)
from unlearn_core.domain.standing import DESTROYED, Material
from unlearn_core.errors import LeaseBusyError
from unlearn_core.observability import EventLog
from unlearn_core.ports.retention import Holdings
from unlearn_core.steps import scopes
from unlearn_core.steps.one_by_one import OneByOne

RESOURCE = "retention"
LEASE_TIME = timedelta(minutes=5)

SEALED = {
    Kind.IDENTITY_EVIDENCE: scopes.evidence,
    Kind.WORKING_DATA: scopes.working,
    Kind.CONTACT_ADDRESS: scopes.contact,
    Kind.NOTICES: scopes.notices,
    Kind.RESTRICTION: scopes.restriction,
    Kind.EVALUATION_SET: scopes.evaluation,
    Kind.FINGERPRINTS: scopes.fingerprints,
    Kind.REASONING: scopes.reasoning,
}
"""Kinds that are sealed, each under a key of its own."""

_MATERIALS = {
    Kind.EVALUATION_SET: Material.EVALUATION_SET,
    Kind.FINGERPRINTS: Material.FINGERPRINTS,
}

_LOG = EventLog("retention")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionDesk:
    """What retention needs.

    Attributes:
        holder: Name of this process.
        periods: How long what is kept.
        retired: Names of base models that nobody serves any more.
    """

    holder: str
    periods: Table
    retired: Collection[str]
    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    custody: ports.Custody
    evidence: ports.EvidenceStore
    holdings: Holdings
    clock: ports.Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlived:
    """What of one request has outlived its time.

    Attributes:
        end: The end of the request.
        kinds: How many of each kind there are.
    """

    end: End
    kinds: Mapping[Kind, int]


def outlived(desk: RetentionDesk) -> tuple[Outlived, ...]:
    """Return what would be deleted now; changes nothing."""
    every = (_outlived(end, desk) for end in _ends(desk))
    return tuple(item for item in every if item.kinds)


def apply_retention(desk: RetentionDesk) -> tuple[Outlived, ...]:
    """Delete everything that has outlived its time.

    Returns:
        What was deleted; nothing if somebody else is at it.

    Raises:
        LeaseLostError: Another run has taken over and goes on.
        RetentionFailedError: Something is still there; the rest was deleted.
        UnlearnError: Of the first request that failed, such as `StorageError`; what
            others left was deleted, and the next run goes on.
    """
    try:
        lease = desk.leases.acquire(RESOURCE, holder=desk.holder, ttl=LEASE_TIME)
    except LeaseBusyError:
        return ()
    each = OneByOne("retention")
    found: list[Outlived] = []
    left = 0
    try:
        _make_up(desk, lease, each)
        for end in _ends(desk):
            if end.request_id in each:
                continue
            lease = desk.leases.renew(lease, ttl=LEASE_TIME)
            with each.of(end.request_id):
                item = _outlived(end, desk)
                if item.kinds:
                    left += _delete(item, desk, lease)
                    found.append(item)
    finally:
        desk.leases.release(lease)
    each.end()
    if left:
        raise RetentionFailedError(left=left)
    return tuple(found)


def _ends(desk: RetentionDesk) -> tuple[End, ...]:
    """Return which requests have ended, oldest first."""
    retired = {
        request.request_id: request.base_model in desk.retired
        for request in desk.requests.all()
    }
    return ends(desk.ledger.entries(event=Stage.NOTIFIED), retired=retired)


def _outlived(end: End, desk: RetentionDesk) -> Outlived:
    """Return what of one request has outlived its time, which may be nothing."""
    kinds = {
        kind: _count(kind, end.request_id, desk)
        for kind in due(end, desk.periods, now=desk.clock.now())
    }
    return Outlived(
        end=end, kinds={kind: count for kind, count in kinds.items() if count}
    )


def _make_up(desk: RetentionDesk, lease: Lease, each: OneByOne) -> None:
    """Finish what an earlier run announced and did not confirm."""
    told = (
        entry
        for event in (RETENTION_ANNOUNCED, RETENTION_APPLIED)
        for entry in desk.ledger.entries(event=event)
    )
    in_order = sorted(told, key=lambda entry: entry.sequence)
    for request_id, announced in unfinished(in_order).items():
        kinds = announced.get("kinds")
        names = kinds if isinstance(kinds, dict) else {}
        lease = desk.leases.renew(lease, ttl=LEASE_TIME)
        with each.of(request_id):
            _carry_out(
                request_id,
                {Kind(name): int(str(names[name])) for name in names},
                desk,
                lease,
            )


def _delete(item: Outlived, desk: RetentionDesk, lease: Lease) -> int:
    """Announce, delete and confirm; return how much is left."""
    end, request_id = item.end, item.end.request_id
    desk.ledger.note(
        RETENTION_ANNOUNCED,
        {
            "kinds": {kind.value: count for kind, count in item.kinds.items()},
            "outcome": end.outcome.value,
            "ended_at": end.ended_at.isoformat(),
        },
        request_id=request_id,
        lease=lease,
    )
    return _carry_out(request_id, item.kinds, desk, lease)


def _carry_out(
    request_id: RequestId, kinds: Mapping[Kind, int], desk: RetentionDesk, lease: Lease
) -> int:
    """Delete what was announced, read back, confirm; return how much is left."""
    left: dict[str, JsonValue] = {}
    remaining = 0
    for kind in sorted(kinds, key=list(Kind).index):
        _remove(kind, request_id, desk, lease)
        # At once: what documents there were can be told while the ledger has content.
        left[kind.value] = count = _count(kind, request_id, desk)
        remaining += count
    _LOG.info("data_deleted", request_id=request_id, count=sum(kinds.values()))
    desk.ledger.note(
        RETENTION_APPLIED,
        {"kinds": {kind.value: count for kind, count in kinds.items()}, "left": left},
        request_id=request_id,
        lease=lease,
    )
    return remaining


def _count(kind: Kind, request_id: RequestId, desk: RetentionDesk) -> int:
    """Return how much of a kind there is."""
    if kind in SEALED:
        return int(desk.custody.holds(SEALED[kind](request_id)))
    if kind is Kind.DOCUMENTS:
        names = _documents(request_id, desk)
        return sum(desk.evidence.get(name) is not None for name in names)
    return desk.holdings.count(kind, request_id)


def _remove(
    kind: Kind, request_id: RequestId, desk: RetentionDesk, lease: Lease
) -> None:
    if kind is Kind.DOCUMENTS:
        for name in _documents(request_id, desk):
            desk.evidence.remove(name)
    elif kind not in SEALED:
        desk.holdings.delete(kind, request_id)
    else:
        # A run that was cut off may have left objects whose key is gone already.
        destroyed = desk.custody.shred(SEALED[kind](request_id))
        if kind in _MATERIALS:
            desk.ledger.note(
                DESTROYED,
                {
                    "material": _MATERIALS[kind].value,
                    "key": destroyed.key,
                    "objects": destroyed.objects,
                    "destroyed_at": destroyed.destroyed_at.isoformat(),
                },
                request_id=request_id,
                lease=lease,
            )


def _documents(request_id: RequestId, desk: RetentionDesk) -> tuple[str, ...]:
    """Return the names of certificate and reports, as the ledger tells them."""
    digests = {
        str(entry.payload["report"]).removeprefix("sha256:")
        for entry in desk.ledger.entries(request_id)
        if entry.payload.get("report")
    }
    reports = (f"{REPORTS}{digest}.json" for digest in sorted(digests))
    return (certificate_name(request_id), *reports)
