"""Pair: give an agent whose signature was verified the token that it shows from now on.

The token is an access key of its own role, so it is kept by its digest, counted and
ended like any other. A message that was used once is refused until it has expired.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from unlearn_core import ports
from unlearn_core.domain.access import (
    KEY_ADDED,
    KEY_REVOKED,
    AccessKey,
    Role,
    digest_of_secret,
    key_text,
)

KEY_ID_BYTES = 4
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingDesk:
    """What pairing needs."""

    access: ports.AccessStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    clock: ports.Clock


def pair_agent(
    agent_id: str, *, message: bytes, expires_at: datetime, desk: PairingDesk
) -> str:
    """Return a new token for an agent; those before it count no more.

    Args:
        agent_id: The agent.
        message: What it has signed.
        expires_at: When the message counts no more.
        desk: What pairing needs.

    Raises:
        LeaseBusyError: The message was used before.
    """
    now = desk.clock.now()
    digest = hashlib.sha256(message).hexdigest()
    # Never given back: whoever comes with the same message finds it taken.
    desk.leases.acquire(
        f"pairing/{digest}", holder=secrets.token_hex(8), ttl=expires_at - now
    )
    for key in desk.access.all_keys():
        is_the_agents = key.name == agent_id and key.roles == {Role.AGENT}
        if is_the_agents and key.revoked_at is None:
            desk.ledger.note(KEY_REVOKED, {"key": key.key_id})
            desk.access.revoke_key(key.key_id, at=now)
    key_id = secrets.token_hex(KEY_ID_BYTES)
    text = key_text(key_id, secrets.token_urlsafe(SECRET_BYTES))
    desk.ledger.note(KEY_ADDED, {"key": key_id, "roles": [Role.AGENT.value]})
    desk.access.add_key(
        AccessKey(
            key_id=key_id,
            name=agent_id,
            roles=frozenset({Role.AGENT}),
            digest=digest_of_secret(text),
            created_at=now,
        )
    )
    return text
