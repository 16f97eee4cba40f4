"""What every registry, run tracker and serving fleet promises."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from mlflow.tracking import MlflowClient
from support.domain import digest, request_id
from support.mlflow_store import DOWN, mlflow_store
from support.replicas import silent_address, state_pages

from unlearn_core import ports
from unlearn_core.adapters.memory.delivery import (
    MemoryFleet,
    MemoryRegistry,
    MemoryRunTracker,
)
from unlearn_core.adapters.mlflow_registry import (
    MlflowArtifactRegistry,
    MlflowRunTracker,
)
from unlearn_core.adapters.serving_fleet import HttpServingFleet
from unlearn_core.domain.artifacts import registered_model_name
from unlearn_core.errors import RegistryUnavailableError
from unlearn_core.ports import RegisteredVersion, ReplicaState

ABSENT = "404"


@dataclass(frozen=True)
class Delivery:
    """A registry with its tracker, and a pair of the same kind that is down."""

    registry: ports.ArtifactRegistry
    runs: ports.RunTracker
    registry_down: ports.ArtifactRegistry
    runs_down: ports.RunTracker
    base_model: str

    def register(
        self, folder: Path, sequence: int = 1, *, data: bytes = b"sealed"
    ) -> RegisteredVersion:
        """Register a bundle of two files."""
        bundle = folder / f"bundle-{sequence}"
        bundle.mkdir()
        (bundle / "manifest.json").write_bytes(b"{}")
        (bundle / "pair.safetensors").write_bytes(data)
        return self.registry.register(
            self.base_model,
            bundle,
            version=wanted(sequence),
            run=self.runs.start(f"erasure-{sequence}", {"rung": 0}),
        )


def wanted(sequence: int) -> RegisteredVersion:
    """Return a version that has no number yet."""
    return RegisteredVersion(
        version="",
        manifest=digest(f"manifest {sequence}"),
        sequence=sequence,
        request_id=str(request_id(sequence)),
    )


@pytest.fixture(scope="module")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of one real store; every test has its own base model."""
    with mlflow_store(tmp_path_factory.mktemp("mlflow")) as uri:
        yield uri


@pytest.fixture(
    params=["memory", pytest.param("mlflow", marks=pytest.mark.integration)]
)
def delivery(request: pytest.FixtureRequest) -> Delivery:
    """Return an empty registry of each kind."""
    if request.param == "memory":
        registry_down, runs_down = MemoryRegistry(), MemoryRunTracker()
        registry_down.is_reachable = runs_down.is_reachable = False
        return Delivery(
            registry=MemoryRegistry(),
            runs=MemoryRunTracker(),
            registry_down=registry_down,
            runs_down=runs_down,
            base_model="small-world",
        )
    uri = request.getfixturevalue("mlflow_uri")
    return Delivery(
        registry=MlflowArtifactRegistry(uri),
        runs=MlflowRunTracker(uri),
        registry_down=MlflowArtifactRegistry(DOWN),
        runs_down=MlflowRunTracker(DOWN),
        base_model=f"small-world-{uuid4().hex}",
    )


def test_an_unknown_model_has_nothing(delivery: Delivery) -> None:
    assert delivery.registry.versions("never-seen") == ()
    assert delivery.registry.alias("never-seen", "serving") is None
    assert delivery.registry.pointer("never-seen") is None
    assert delivery.registry.restrictions("never-seen") is None


@pytest.mark.parametrize("sizes", [(10,), (9000, 20), (20, 9000)])
def test_a_list_of_restrictions_is_kept_whatever_its_size_and_before_any_version(
    delivery: Delivery, sizes: tuple[int, ...]
) -> None:
    """A later one replaces it, a shorter one too; the pointer is another thing."""
    for size in sizes:
        envelope = ("x" * (size - 1) + "y").encode()
        delivery.registry.publish_restrictions(delivery.base_model, envelope)
        assert delivery.registry.restrictions(delivery.base_model) == envelope
    assert delivery.registry.pointer(delivery.base_model) is None
    assert delivery.registry.versions(delivery.base_model) == ()


@pytest.mark.integration
def test_nothing_of_a_longer_list_is_left_behind_a_shorter_one(mlflow_uri: str) -> None:
    base_model = f"small-world-{uuid4().hex}"
    registry = MlflowArtifactRegistry(mlflow_uri)
    for size in (13_000, 20):
        registry.publish_restrictions(base_model, b"x" * size)
    model = MlflowClient(mlflow_uri).get_registered_model(
        registered_model_name(base_model)
    )
    assert model.tags == {
        "unlearn.restrictions": "1",
        "unlearn.restrictions.0": "x" * 20,
    }


