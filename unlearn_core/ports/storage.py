"""Where personal data is found, and where it is sealed."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from unlearn_core.domain.canonical import Digest
from unlearn_core.domain.drop import Stated
from unlearn_core.domain.sources import SearchResult, SourceDescription, SourceRecord
from unlearn_core.domain.subjects import DataSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDestruction:
    """Evidence that the key of a scope was destroyed.

    Attributes:
        key: Digest of the wrapped key that was destroyed.
        objects: Number of sealed objects removed with it.
        destroyed_at: Moment of destruction.
    """

    key: Digest
    objects: int
    destroyed_at: datetime


class Custody(Protocol):
    """Sealed storage of personal data, one destroyable key per scope."""

    def open_scope(self, scope: str) -> None:
        """Create the scope's data key, unless it exists."""
        ...

    def put(self, scope: str, name: str, data: bytes) -> None:
        """Seal and store data; the plain text never touches the disk.

        Raises:
            KeyDestroyedError: The scope was shredded.
            StorageError: The store cannot be written.
        """
        ...

    def get(self, scope: str, name: str) -> bytes:
        """Return sealed data.

        Raises:
            KeyDestroyedError: The scope was shredded.
            SealBrokenError: The stored object was changed.
            StorageError: There is no such object.
        """
        ...

    def write(self, scope: str, name: str, data: Iterable[bytes]) -> Digest:
        """Seal and store a stream without holding it; return the commitment to it.

        What was stored under the name stays until the stream has ended.

        Raises:
            KeyDestroyedError: The scope was shredded.
            StorageError: The store cannot be written.
        """
        ...

    def read(self, scope: str, name: str) -> Iterator[bytes]:
        """Return sealed data piece by piece; act on it only when it has ended.

        Raises:
            KeyDestroyedError: The scope was shredded.
            SealBrokenError: The stored object was changed, or ends too early; told
                while reading.
            StorageError: There is no such object.
        """
        ...

    def has(self, scope: str, name: str) -> bool:
        """Tell whether an object can be read.

        Raises:
            StorageError: The store cannot be read.
        """
        ...

    def holds(self, scope: str) -> bool:
        """Tell whether the scope has a key that was not destroyed."""
        ...

    def commit(self, scope: str, data: bytes) -> Digest:
        """Commit to data under a key that dies with the scope."""
        ...

    def shred(self, scope: str) -> KeyDestruction:
        """Destroy the scope's key and objects; a second call returns the evidence."""
        ...


class EvidenceStore(Protocol):
    """Certificates and other evidence; holds no personal data."""

    def put(self, name: str, data: bytes) -> None:
        """Store or replace a document.

        Raises:
            StorageError: The store cannot be written.
        """
        ...

    def get(self, name: str) -> bytes | None:
        """Return a document, if there is one.

        Raises:
            StorageError: The store cannot be read.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a document, all versions of it; an absent one is no error.

        Raises:
            StorageError: The store cannot be changed.
        """
        ...


class SourceConnector(Protocol):
    """One training source."""

    def describe(self) -> SourceDescription:
        """Say what the source is."""
        ...

    def locate(self, subject: DataSubject) -> SearchResult:
        """Find every record that concerns the subject.

        Raises:
            SourceUnreadableError: The source cannot be read at all.
        """
        ...

    def read(self) -> Iterator[SourceRecord]:
        """Yield every readable record.

        Raises:
            SourceUnreadableError: The source cannot be read at all.
        """
        ...

    def erase(self, record_ids: Collection[str], *, dry_run: bool) -> int:
        """Delete records; absent ones are no error. Return how many were there.

        Raises:
            SourceUnreadableError: The source cannot be read or written.
            StorageError: There is no room to rewrite it; nothing was erased.
        """
        ...

    def confirm_absent(self, record_ids: Collection[str]) -> bool:
        """Read back and tell whether none of the records is left that may be erased.

        Raises:
            SourceUnreadableError: The source cannot be read at all.
        """
        ...


@runtime_checkable
class FindsQuotes(Protocol):
    """A source that can be searched for what found records say."""

    def quoting(self, originals: Sequence[SourceRecord]) -> tuple[SourceRecord, ...]:
        """Return other records that quote or nearly copy them: what, and how much.

        Raises:
            SourceUnreadableError: The source cannot be read at all.
        """
        ...


@runtime_checkable
class KeepsHolds(Protocol):
    """A source that says itself which of its records have to stay.

    Such a source never erases them, whatever was said when it was searched.
    """

    def held(self, record_ids: Collection[str]) -> frozenset[str]:
        """Return which of the records are on hold.

        Raises:
            SourceUnreadableError: The source cannot be read at all.
        """
        ...


@runtime_checkable
class Redacts(Protocol):
    """A source whose records can be redacted: what identifies somebody goes."""

    def redact(
        self, record_ids: Collection[str], subject: DataSubject, *, dry_run: bool
    ) -> int:
        """Redact records; return how many had anything to redact.

        Raises:
            SourceChangedError: Somebody else wrote to the source meanwhile.
            SourceUnreadableError: The source cannot be read or written.
            StorageError: There is no room to rewrite it; nothing was redacted.
        """
        ...

    def confirm_redacted(
        self, record_ids: Collection[str], subject: DataSubject
    ) -> bool:
        """Read back and tell whether no record that may be erased names the subject.

        Raises:
            SourceUnreadableError: The source cannot be read at all.
        """
        ...


@runtime_checkable
class TellsIdentities(Protocol):
    """A source whose records can be compared with digests of identifiers."""

    def describe(self) -> SourceDescription:
        """Say what the source is."""
        ...

    def identities(self) -> Iterator[Stated | None]:
        """Yield what each present record states; None for one that is unreadable.

        Raises:
            SourceUnreadableError: The source cannot be read at all.
        """
        ...


@runtime_checkable
class TellsApart(Protocol):
    """A source that notices if records share an identifier.

    Erasing goes by it, so it would reach a record that nobody found or decided about.
    """

    def shared(self, found: Mapping[str, int]) -> frozenset[str]:
        """Return identifiers that more records have than were found.

        Records on hold count: beside one that came on hold meanwhile, a stranger's
        would be erased.

        Args:
            found: Identifier to the number of present records that were found with
                it, 0 for what only earlier versions have.

        Raises:
            SourceUnreadableError: The source cannot be read at all.
        """
        ...
