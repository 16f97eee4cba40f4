"""Finds out who asks: keys of programs, sessions of people.

- Without any key, neither in the settings nor in the table, without an issuer of logins
  and without the console, the API is open to whoever reaches it. The first key closes
  it for good, also when that key is revoked.
- Pages of the console are never open.
"""

import hmac
import secrets
import threading
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import SecretStr

from unlearn_core import ports
from unlearn_core.domain.access import (
    ANYBODY,
    SIGNED_IN,
    AccessKey,
    Caller,
    Role,
    Session,
    digest_of_secret,
    read_key_id,
)
from unlearn_core.http_errors import ApiKeyError, LoginRefusedError
from unlearn_core.privacy import Pseudonymiser

PURPOSE = "console-caller"
TOKEN_BYTES = 32
PSEUDONYM_CHARACTERS = 16
TOUCH_TIME = timedelta(minutes=1)
"""A session's use is noted this often, not with every page."""

INSTALLATION = Caller(who="key:installation", roles=frozenset({Role.OPERATOR}))
"""Whoever shows the one key of the settings."""


@dataclass(slots=True, kw_only=True)
class Doors:
    """Knows who may come in.

    Attributes:
        access: Keys and sessions.
        ledger: Every sign-in is recorded there.
        clock: Judges sessions.
        pseudonymiser: Makes pseudonyms of people for the records.
        api_key: The one key of the settings, if there is one.
        issuer: Whom people sign in with, if it is configured.
        always_ask: Whether nobody comes in without a key, even before there is one.
    """

    access: ports.AccessStore
    ledger: ports.Ledger
    clock: ports.Clock
    pseudonymiser: Pseudonymiser
    api_key: SecretStr | None = None
    issuer: ports.LoginIssuer | None = None
    always_ask: bool = False
    _is_closed: threading.Event = field(default_factory=threading.Event, init=False)

    def by_key(self, authorization: str) -> Caller:
        """Return who shows a key.

        Args:
            authorization: The header of this name, empty if there is none.

        Raises:
            ApiKeyError: No key was sent, or an unknown or revoked one.
        """
        if self._is_open():
            return Caller(who=ANYBODY.who, roles=frozenset({Role.OPERATOR}))
        scheme, _, text = authorization.partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text:
            raise ApiKeyError
        if self.api_key is not None and hmac.compare_digest(
            text.encode(), self.api_key.get_secret_value().encode()
        ):
            return INSTALLATION
        return self._known(text).caller

    def by_session(self, token: str | None, *, is_use: bool = True) -> Caller | None:
        """Return who is signed in with a token; None if nobody is.

        Args:
            token: What the cookie holds.
            is_use: Whether a person asks; what a page does by itself keeps no session
                alive.
        """
        if not token:
            return None
        now = self.clock.now()
        session = self.access.session(digest_of_secret(token))
        if session is None or session.is_over(now) or self._lost_its_key(session):
            return None
        if is_use and now >= session.seen_at + TOUCH_TIME:
            self.access.touch_session(session.digest, at=now)
        return session.caller

    def sign_in_with_key(self, text: str) -> str:
        """Start a session for whoever shows a key; return its token.

        Raises:
            LoginRefusedError: The key is unknown or revoked.
        """
        try:
            key = self._known(text)
        except ApiKeyError:
            raise LoginRefusedError(problem="the key is not known") from None
        return self._start(key.caller, key_id=key.key_id)

    def sign_in(self, identity: ports.Identity) -> str:
        """Start a session for whom the issuer vouches for; return its token.

        Raises:
            LoginRefusedError: The issuer gave them no role here.
        """
        if not identity.roles:
            raise LoginRefusedError(problem="no role")
        # Always the first key: by another name, one officer would be two.
        key = self.pseudonymiser.first
        commitment = key.commit(purpose=PURPOSE, value=identity.subject)
        alias = commitment.rpartition(":")[2][:PSEUDONYM_CHARACTERS]
        caller = Caller(who=f"person:{alias}", roles=identity.roles, name=identity.name)
        return self._start(caller, key_id=None)

    def sign_out(self, token: str) -> None:
        """End a session."""
        self.access.end_session(digest_of_secret(token))

    def _start(self, caller: Caller, *, key_id: str | None) -> str:
        now = self.clock.now()
        self.access.forget_sessions(now=now)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self.ledger.note(
            SIGNED_IN, {"who": caller.who, "roles": [*sorted(caller.roles)]}
        )
        self.access.start_session(
            Session(
                digest=digest_of_secret(token),
                caller=caller,
                started_at=now,
                seen_at=now,
                key_id=key_id,
            )
        )
        return token

    def _known(self, text: str) -> AccessKey:
        key_id = read_key_id(text)
        key = self.access.key(key_id) if key_id else None
        if key is None or not key.opens(text):
            raise ApiKeyError
        return key

    def _lost_its_key(self, session: Session) -> bool:
        """Tell whether a session outlives its key, as one begun at that moment may."""
        if session.key_id is None:
            return False
        key = self.access.key(session.key_id)
        return key is None or key.revoked_at is not None

    def _is_open(self) -> bool:
        if self._is_closed.is_set():
            return False
        is_named = self.api_key is not None or self.issuer is not None
        if self.always_ask or is_named or self.access.all_keys():
            self._is_closed.set()
            return False
        return True
