"""Custody, evidence and training sources in memory."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from unlearn_core.adapters.connectors.matching import search
from unlearn_core.adapters.connectors.redaction import Redactor
from unlearn_core.adapters.connectors.specification import Row, SourceSpec
from unlearn_core.adapters.sealed_streams import seal_stream, unseal_stream
from unlearn_core.domain.canonical import Digest, digest_of
from unlearn_core.domain.datasets import RunningCommitment, keyed_commitment
from unlearn_core.domain.sources import SearchResult, SourceDescription, SourceRecord
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import (
    KeyDestroyedError,
    SourceUnreadableError,
    StorageError,
)
from unlearn_core.ports import Clock, KeyDestruction, Ledger

_KEY_BYTES = 32


@dataclass(slots=True)
class _Scope:
    key: bytes | None
    objects: dict[str, bytes] = field(default_factory=dict)
    evidence: KeyDestruction | None = None


class MemoryCustody:
    """`Custody` in memory; objects are sealed here too, so tampering shows.

    Attributes:
        is_reachable: Whether objects can be written and read.
    """

    def __init__(self, *, ledger: Ledger, clock: Clock) -> None:
        self.is_reachable = True
        self._ledger = ledger
        self._clock = clock
        self._scopes: dict[str, _Scope] = {}

    def open_scope(self, scope: str) -> None:
        """Create the scope's data key, unless it exists."""
        self._scopes.setdefault(scope, _Scope(key=secrets.token_bytes(_KEY_BYTES)))

    def put(self, scope: str, name: str, data: bytes) -> None:
        """Seal and store data."""
        self.write(scope, name, (data,))

    def get(self, scope: str, name: str) -> bytes:
        """Return sealed data."""
        return b"".join(self.read(scope, name))

    def write(self, scope: str, name: str, data: Iterable[bytes]) -> Digest:
        """Seal and store a stream; return the commitment to it."""
        key = self._key(scope)
        self._check_reachable()
        commitment = RunningCommitment(_commitment_key(key))
        sealed = seal_stream(key, commitment.over(data), purpose=f"{scope}/{name}")
        self._scopes[scope].objects[name] = b"".join(sealed)
        self._ledger.note("sealed_data_written", {"scope": scope, "name": name})
        return commitment.digest

    def read(self, scope: str, name: str) -> Iterator[bytes]:
        """Return sealed data piece by piece."""
        key = self._key(scope)
        self._check_reachable()
        sealed = self._scopes[scope].objects.get(name)
        if sealed is None:
            raise StorageError(missing=name)
        self._ledger.note("sealed_data_read", {"scope": scope, "name": name})
        return unseal_stream(key, (sealed,), purpose=f"{scope}/{name}")

    def has(self, scope: str, name: str) -> bool:
        """Tell whether an object can be read."""
        self._check_reachable()
        held = self._scopes.get(scope)
        return held is not None and name in held.objects

    def holds(self, scope: str) -> bool:
        """Tell whether the scope has a key that was not destroyed."""
        held = self._scopes.get(scope)
        return held is not None and held.key is not None

    def commit(self, scope: str, data: bytes) -> Digest:
        """Commit to data under a key derived from the scope's data key."""
        return keyed_commitment(_commitment_key(self._key(scope)), data)

    def shred(self, scope: str) -> KeyDestruction:
        """Destroy the scope's key and objects; a second call returns the evidence."""
        held = self._scopes.get(scope)
        if held is None:
            raise KeyDestroyedError(state="unknown")
        if held.evidence is None:
            held.evidence = KeyDestruction(
                key=digest_of(self._key(scope)),
                objects=len(held.objects),
                destroyed_at=self._clock.now(),
            )
            held.key = None
            held.objects.clear()
        return held.evidence

    def replace_sealed(self, scope: str, name: str, sealed: bytes) -> None:
        """Put other bytes where an object is stored, as an intruder might."""
        self._scopes[scope].objects[name] = sealed

    def _key(self, scope: str) -> bytes:
        held = self._scopes.get(scope)
        if held is None or held.key is None:
            raise KeyDestroyedError(state="unknown" if held is None else "destroyed")
        return held.key

    def _check_reachable(self) -> None:
        if not self.is_reachable:
            raise StorageError(kind="unreachable")


def _commitment_key(data_key: bytes) -> bytes:
    return hmac.new(data_key, b"commitment", hashlib.sha256).digest()


class MemoryEvidence:
    """`EvidenceStore` in memory.

    Attributes:
        documents: Documents by name.
        is_reachable: Whether the store can be written and read.
    """

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.is_reachable = True

    def put(self, name: str, data: bytes) -> None:
        """Store or replace a document."""
        self._check_reachable()
        self.documents[name] = data

    def get(self, name: str) -> bytes | None:
        """Return a document, if there is one."""
        self._check_reachable()
        return self.documents.get(name)

    def remove(self, name: str) -> None:
        """Remove a document."""
        self._check_reachable()
        self.documents.pop(name, None)

    def _check_reachable(self) -> None:
        if not self.is_reachable:
            raise StorageError(kind="unreachable")


class MemoryConnector:
    """`SourceConnector` over a list of rows.

    Args:
        spec: The source of the data map; its location is not used.
        rows: The rows; None stands for one that cannot be read.

    Attributes:
        rows: The rows that are left.
        is_reachable: Whether the source can be read and written.
    """

    def __init__(self, spec: SourceSpec, rows: Iterable[Row | None]) -> None:
        self.rows = list(rows)
        self.is_reachable = True
        self._spec = spec

    def describe(self) -> SourceDescription:
        """Say what the source is."""
        return self._spec.describe()

    def locate(self, subject: DataSubject) -> SearchResult:
        """Find every record that concerns the subject."""
        return search(self._read(), subject, self._spec)

    def read(self) -> Iterator[SourceRecord]:
        """Yield every readable record."""
        for row in self._read():
            if row is not None and self._spec.can_read(row):
                yield self._spec.record(row)

    def erase(self, record_ids: Collection[str], *, dry_run: bool) -> int:
        """Delete records; absent ones are no error. Return how many were there."""
        kept = [
            row for row in self._read() if not self._spec.may_erase(row, record_ids)
        ]
        present = len(self.rows) - len(kept)
        if not dry_run:
            self.rows = kept
        return present

    def confirm_absent(self, record_ids: Collection[str]) -> bool:
        """Read back and tell whether none of the records is left."""
        return not any(self._spec.may_erase(row, record_ids) for row in self._read())

    def redact(
        self, record_ids: Collection[str], subject: DataSubject, *, dry_run: bool
    ) -> int:
        """Redact records; return how many had anything to redact."""
        redactor = Redactor(subject, self._spec)
        after = [
            redactor.redact(row)
            if row is not None and self._spec.may_erase(row, record_ids)
            else row
            for row in self._read()
        ]
        changed = sum(new != old for new, old in zip(after, self.rows, strict=True))
        if not dry_run:
            self.rows = after
        return changed

    def confirm_redacted(
        self, record_ids: Collection[str], subject: DataSubject
    ) -> bool:
        """Read back and tell whether none of the records names the subject."""
        return self.redact(record_ids, subject, dry_run=True) == 0

    def held(self, record_ids: Collection[str]) -> frozenset[str]:
        """Return which of the records are on hold."""
        held = self._spec.ids(self._read(), held_only=True)
        return frozenset(record_ids).intersection(held)

    def _read(self) -> list[Row | None]:
        if not self.is_reachable:
            raise SourceUnreadableError(source=self._spec.name)
        return list(self.rows)
