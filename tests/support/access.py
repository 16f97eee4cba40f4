"""Callers, keys and clocks for tests of who may do what."""

from dataclasses import dataclass
from datetime import datetime

from support.domain import NOW

from unlearn_core import ports
from unlearn_core.domain.access import AccessKey, Role, digest_of_secret, key_text


@dataclass
class Watch:
    """A clock that a test moves.

    Attributes:
        seconds: The time it shows.
    """

    seconds: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


def access_key(
    *roles: Role,
    key_id: str = "00000001",
    name: str = "Olga Officer",
    created_at: datetime = NOW,
) -> tuple[str, AccessKey]:
    """Return a key as its holder keeps it, and as it is kept here."""
    text = key_text(key_id, f"secret-of-{key_id}")
    key = AccessKey(
        key_id=key_id,
        name=name,
        roles=frozenset(roles),
        digest=digest_of_secret(text),
        created_at=created_at,
    )
    return text, key


def give_key(store: ports.AccessStore, role: Role, *, name: str = "") -> str:
    """Add a key with one role and return it as its holder keeps it."""
    key_id = digest_of_secret(f"{role} {name}")[:8]
    text, key = access_key(role, key_id=key_id, name=name or f"the {role}")
    store.add_key(key)
    return text
