"""From the registry of offset pairs to the inference services."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from unlearn_core.domain.canonical import Digest, JsonValue


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

    def publish_restrictions(self, base_model: str, envelope: bytes) -> None:
        """Publish the signed list of restrictions, before any version as well."""
        ...

    def restrictions(self, base_model: str) -> bytes | None:
        """Return the published list of restrictions."""
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
        is_best_effort: Whether it knows the base's law in part only.
        address: Where it is asked.
        is_reachable: Whether it said so itself; if not, nothing is known of it.
        is_silent: Whether nobody takes a connection at its address. One that takes
            it and says nothing sensible may be answering others.
        is_cut_off: Whether it has read that it is cut off.
        restrictions: Version of the list of restrictions under which all of its
            answers are, those that still run included; 0 for none.
    """

    name: str
    is_ready: bool
    sequence: int
    version: str
    oldest_in_flight: int | None
    last_error: str
    is_best_effort: bool = False
    address: str = ""
    is_reachable: bool = True
    is_silent: bool = False
    is_cut_off: bool = False
    restrictions: int = 0

    @property
    def has_stopped(self) -> bool:
        """Tell whether it was cut off, knows it, and answers nobody any more."""
        return self.is_cut_off and not self.is_ready and self.oldest_in_flight is None

    def serves(self, sequence: int) -> bool:
        """Tell whether it answers with a version or later ones, and no other."""
        oldest = self.oldest_in_flight
        return (
            self.is_ready
            and self.sequence >= sequence
            and (oldest is None or oldest >= sequence)
        )


class ServingFleet(Protocol):
    """The inference services of one base model."""

    def states(self) -> tuple[ReplicaState, ...]:
        """Ask every replica for its state; an unreachable one is not ready."""
        ...
