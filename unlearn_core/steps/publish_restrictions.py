"""Publish the list of restrictions, and see when each is in force.

The list is written from the ledger alone: the version is the place of the last entry
about a restriction. It is signed again before it expires, for as long as the base model
is served, because replicas that have seen a list answer nothing without a valid one.

A restriction ends here by itself when the erasure is effective.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from unlearn_core import ports
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.restricted import (
    LIST_PUBLISHED,
    RESTRICTED,
    RESTRICTION_IN_FORCE,
    RESTRICTION_LIFTED,
    LiftReason,
    Restriction,
    is_effective,
)
from unlearn_core.domain.restrictions import (
    LIST_TYPE,
    RestrictionList,
    named,
    write_people,
)
from unlearn_core.domain.subjects import DataSubject, parse_subject
from unlearn_core.errors import (
    LeaseBusyError,
    ManifestInvalidError,
    SignatureInvalidError,
)
from unlearn_core.steps import scopes
from unlearn_core.steps.cut_off_replica import cut_offs, look_at
from unlearn_core.steps.restrict_request import (
    destroy_kept,
    end_restriction,
    restrictions,
)

LEASE_TIME = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionKeeper:
    """What keeping the list of one base model needs.

    Attributes:
        base_model: Name of the base model.
        validity: How long a list is valid.
        holder: Name of this process.
        cover: Names of people never met that are on the list as well.
    """

    base_model: str
    validity: timedelta
    holder: str
    cover: Sequence[str]
    registry: ports.ArtifactRegistry
    leases: ports.LeaseStore
    requests: ports.RequestStore
    ledger: ports.Ledger
    custody: ports.Custody
    fleet: ports.ServingFleet
    signer: ports.Signer
    envelopes: ports.EnvelopeOpener
    lists: ports.ListSealer
    clock: ports.Clock


def published_version(ledger: ports.Ledger) -> int:
    """Return the version of the list that replicas have to know; 0 for none."""
    versions = (
        int(str(entry.payload["version"]))
        for entry in ledger.entries(event=LIST_PUBLISHED)
        if not entry.is_erased
    )
    return max(versions, default=0)


def keep_restrictions(keeper: RestrictionKeeper) -> bool:
    """End what is over, publish the list if it has to be, see what is in force.

    Returns:
        Whether everything that is restricted is in force; not if somebody else is at
        it.

    Raises:
        RegistryUnavailableError: The registry does not answer.
    """
    if not any(keeper.ledger.entries(event=RESTRICTED)):
        return True
    try:
        lease = keeper.leases.acquire(
            f"restrictions/{keeper.base_model}", holder=keeper.holder, ttl=LEASE_TIME
        )
    except LeaseBusyError:
        return False
    try:
        version = _publish(keeper, lease)
        # Somebody may have ordered another one meanwhile.
        while version != _version(keeper):
            version = _publish(keeper, lease)
        return _see_force(keeper, version)
    finally:
        keeper.leases.release(lease)


def _publish(keeper: RestrictionKeeper, lease: Lease) -> int:
    """Publish the list if it is another one, or grows old; return its version."""
    # First, so that whatever is ordered meanwhile makes a later list.
    version = _version(keeper)
    open_ = _still_open(keeper)
    if not _is_published(version, keeper):
        _write(version, open_, keeper, lease)
        _destroy_left(keeper)
    if published_version(keeper.ledger) < version:
        keeper.ledger.note(
            LIST_PUBLISHED, {"version": version, "restricted": len(open_)}
        )
    return version


def _write(
    version: int,
    open_: Sequence[Restriction],
    keeper: RestrictionKeeper,
    lease: Lease,
) -> None:
    """Sign the list and publish it."""
    people = [_subject(item.request_id, keeper) for item in open_]
    if people:
        people += map(named, keeper.cover)
    now = keeper.clock.now()
    listed = RestrictionList(
        base_model=keeper.base_model,
        version=version,
        issued_at=now,
        expires_at=now + keeper.validity,
        people=keeper.lists.close(write_people(people), base_model=keeper.base_model),
    )
    keeper.leases.check(lease)
    keeper.registry.publish_restrictions(
        keeper.base_model,
        keeper.signer.sign(canonical_json(listed.to_json()), payload_type=LIST_TYPE),
    )


def _destroy_left(keeper: RestrictionKeeper) -> None:
    """Destroy what a process that was killed while it lifted has left."""
    for entry in keeper.ledger.entries(event=RESTRICTION_LIFTED):
        if entry.request_id is not None:
            destroy_kept(entry.request_id, desk=keeper)


def _is_published(version: int, keeper: RestrictionKeeper) -> bool:
    """Tell whether the registry has this list, and for long enough.

    One that cannot be read was cut off while it was written, or forged: another is
    written from the ledger, which owes nothing to it.
    """
    try:
        envelope = keeper.registry.restrictions(keeper.base_model)
        if envelope is None:
            return False
        payload = keeper.envelopes.open(envelope, payload_type=LIST_TYPE)
        listed = RestrictionList.from_json(json.loads(payload))
    except (SignatureInvalidError, ManifestInvalidError):
        return False
    is_fresh = listed.expires_at - keeper.clock.now() > keeper.validity / 2
    return is_fresh and (listed.base_model, listed.version) == (
        keeper.base_model,
        version,
    )


def _version(keeper: RestrictionKeeper) -> int:
    """Return the place of the last entry that changes the list."""
    return max(
        (
            entry.sequence
            for event in (RESTRICTED, RESTRICTION_LIFTED)
            for entry in keeper.ledger.entries(event=event)
        ),
        default=0,
    )


def _still_open(keeper: RestrictionKeeper) -> list[Restriction]:
    """Return the restrictions of this base model; end those that are over."""
    kept = []
    for item in restrictions(keeper.ledger).values():
        if not keeper.custody.holds(scopes.restriction(item.request_id)):
            # Its time was over, and with it the row of the request.
            reason = LiftReason.OUTLIVED
        elif is_effective(keeper.ledger.entries(item.request_id)):
            reason = LiftReason.EFFECTIVE
        else:
            if _is_ours(item, keeper):
                kept.append(item)
            continue
        end_restriction(item.request_id, {"reason": reason.value}, desk=keeper)
    return kept


def _is_ours(item: Restriction, keeper: RestrictionKeeper) -> bool:
    return keeper.requests.get(item.request_id).base_model == keeper.base_model


def _subject(request_id: RequestId, keeper: RestrictionKeeper) -> DataSubject:
    sealed = keeper.custody.get(scopes.restriction(request_id), scopes.CONTENT)
    return parse_subject(json.loads(sealed))


def _see_force(keeper: RestrictionKeeper, version: int) -> bool:
    """Record which restrictions every replica answers under by now."""
    waiting = [
        item
        for item in restrictions(keeper.ledger).values()
        if item.in_force_at is None
        and item.sequence <= version
        and _is_ours(item, keeper)
    ]
    if not waiting:
        return True
    seen = look_at(keeper.fleet.states(), cut_offs(keeper.ledger), sequence=0)
    asked = [item.state for item in seen if item.holds_up or not item.is_out]
    known = min((state.restrictions for state in asked), default=0)
    now = keeper.clock.now()
    for item in waiting:
        if item.sequence <= known:
            keeper.ledger.note(
                RESTRICTION_IN_FORCE,
                {
                    "version": version,
                    "replicas": len(asked),
                    "seconds": (now - item.since).total_seconds(),
                },
                request_id=item.request_id,
            )
    return all(item.sequence <= known for item in waiting)
