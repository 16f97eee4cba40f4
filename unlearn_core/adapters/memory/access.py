"""Access keys and sessions in memory."""

from dataclasses import replace
from datetime import datetime

from unlearn_core.domain.access import AccessKey, Session


class MemoryAccessStore:
    """`AccessStore` in memory."""

    def __init__(self) -> None:
        self._keys: dict[str, AccessKey] = {}
        self._sessions: dict[str, Session] = {}

    def add_key(self, key: AccessKey) -> None:
        """Keep a new key."""
        self._keys[key.key_id] = key

    def key(self, key_id: str) -> AccessKey | None:
        """Return a key, revoked or not."""
        return self._keys.get(key_id)

    def all_keys(self) -> tuple[AccessKey, ...]:
        """Return all keys, oldest first, revoked ones too."""
        return tuple(
            sorted(self._keys.values(), key=lambda key: (key.created_at, key.key_id))
        )

    def revoke_key(self, key_id: str, *, at: datetime) -> None:
        """End a key and every session that it opened; again changes nothing."""
        key = self._keys.get(key_id)
        if key is not None and key.revoked_at is None:
            self._keys[key_id] = replace(key, revoked_at=at)
        self._sessions = {
            digest: session
            for digest, session in self._sessions.items()
            if session.key_id != key_id
        }

    def start_session(self, session: Session) -> None:
        """Keep a new session."""
        self._sessions[session.digest] = session

    def session(self, digest: str) -> Session | None:
        """Return a session, over or not."""
        return self._sessions.get(digest)

    def touch_session(self, digest: str, *, at: datetime) -> None:
        """Note that a session was used."""
        if digest in self._sessions:
            self._sessions[digest] = replace(self._sessions[digest], seen_at=at)

    def end_session(self, digest: str) -> None:
        """Forget a session; again changes nothing."""
        self._sessions.pop(digest, None)

    def forget_sessions(self, *, now: datetime) -> None:
        """Forget every session that is over."""
        self._sessions = {
            digest: session
            for digest, session in self._sessions.items()
            if not session.is_over(now)
        }
