"""Who may look and who may decide: roles, keys, sessions, callers.

- A key is a long random value, so its plain SHA-256 digest cannot be reversed by
  guessing; only the digest is kept.
- A session is known by the digest of its token likewise, and ends when it was not used
  for a while, when its day is over, or when the key that opened it is revoked.
- A caller carries a pseudonym for the records beside the name that decides.
"""

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

KEY_ADDED = "access_key_added"
KEY_REVOKED = "access_key_revoked"
SIGNED_IN = "signed_in"
PERSONAL_DATA_ACCESSED = "personal_data_accessed"

KEY_PREFIX = "unlearn"
IDLE_TIME = timedelta(minutes=30)
LONGEST_SESSION = timedelta(hours=12)
"""OWASP ASVS 4.0.3, 3.3.2, for level 2: 30 minutes of inactivity, or 12 hours."""


class Role(StrEnum):
    """What somebody may do."""

    SUBJECT = "subject"
    OPERATOR = "operator"
    APPROVER = "approver"
    AUDITOR = "auditor"
    REPLICA = "replica"
    ADMIN = "admin"
    CONTROLLER = "controller"
    AGENT = "agent"


GRANTED = frozenset(Role) - {Role.SUBJECT}
"""Roles that a key or a sign-in can give; a subject has an opaque link instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who asks.

    Attributes:
        who: Pseudonym for the records, such as ``key:3fa9c1d2``.
        roles: What they may do.
        name: Name under which they decide, if they are an officer.
    """

    who: str
    roles: frozenset[Role]
    name: str = ""


ANYBODY = Caller(who="anybody", roles=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A key as it is kept.

    Attributes:
        key_id: Public beginning of the key.
        name: Whose it is; decisions are taken under this name.
        roles: What its holder may do.
        digest: SHA-256 of the whole key, in hexadecimal.
        revoked_at: When it ended, if it did.
    """

    key_id: str
    name: str
    roles: frozenset[Role]
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def caller(self) -> Caller:
        """Return whoever shows this key."""
        return Caller(who=f"key:{self.key_id}", roles=self.roles, name=self.name)

    def opens(self, text: str) -> bool:
        """Tell whether a text is this key, and the key still counts."""
        is_same = hmac.compare_digest(digest_of_secret(text), self.digest)
        return is_same and self.revoked_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser as it is kept.

    Attributes:
        digest: SHA-256 of the token in the cookie, in hexadecimal.
        caller: Who signed in.
        started_at: When.
        seen_at: When it was used last.
        key_id: The key that opened it, if it was one.
    """

    digest: str
    caller: Caller
    started_at: datetime
    seen_at: datetime
    key_id: str | None = None

    def is_over(self, now: datetime) -> bool:
        """Tell whether the token opens nothing any more."""
        return (
            now >= self.seen_at + IDLE_TIME or now >= self.started_at + LONGEST_SESSION
        )


def key_text(key_id: str, secret: str) -> str:
    """Return a key as its holder keeps it; scanners can tell it by its beginning."""
    return f"{KEY_PREFIX}_{key_id}_{secret}"


def read_key_id(text: str) -> str | None:
    """Return the public part of what may be a key."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    return key_id if prefix == KEY_PREFIX and key_id and secret else None


def digest_of_secret(text: str) -> str:
    """Return the digest by which a key or token is known."""
    return hashlib.sha256(text.encode()).hexdigest()


def form_token(session_token: str) -> str:
    """Return what every form of a session carries, so that no other site can send it.

    It is bound to the session and needs no memory: the HMAC-based token of OWASP's
    Cross-Site Request Forgery Prevention Cheat Sheet.
    """
    return hmac.digest(session_token.encode(), b"form", "sha256").hex()


def known_roles(names: Collection[object]) -> frozenset[Role]:
    """Return the roles among names that an issuer gives; others mean nothing here."""
    return frozenset(role for role in GRANTED if role.value in names)
