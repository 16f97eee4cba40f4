"""Renew: sign the serving pointer again before it expires.

Replicas stop answering when their pointer has expired, so that withheld erasures are
noticed. It is also signed again when the ledger says that other replicas are cut off
than it names, or that another list of restrictions has to be known. Nothing else
changes here: version, sequence and minimum stay as they are. A pointer that falls
behind the ledger, genuine as it may be, was put back by somebody and is not signed
again.
"""

import json
from dataclasses import dataclass, replace
from datetime import timedelta

from unlearn_core import ports
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.leases import base_resource
from unlearn_core.domain.pointers import POINTER_TYPE, ServingPointer
from unlearn_core.errors import LeaseBusyError
from unlearn_core.steps.cut_off_replica import cut_offs
from unlearn_core.steps.lineage import check_not_behind
from unlearn_core.steps.publish_restrictions import published_version

LEASE_TIME = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerKeeper:
    """What renewing the pointer of one base model needs.

    Attributes:
        base_model: Name of the base model.
        validity: How long a pointer is valid.
        holder: Name of this process.
    """

    base_model: str
    validity: timedelta
    holder: str
    registry: ports.ArtifactRegistry
    leases: ports.LeaseStore
    requests: ports.RequestStore
    ledger: ports.Ledger
    signer: ports.Signer
    envelopes: ports.EnvelopeOpener
    clock: ports.Clock


def renew_pointer(keeper: PointerKeeper) -> bool:
    """Publish the pointer again: half of its time is over, or it names others cut off.

    Returns:
        Whether it was renewed. It is not while a version is being made: promoting
        that version publishes a fresh one.

    Raises:
        RegistryUnavailableError: The registry does not answer.
        SignatureInvalidError: The published pointer is not genuine.
        DowngradeRefusedError: It falls behind the ledger.
    """
    try:
        lease = keeper.leases.acquire(
            base_resource(keeper.base_model), holder=keeper.holder, ttl=LEASE_TIME
        )
    except LeaseBusyError:
        return False
    try:
        return renew_held(keeper)
    finally:
        keeper.leases.release(lease)


def renew_held(keeper: PointerKeeper) -> bool:
    """Do as `renew_pointer`, for whoever holds the lease of the base model."""
    envelope = keeper.registry.pointer(keeper.base_model)
    if envelope is None:
        return False
    payload = keeper.envelopes.open(envelope, payload_type=POINTER_TYPE)
    pointer = ServingPointer.from_json(json.loads(payload))
    check_not_behind(
        pointer.sequence,
        keeper.base_model,
        requests=keeper.requests,
        ledger=keeper.ledger,
    )
    now = keeper.clock.now()
    cut_off = tuple(cut.replica for cut in cut_offs(keeper.ledger))
    listed = published_version(keeper.ledger)
    is_true = (pointer.cut_off, pointer.restrictions) == (cut_off, listed)
    if pointer.expires_at - now > keeper.validity / 2 and is_true:
        return False
    renewed = replace(
        pointer,
        issued_at=now,
        expires_at=now + keeper.validity,
        cut_off=cut_off,
        restrictions=listed,
    )
    keeper.registry.publish_pointer(
        keeper.base_model,
        keeper.signer.sign(
            canonical_json(renewed.to_json()), payload_type=POINTER_TYPE
        ),
    )
    return True
