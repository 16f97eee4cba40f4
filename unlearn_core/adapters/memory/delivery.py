"""The registry, tracked runs and the inference services in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.errors import RegistryUnavailableError
from unlearn_core.ports import RegisteredVersion, ReplicaState


@dataclass(slots=True)
class _Model:
    """One registered model.

    Attributes:
        last: Latest version number; never given twice.
    """

    last: int = 0
    versions: dict[str, RegisteredVersion] = field(default_factory=dict)
    bundles: dict[str, dict[str, bytes]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    pointer: bytes | None = None
    restrictions: bytes | None = None


class MemoryRegistry:
    """`ArtifactRegistry` in memory.

    Attributes:
        is_reachable: Whether the registry answers.
    """

    def __init__(self) -> None:
        self.is_reachable = True
        self._models: dict[str, _Model] = {}

    def register(
        self, base_model: str, bundle: Path, *, version: RegisteredVersion, run: str
    ) -> RegisteredVersion:
        """Keep a bundle's files and register it; the version number is filled in."""
        del run
        self._check_reachable()
        model = self._models.setdefault(base_model, _Model())
        model.last += 1
        registered = replace(version, version=str(model.last))
        model.versions[registered.version] = registered
        model.bundles[registered.version] = {
            path.name: path.read_bytes() for path in bundle.iterdir()
        }
        return registered

    def versions(self, base_model: str) -> tuple[RegisteredVersion, ...]:
        """Return all versions, oldest first; none if the model is unknown."""
        self._check_reachable()
        model = self._models.get(base_model)
        return tuple(model.versions.values()) if model else ()

    def delete(self, base_model: str, version: str) -> None:
        """Remove a version that was never promoted."""
        model = self._holding(base_model, version)
        del model.versions[version], model.bundles[version]
        model.aliases = {
            alias: number
            for alias, number in model.aliases.items()
            if number != version
        }

    def set_alias(self, base_model: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        self._holding(base_model, version).aliases[alias] = version

    def alias(self, base_model: str, alias: str) -> str | None:
        """Return the version that an alias points at."""
        self._check_reachable()
        model = self._models.get(base_model)
        return model.aliases.get(alias) if model else None

    def download(self, base_model: str, version: str, destination: Path) -> None:
        """Write a version's bundle into an empty folder."""
        for name, data in self._holding(base_model, version).bundles[version].items():
            (destination / name).write_bytes(data)

    def publish_restrictions(self, base_model: str, envelope: bytes) -> None:
        """Publish the signed list of restrictions, before any version as well."""
        self._check_reachable()
        self._models.setdefault(base_model, _Model()).restrictions = envelope

    def restrictions(self, base_model: str) -> bytes | None:
        """Return the published list of restrictions."""
        self._check_reachable()
        model = self._models.get(base_model)
        return model.restrictions if model else None

    def publish_pointer(self, base_model: str, envelope: bytes) -> None:
        """Publish the signed serving pointer."""
        self._check_reachable()
        if base_model not in self._models:
            raise RegistryUnavailableError(code="RESOURCE_DOES_NOT_EXIST")
        self._models[base_model].pointer = envelope

    def pointer(self, base_model: str) -> bytes | None:
        """Return the published serving pointer."""
        self._check_reachable()
        model = self._models.get(base_model)
        return model.pointer if model else None

    def _holding(self, base_model: str, version: str) -> _Model:
        """Return the model that has a version; an unknown one is refused."""
        self._check_reachable()
        model = self._models.get(base_model)
        if model is None or version not in model.versions:
            raise RegistryUnavailableError(code="RESOURCE_DOES_NOT_EXIST")
        return model

    def _check_reachable(self) -> None:
        if not self.is_reachable:
            raise RegistryUnavailableError(code="unreachable")


@dataclass(slots=True)
class MemoryRun:
    """One tracked run.

    Attributes:
        name: Its name.
        parameters: What it was started with.
        values: Numbers by name, each with its step, in order.
        files: Attached files by name.
        succeeded: How it ended; None while it runs.
    """

    name: str
    parameters: Mapping[str, JsonValue]
    values: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    succeeded: bool | None = None


class MemoryRunTracker:
    """`RunTracker` in memory.

    Attributes:
        runs: Runs by id.
        is_reachable: Whether the tracker answers.
    """

    def __init__(self) -> None:
        self.runs: dict[str, MemoryRun] = {}
        self.is_reachable = True

    def start(self, name: str, parameters: Mapping[str, JsonValue]) -> str:
        """Begin a run and return its id."""
        self._check_reachable()
        run = f"run-{len(self.runs) + 1}"
        self.runs[run] = MemoryRun(name=name, parameters=dict(parameters))
        return run

    def log(self, run: str, values: Mapping[str, float], *, step: int) -> None:
        """Record numbers of one step."""
        recorded = self._run(run).values
        for name, value in values.items():
            recorded.setdefault(name, []).append((step, value))

    def attach(self, run: str, name: str, data: bytes) -> None:
        """Attach a file, such as a plot or a report."""
        self._run(run).files[name] = data

    def finish(self, run: str, *, succeeded: bool) -> None:
        """End a run."""
        self._run(run).succeeded = succeeded

    def _run(self, run: str) -> MemoryRun:
        self._check_reachable()
        if run not in self.runs:
            raise RegistryUnavailableError(code="RESOURCE_DOES_NOT_EXIST")
        return self.runs[run]

    def _check_reachable(self) -> None:
        if not self.is_reachable:
            raise RegistryUnavailableError(code="unreachable")


class MemoryFleet:
    """`ServingFleet` whose replicas say what they are told to say.

    Args:
        replicas: Names of the replicas; each is unreachable until it serves.
    """

    def __init__(self, replicas: Iterable[str] = ("replica-1",)) -> None:
        self._states = {name: _silent(name) for name in replicas}

    def states(self) -> tuple[ReplicaState, ...]:
        """Ask every replica for its state; an unreachable one is not ready."""
        return tuple(self._states.values())

    def serve(
        self,
        replica: str,
        *,
        version: str,
        sequence: int,
        oldest_in_flight: int | None = None,
        is_best_effort: bool = False,
        restrictions: int = 0,
    ) -> None:
        """Let a replica answer with a version; its address is like its name."""
        self._states[replica] = ReplicaState(
            name=replica,
            is_ready=True,
            sequence=sequence,
            version=version,
            oldest_in_flight=oldest_in_flight,
            last_error="",
            restrictions=restrictions,
            is_best_effort=is_best_effort,
            address=_address(replica),
        )

    def stop(self, replica: str, *, oldest_in_flight: int | None = None) -> None:
        """Let a replica say that it knows that it is cut off."""
        self._states[replica] = replace(
            _silent(replica),
            name=replica,
            oldest_in_flight=oldest_in_flight,
            last_error="",
            is_reachable=True,
            is_silent=False,
            is_cut_off=True,
        )

    def call(self, replica: str, name: str) -> None:
        """Let a replica give itself another name."""
        self._states[replica] = replace(self._states[replica], name=name)

    def lose(self, replica: str) -> None:
        """Make a replica unreachable."""
        self._states[replica] = _silent(replica)

    def confuse(self, replica: str) -> None:
        """Let a replica take connections and say nothing sensible of itself."""
        self._states[replica] = replace(_silent(replica), is_silent=False)


def _address(name: str) -> str:
    return f"http://{name}"


def _silent(name: str) -> ReplicaState:
    """Return what is known of a replica that does not answer: its address."""
    return ReplicaState(
        name=_address(name),
        is_ready=False,
        sequence=0,
        version="",
        oldest_in_flight=None,
        last_error="unreachable",
        address=_address(name),
        is_reachable=False,
        is_silent=True,
    )
