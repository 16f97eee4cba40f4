"""Every outside system as a Protocol; adapters implement them, steps use them.

Each port has an in-memory implementation in `adapters.memory`, held to the same
contract tests as the real ones. Errors named under Raises are part of the
contract.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from unlearn_core.domain.canonical import Digest, JsonValue
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import ErasureRequest, Outcome, RequestId, Stage
from unlearn_core.domain.sources import SearchResult, SourceDescription, SourceRecord
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.privacy import Personal


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


class RequestStore(Protocol):
    """Erasure requests, without the persons behind them."""

    def receive(
        self, request: ErasureRequest, payload: Mapping[str, JsonValue]
    ) -> None:
        """Store a new request together with its first ledger entry."""
        ...

    def get(self, request_id: RequestId) -> ErasureRequest:
        """Return a request.

        Raises:
            UnknownRequestError: There is no such request.
        """
        ...

    def all(self) -> tuple[ErasureRequest, ...]:
        """Return every request, oldest first."""
        ...

    def with_commitments(
        self, commitments: Collection[str]
    ) -> tuple[ErasureRequest, ...]:
        """Return the requests that share a commitment, oldest first."""
        ...


class Ledger(Protocol):
    """The append-only record of what happened, and the only truth of progress."""

    def advance(
        self,
        request_id: RequestId,
        stage: Stage,
        payload: Mapping[str, JsonValue],
        *,
        lease: Lease,
        outcome: Outcome | None = None,
    ) -> LedgerEntry:
        """Move a request to its next stage and record it, in one transaction.

        Raises:
            LeaseLostError: A larger fencing token was handed out.
            IllegalTransitionError: The stage may not follow the present one.
        """
        ...

    def note(
        self,
        event: str,
        payload: Mapping[str, JsonValue],
        *,
        request_id: RequestId | None = None,
        lease: Lease | None = None,
    ) -> LedgerEntry:
        """Record something that is not a change of stage.

        Raises:
            LeaseLostError: A lease was given and has been taken over.
        """
        ...

    def entries(self, request_id: RequestId | None = None) -> Iterator[LedgerEntry]:
        """Yield the entries of one request, or all, in order."""
        ...


class LeaseStore(Protocol):
    """Leases with fencing tokens."""

    def acquire(self, resource: str, *, holder: str, ttl: timedelta) -> Lease:
        """Take a free or expired lease; the token grows with every holder.

        Raises:
            LeaseBusyError: Another holder's lease has not expired.
        """
        ...

    def renew(self, lease: Lease, *, ttl: timedelta) -> Lease:
        """Extend a lease.

        Raises:
            LeaseLostError: Somebody else holds it now.
        """
        ...

    def check(self, lease: Lease) -> None:
        """Make sure that nobody has taken over.

        Raises:
            LeaseLostError: Somebody else holds it now.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give a lease back; a lost lease is left alone."""
        ...

    def is_free(self, resource: str) -> bool:
        """Tell whether nobody holds an unexpired lease."""
        ...


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

    def has(self, scope: str, name: str) -> bool:
        """Tell whether an object can be read."""
        ...

    def commit(self, scope: str, data: bytes) -> Digest:
        """Commit to data under a key that dies with the scope."""
        ...

    def shred(self, scope: str) -> KeyDestruction:
        """Destroy the scope's key and objects; a second call returns the evidence."""
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
        """
        ...

    def confirm_absent(self, record_ids: Collection[str]) -> bool:
        """Read back and tell whether none of the records is left.

        Raises:
            SourceUnreadableError: The source cannot be read at all.
        """
        ...


class Signer(Protocol):
    """Signs payloads into envelopes."""

    def sign(self, payload: bytes, *, payload_type: str) -> bytes:
        """Return a signed envelope in canonical form."""
        ...


class EnvelopeOpener(Protocol):
    """Checks envelopes with the trusted public keys."""

    def open(self, envelope: bytes, *, payload_type: str) -> bytes:
        """Return the payload of a genuine envelope.

        Raises:
            SignatureInvalidError: Form, type or signature is wrong.
        """
        ...


class PairSealer(Protocol):
    """Encrypts the file of an offset pair; readable with the artifact key only."""

    def close(self, pair: bytes, *, base_model: str) -> bytes:
        """Return the file to be stored."""
        ...

    def open(self, stored: bytes, *, base_model: str) -> bytes:
        """Return the pair's own file.

        Raises:
            SealBrokenError: The file was changed or belongs to another base model.
        """
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """One version of a registered model.

    Attributes:
        version: Version number as the registry writes it.
        manifest: Digest of the manifest.
        sequence: Sequence of the manifest.
        request_id: The request that caused it.
    """

    version: str
    manifest: Digest
    sequence: int
    request_id: str


class ArtifactRegistry(Protocol):
    """The registry of offset pairs, one registered model per base.

    Every method raises `RegistryUnavailableError` when the registry is away.
    """

    def register(
        self, base_model: str, bundle: Path, *, version: RegisteredVersion, run: str
    ) -> RegisteredVersion:
        """Upload a bundle and register it; the version number is filled in."""
        ...

    def versions(self, base_model: str) -> tuple[RegisteredVersion, ...]:
        """Return all versions, oldest first; none if the model is unknown."""
        ...

    def delete(self, base_model: str, version: str) -> None:
        """Remove a version that was never promoted."""
        ...

    def set_alias(self, base_model: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        ...

    def alias(self, base_model: str, alias: str) -> str | None:
        """Return the version that an alias points at."""
        ...

    def download(self, base_model: str, version: str, destination: Path) -> None:
        """Fetch a version's bundle into an empty folder."""
        ...

    def publish_pointer(self, base_model: str, envelope: bytes) -> None:
        """Publish the signed serving pointer."""
        ...

    def pointer(self, base_model: str) -> bytes | None:
        """Return the published serving pointer."""
        ...