def test_a_registered_version_gets_the_next_number(
    delivery: Delivery, tmp_path: Path
) -> None:
    first = delivery.register(tmp_path, 1)
    second = delivery.register(tmp_path, 2)
    assert first == replace(wanted(1), version="1")
    assert second == replace(wanted(2), version="2")
    assert delivery.registry.versions(delivery.base_model) == (first, second)


def test_versions_are_in_numerical_order(delivery: Delivery, tmp_path: Path) -> None:
    for sequence in range(1, 12):
        delivery.register(tmp_path, sequence)
    numbers = [item.version for item in delivery.registry.versions(delivery.base_model)]
    assert numbers == [str(number) for number in range(1, 12)]


def test_models_of_different_bases_do_not_mix(
    delivery: Delivery, tmp_path: Path
) -> None:
    delivery.register(tmp_path)
    assert delivery.registry.versions(delivery.base_model + "-2") == ()


def test_a_bundle_is_downloaded_byte_by_byte(
    delivery: Delivery, tmp_path: Path
) -> None:
    data = bytes(range(256))
    delivery.register(tmp_path, 1, data=b"another version")
    version = delivery.register(tmp_path, 2, data=data)
    folder = tmp_path / "fetched"
    folder.mkdir()
    delivery.registry.download(delivery.base_model, version.version, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "manifest.json": b"{}",
        "pair.safetensors": data,
    }


def test_a_deleted_version_is_gone_and_its_number_is_not_given_again(
    delivery: Delivery, tmp_path: Path
) -> None:
    first = delivery.register(tmp_path, 1)
    second = delivery.register(tmp_path, 2)
    delivery.registry.set_alias(delivery.base_model, "candidate", second.version)
    delivery.registry.delete(delivery.base_model, second.version)
    assert delivery.registry.versions(delivery.base_model) == (first,)
    assert delivery.registry.alias(delivery.base_model, "candidate") is None
    assert delivery.register(tmp_path, 3).version == "3"


def test_an_alias_points_where_it_was_last_set(
    delivery: Delivery, tmp_path: Path
) -> None:
    for sequence in (1, 2):
        version = delivery.register(tmp_path, sequence)
        delivery.registry.set_alias(delivery.base_model, "serving", version.version)
    delivery.registry.set_alias(delivery.base_model, "verified", "1")
    assert delivery.registry.alias(delivery.base_model, "serving") == "2"
    assert delivery.registry.alias(delivery.base_model, "verified") == "1"
    assert delivery.registry.alias(delivery.base_model, "candidate") is None


def test_a_version_that_does_not_exist_cannot_be_used(
    delivery: Delivery, tmp_path: Path
) -> None:
    delivery.register(tmp_path)
    base = delivery.base_model
    uses: tuple[Callable[[], object], ...] = (
        lambda: delivery.registry.set_alias(base, "serving", ABSENT),
        lambda: delivery.registry.delete(base, ABSENT),
        lambda: delivery.registry.download(base, ABSENT, tmp_path),
    )
    for use in uses:
        with pytest.raises(RegistryUnavailableError):
            use()


def test_the_latest_pointer_is_published_unchanged(
    delivery: Delivery, tmp_path: Path
) -> None:
    delivery.register(tmp_path)
    assert delivery.registry.pointer(delivery.base_model) is None
    for envelope in (
        b'{"payload":"MQ=="}',
        b'{"payload":"Mg==","x":"' + b"y" * 2000 + b'"}',
    ):
        delivery.registry.publish_pointer(delivery.base_model, envelope)
        assert delivery.registry.pointer(delivery.base_model) == envelope


def test_there_is_no_pointer_without_a_version(delivery: Delivery) -> None:
    with pytest.raises(RegistryUnavailableError):
        delivery.registry.publish_pointer("never-seen", b"{}")


def test_a_registry_that_is_down_says_so_whatever_is_asked(
    delivery: Delivery, tmp_path: Path
) -> None:
    down, base = delivery.registry_down, delivery.base_model
    asks: tuple[Callable[[], object], ...] = (
        lambda: down.register(base, tmp_path, version=wanted(1), run="run"),
        lambda: down.versions(base),
        lambda: down.delete(base, "1"),
        lambda: down.set_alias(base, "serving", "1"),
        lambda: down.alias(base, "serving"),
        lambda: down.download(base, "1", tmp_path),
        lambda: down.publish_pointer(base, b"{}"),
        lambda: down.pointer(base),
        lambda: down.publish_restrictions(base, b"{}"),
        lambda: down.restrictions(base),
    )
    for ask in asks:
        with pytest.raises(RegistryUnavailableError):
            ask()


