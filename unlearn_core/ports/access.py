"""Keys and sessions of those who work with requests, and who vouches for people."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from unlearn_core.domain.access import AccessKey, Role, Session
from unlearn_core.privacy import Personal


class AccessStore(Protocol):
    """Access keys and sessions; only digests of secrets are kept."""

    def add_key(self, key: AccessKey) -> None:
        """Keep a new key."""
        ...

    def key(self, key_id: str) -> AccessKey | None:
        """Return a key, revoked or not."""
        ...

    def all_keys(self) -> tuple[AccessKey, ...]:
        """Return all keys, oldest first, revoked ones too."""
        ...

    def revoke_key(self, key_id: str, *, at: datetime) -> None:
        """End a key and every session that it opened; again changes nothing."""
        ...

    def start_session(self, session: Session) -> None:
        """Keep a new session."""
        ...

    def session(self, digest: str) -> Session | None:
        """Return a session, over or not."""
        ...

    def touch_session(self, digest: str, *, at: datetime) -> None:
        """Note that a session was used."""
        ...

    def end_session(self, digest: str) -> None:
        """Forget a session; again changes nothing."""
        ...

    def forget_sessions(self, *, now: datetime) -> None:
        """Forget every session that is over."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom an issuer vouches for.

    Attributes:
        subject: The issuer's identifier of the person.
        name: Name under which the person decides.
        roles: What the issuer says the person may do.
    """

    subject: Personal[str]
    name: str
    roles: frozenset[Role]


class LoginIssuer(Protocol):
    """An OpenID provider that people sign in with."""

    def address(self, *, state: str, nonce: str, challenge: str) -> str:
        """Return where a browser goes to sign in.

        Args:
            state: Comes back with the answer.
            nonce: Comes back inside the identity token.
            challenge: Base64url SHA-256 of the verifier (RFC 7636, S256).

        Raises:
            LoginUnavailableError: The issuer does not answer.
        """
        ...

    def identify(self, code: str, *, nonce: str, verifier: str) -> Identity:
        """Exchange a code for a checked identity.

        Raises:
            LoginRefusedError: The issuer does not vouch for it, or not as it must.
            LoginUnavailableError: The issuer does not answer.
        """
        ...
