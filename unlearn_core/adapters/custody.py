"""Custody of personal data: sealed objects under keys that can be destroyed.

Every scope (a request, or one purpose of a request) has its own random data key,
wrapped by the key-encryption key. Destroying the wrapped key makes every copy of the
scope's objects unreadable, backups included; the objects themselves are removed as
well. Every access is written to the ledger by name, never by content.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime

from unlearn_core.adapters.database.key_store import DatabaseKeyStore, WrappedKey
from unlearn_core.adapters.objects import ObjectStore
from unlearn_core.adapters.sealed_streams import seal_stream, unseal_stream
from unlearn_core.adapters.wrapping import KeyWrapping
from unlearn_core.domain.canonical import Digest
from unlearn_core.domain.datasets import RunningCommitment, keyed_commitment
from unlearn_core.errors import KeyDestroyedError, SealBrokenError, StorageError
from unlearn_core.ports import KeyDestruction, Ledger

KEY_BYTES = 32


class SealedCustody:
    """`Custody` over an object store and the database."""

    def __init__(
        self,
        *,
        wrapping: KeyWrapping,
        keys: DatabaseKeyStore,
        objects: ObjectStore,
        ledger: Ledger,
    ) -> None:
        self._wrapping = wrapping
        self._keys = keys
        self._objects = objects
        self._ledger = ledger

    def open_scope(self, scope: str) -> None:
        """Create the scope's data key, unless it exists."""
        if self._keys.get(scope) is None:
            key = secrets.token_bytes(KEY_BYTES)
            wrapped = self._wrapping.wrap(key, purpose=f"key/{scope}")
            self._keys.add(scope, wrapped)
            if not self._wrapping.is_current(wrapped, purpose=f"key/{scope}"):
                # The key was rotated in between, and may have passed this scope by;
                # the scope may also have got the key of somebody else at this moment.
                again = self._wrapping.wrap(key, purpose=f"key/{scope}")
                self._keys.rewrap(lambda _name, old: again if old == wrapped else old)

    def put(self, scope: str, name: str, data: bytes) -> None:
        """Seal and store data."""
        self.write(scope, name, (data,))

    def get(self, scope: str, name: str) -> bytes:
        """Return sealed data."""
        return b"".join(self.read(scope, name))

    def write(self, scope: str, name: str, data: Iterable[bytes]) -> Digest:
        """Seal and store a stream; return the commitment to it."""
        key = self._data_key(scope)
        commitment = RunningCommitment(_commitment_key(key))
        sealed = seal_stream(key, commitment.over(data), purpose=f"{scope}/{name}")
        self._objects.write_stream(f"{scope}/{name}", sealed)
        self._log("sealed_data_written", scope, name)
        return commitment.digest

    def read(self, scope: str, name: str) -> Iterator[bytes]:
        """Return sealed data piece by piece."""
        key = self._data_key(scope)
        stored = self._objects.read_stream(f"{scope}/{name}")
        if stored is None:
            raise StorageError(missing=name)
        self._log("sealed_data_read", scope, name)
        return unseal_stream(key, stored, purpose=f"{scope}/{name}")

    def has(self, scope: str, name: str) -> bool:
        """Tell whether an object can be read."""
        return self.holds(scope) and self._objects.has(f"{scope}/{name}")

    def holds(self, scope: str) -> bool:
        """Tell whether the scope has a key that was not destroyed."""
        held = self._keys.get(scope)
        return held is not None and held.wrapped is not None

    def commit(self, scope: str, data: bytes) -> Digest:
        """Commit to data under a key derived from the scope's data key."""
        return keyed_commitment(_commitment_key(self._data_key(scope)), data)

    def shred(self, scope: str) -> KeyDestruction:
        """Destroy the scope's key and objects; a second call returns the evidence."""
        if self._keys.destroy(scope) is None:
            raise KeyDestroyedError(state="unknown")
        if removed := self._objects.remove_all(scope):
            self._keys.count_removed(scope, removed)
        evidence = self._keys.get(scope)
        if evidence is None or evidence.destroyed_at is None:
            raise KeyDestroyedError(state="unknown")
        return KeyDestruction(
            key=evidence.digest,
            objects=evidence.objects_removed,
            destroyed_at=datetime.fromisoformat(evidence.destroyed_at),
        )

    def _data_key(self, scope: str) -> bytes:
        with suppress(SealBrokenError):
            return self._unwrapped(scope)
        # A rotation may have come between the look at the row and that at the keys.
        return self._unwrapped(scope)

    def rewrap(self) -> int:
        """Wrap every data key with the present key; return how many changed.

        One transaction: a crash leaves all of them as they were, and a repetition
        changes those only that are not wrapped so yet.
        """
        return self._keys.rewrap(self._rewrapped)

    def _rewrapped(self, scope: str, wrapped: bytes) -> bytes:
        purpose = f"key/{scope}"
        if self._wrapping.is_current(wrapped, purpose=purpose):
            return wrapped
        key = self._wrapping.unwrap(wrapped, purpose=purpose)
        return self._wrapping.wrap(key, purpose=purpose)

    def _unwrapped(self, scope: str) -> bytes:
        held: WrappedKey | None = self._keys.get(scope)
        if held is None or held.wrapped is None:
            raise KeyDestroyedError(state="unknown" if held is None else "destroyed")
        return self._wrapping.unwrap(held.wrapped, purpose=f"key/{scope}")

    def _log(self, event: str, scope: str, name: str) -> None:
        self._ledger.note(event, {"scope": scope, "name": name})


def _commitment_key(data_key: bytes) -> bytes:
    return hmac.new(data_key, b"commitment", hashlib.sha256).digest()