def test_a_run_takes_numbers_and_files_until_it_ends(delivery: Delivery) -> None:
    run = delivery.runs.start("erasure-1-rung-0", {"rung": 0, "rate": 0.5})
    for step in (5, 10):
        delivery.runs.log(run, {"forget_loss": 1.0 / step, "share": 0.5}, step=step)
    delivery.runs.attach(run, "report.json", b"{}")
    delivery.runs.attach(run, "verification/plot.png", b"\x89PNG")
    delivery.runs.finish(run, succeeded=True)
    assert delivery.runs.start("erasure-1-rung-1", {}) != run


def test_a_tracker_that_is_down_says_so_whatever_is_asked(
    delivery: Delivery,
) -> None:
    down = delivery.runs_down
    asks: tuple[Callable[[], object], ...] = (
        lambda: down.start("erasure-1", {}),
        lambda: down.log("run", {"loss": 1.0}, step=1),
        lambda: down.attach("run", "report.json", b"{}"),
        lambda: down.finish("run", succeeded=True),
    )
    for ask in asks:
        with pytest.raises(RegistryUnavailableError):
            ask()


def test_a_run_that_was_never_started_is_refused(delivery: Delivery) -> None:
    absent = "0" * 32
    asks: tuple[Callable[[], object], ...] = (
        lambda: delivery.runs.log(absent, {"loss": 1.0}, step=1),
        lambda: delivery.runs.attach(absent, "report.json", b"{}"),
        lambda: delivery.runs.finish(absent, succeeded=True),
    )
    for ask in asks:
        with pytest.raises(RegistryUnavailableError):
            ask()


SERVING = ReplicaState(
    name="replica-1",
    is_ready=True,
    sequence=2,
    version="7",
    oldest_in_flight=1,
    last_error="",
)


SILENT = silent_address().removeprefix("http://")


@pytest.fixture(params=["memory", "http"])
def fleet(request: pytest.FixtureRequest) -> Iterator[ports.ServingFleet]:
    """Return a fleet of a serving, an idle, a cut off and an unreachable replica."""
    if request.param == "memory":
        memory = MemoryFleet(("replica-1", "replica-2", "replica-3", SILENT))
        memory.serve("replica-1", version="7", sequence=2, oldest_in_flight=1)
        memory.serve("replica-2", version="7", sequence=2, restrictions=12)
        memory.stop("replica-3")
        memory.lose(SILENT)
        yield memory
        return
    pages = [
        {
            "replica": f"replica-{number}",
            "is_ready": True,
            "sequence": 2,
            "version": "7",
            "oldest_in_flight": oldest,
            "last_error": "",
        }
        # One that was made before there were restrictions says nothing of them.
        | ({"restrictions": 12} if number == 2 else {})
        for number, oldest in ((1, 1), (2, None))
    ]
    stopped = pages[1] | {
        "replica": "replica-3",
        "is_ready": False,
        "sequence": 0,
        "version": "",
        "is_cut_off": True,
    }
    with state_pages(*pages, stopped) as addresses:
        yield HttpServingFleet([*addresses, f"http://{SILENT}"])


def test_every_replica_is_asked_and_a_silent_one_is_not_ready(
    fleet: ports.ServingFleet,
) -> None:
    serving, idle, stopped, silent = fleet.states()
    assert replace(serving, address="") == SERVING
    assert replace(idle, address="") == replace(
        SERVING, name="replica-2", oldest_in_flight=None, restrictions=12
    )
    assert stopped.is_cut_off
    assert stopped.has_stopped
    assert silent == ReplicaState(
        name=f"http://{SILENT}",
        is_ready=False,
        sequence=0,
        version="",
        oldest_in_flight=None,
        last_error="unreachable",
        address=f"http://{SILENT}",
        is_reachable=False,
        is_silent=True,
    )
    assert not silent.has_stopped


def test_replicas_are_known_by_address_too(fleet: ports.ServingFleet) -> None:
    addresses = [state.address for state in fleet.states()]
    assert all(address.startswith("http://") for address in addresses)
    assert len(set(addresses)) == len(addresses)