class RunTracker(Protocol):
    """Training runs for people to look at; nothing is decided from them.

    Every method raises `RegistryUnavailableError` when the tracker is away.
    """

    def start(self, name: str, parameters: Mapping[str, JsonValue]) -> str:
        """Begin a run and return its id."""
        ...

    def log(self, run: str, values: Mapping[str, float], *, step: int) -> None:
        """Record numbers of one step."""
        ...

    def attach(self, run: str, name: str, data: bytes) -> None:
        """Attach a file, such as a plot or a report."""
        ...

    def finish(self, run: str, *, succeeded: bool) -> None:
        """End a run."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaState:
    """What one inference service says of itself.

    Attributes:
        name: Name of the replica.
        is_ready: Whether it answers requests.
        sequence: Sequence of the version that new requests get, 0 for none.
        version: Registered version that new requests get.
        oldest_in_flight: Lowest sequence still answering, None if idle.
        last_error: Code of its last refusal, empty if none.
    """

    name: str
    is_ready: bool
    sequence: int
    version: str
    oldest_in_flight: int | None
    last_error: str


class ServingFleet(Protocol):
    """The inference services of one base model."""

    def states(self) -> tuple[ReplicaState, ...]:
        """Ask every replica for its state; an unreachable one is not ready."""
        ...


class Notifier(Protocol):
    """Tells the data subject."""

    def notify(
        self, request: ErasureRequest, *, template: str, contact: Personal[str] | None
    ) -> None:
        """Deliver a message made from a template; sending twice is harmless."""
        ...


class WorkflowTrigger(Protocol):
    """Starts the flow for a request."""

    def start(self, request_id: RequestId, *, attempt: int) -> None:
        """Ask for a run; the same request and attempt never run twice.

        Raises:
            OrchestratorUnavailableError: The orchestrator does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDecision:
    """What an identity policy decided.

    Attributes:
        is_verified: Whether the requester is believed to be the subject.
        method: Name of the policy.
        reason: Code of the reason for a refusal, empty otherwise.
    """

    is_verified: bool
    method: str
    reason: str


class IdentityPolicy(Protocol):
    """Decides whether the requester is the data subject."""

    def decide(
        self, subject: DataSubject, evidence: Personal[str] | None, *, now: datetime
    ) -> IdentityDecision:
        """Judge the evidence."""
        ...
