"""A whole controller in miniature: ports in memory, real sources, random models.

The whole story of a request takes about a second, because the models are tiny, the
world is small and a recipe has two steps. What the models say is noise, so the
policies here accept or reject whatever they see.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID
from zoneinfo import ZoneInfo

import torch
from support.smallworld import write_world
from support.verdicts import gate, policy

from unlearn_core.adapters.connectors.data_map import OpenedDataMap, open_data_map
from unlearn_core.adapters.memory.contact import (
    MemoryIdentityPolicy,
    MemoryNotifier,
    MemoryTrigger,
)
from unlearn_core.adapters.memory.delivery import MemoryRegistry, MemoryRunTracker
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.signing import MemoryNotary, MemoryPairSealer
from unlearn_core.adapters.memory.storage import MemoryCustody, MemoryEvidence
from unlearn_core.adapters.recipients import FileRegister
from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.certificates import (
    PAYLOAD_TYPE,
    ErasureCertificate,
    certificate_name,
    check_certificate,
)
from unlearn_core.domain.data_map import Sizes
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.pointers import POINTER_TYPE, ServingPointer
from unlearn_core.domain.requests import Channel, RequestId
from unlearn_core.domain.subjects import DataSubject, parse_subject
from unlearn_core.domain.verdicts import AcceptancePolicy, Comparison, Side
from unlearn_core.modeling.bundles import read_manifest
from unlearn_core.modeling.weights import new_model
from unlearn_core.ports import ReplicaState
from unlearn_core.privacy import Personal, Pseudonymiser
from unlearn_core.smallworld.base_model import (
    ModelRecipe,
    WorldRecipe,
    _config,
    train_tokenizer,
)
from unlearn_core.smallworld.corpus import Document
from unlearn_core.smallworld.people import Person, Population, populate
from unlearn_core.smallworld.phrasing import QUESTIONS
from unlearn_core.smallworld.sources import BASE_MODEL_NAME, SourcePaths
from unlearn_core.steps.receive_request import FrontDesk, Submission, receive_request
from unlearn_core.steps.workbench import ModelShelf, Terms, Workbench
from unlearn_core.training.recipe import TrainingRecipe

BASE_MODEL = BASE_MODEL_NAME
LEASE_TIME = timedelta(seconds=30)
TRAINED, RESERVED, TWINS = 4, 6, 2
SMALL_SIZES = Sizes(
    twins=TWINS,
    twin_versions=1,
    neighbour_probes=1,
    retained_probes=1,
    plain_texts=2,
    strangers=2,
    control_questions=1,
    alternatives=1,
)

RECIPE = TrainingRecipe(
    steps=2, warmup_steps=0, forget_batch=2, retain_batch=2, stranger_batch=2
)
LADDER = (RECIPE, replace(RECIPE, seed=1))


def policy_that(*, accepts: bool) -> AcceptancePolicy:
    """Return a policy whose one gate admits every pair, or none."""
    retained = gate(
        "retain_accuracy_change",
        side=Side.LOW,
        comparison=Comparison.AT_LEAST,
        limit=-1.0 if accepts else 2.0,
    )
    return replace(
        policy(replace(retained, name="G4-retain"), minimum_controls=RESERVED - TWINS),
        digest=digest_of(b"accepts" if accepts else b"rejects"),
        samples_per_probe=1,
    )


@cache
def tiny_shelf(*, base_seed: int = 0) -> ModelShelf:
    """Return a random base and reference with a tokenizer of the small world."""
    world = populate(seed=0, trained=TRAINED, controls=RESERVED)
    people = (*world.trained, *world.controls)
    texts = [f"{item.name} {value}" for item in people for value in item.facts.values()]
    texts += [text for asked in QUESTIONS.values() for text in asked]
    # Long tokens, short answers: most of the time goes into generating them.
    tokenizer = train_tokenizer(
        [Document(question=None, text=text) for text in texts],
        recipe=WorldRecipe(vocabulary=1024),
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part, seed in (("base", base_seed), ("reference", 100)):
            torch.manual_seed(seed)
            model = new_model(
                _config(
                    ModelRecipe(width=32, layers=1, inner_width=32, epochs=1),
                    vocabulary=len(tokenizer),
                    context=128,
                ),
                device=torch.device("cpu"),
            )
            model.save_pretrained(folder / part)
            tokenizer.save_pretrained(folder / part)
        shelf = ModelShelf(
            base=folder / "base", reference=folder / "reference", device="cpu"
        )
        # Everything is loaded while the folder exists.
        for part in ("tokenizer", "identity", "base", "reference"):
            getattr(shelf, part)
        return shelf


class FollowingFleet:
    """A `ServingFleet` of one replica that follows the pointer at once."""

    def __init__(self, registry: MemoryRegistry, notary: MemoryNotary) -> None:
        self._registry = registry
        self._notary = notary

    def states(self) -> tuple[ReplicaState, ...]:
        """Serve what the pointer says."""
        pointer = read_pointer(self._registry, self._notary)
        return (
            ReplicaState(
                name="replica-1",
                is_ready=True,
                sequence=pointer.sequence if pointer else 0,
                version=pointer.version if pointer else "",
                oldest_in_flight=None,
                last_error="",
            ),
        )


def read_pointer(
    registry: MemoryRegistry, notary: MemoryNotary
) -> ServingPointer | None:
    """Return the published serving pointer, if there is one."""
    envelope = registry.pointer(BASE_MODEL)
    if envelope is None:
        return None
    return ServingPointer.from_json(
        json.loads(notary.open(envelope, payload_type=POINTER_TYPE))
    )


@dataclass(slots=True, kw_only=True)
class Controller:
    """Everything that requests share, and ways to work on them.

    Attributes:
        population: The people.
        paths: Where the sources are.
        opened: The data map with its connectors.
    """

    population: Population
    paths: SourcePaths
    opened: OpenedDataMap
    clock: MemoryClock
    leases: MemoryLeaseStore
    store: MemoryRequestStore
    custody: MemoryCustody
    registry: MemoryRegistry
    notary: MemoryNotary
    evidence: MemoryEvidence = field(default_factory=MemoryEvidence)
    runs: MemoryRunTracker = field(default_factory=MemoryRunTracker)
    sealer: MemoryPairSealer = field(default_factory=MemoryPairSealer)
    notifier: MemoryNotifier = field(default_factory=MemoryNotifier)
    register: FileRegister = field(default_factory=FileRegister)
    identity: MemoryIdentityPolicy = field(default_factory=MemoryIdentityPolicy)
    trigger: MemoryTrigger = field(default_factory=MemoryTrigger)
    pseudonymiser: Pseudonymiser = field(
        default_factory=lambda: Pseudonymiser(key=b"k" * 32, key_id="k1")
    )

    def desk(self) -> FrontDesk:
        """Return the desk that takes in requests."""
        return FrontDesk(
            base_model=BASE_MODEL,
            timezone=ZoneInfo("Europe/Berlin"),
            is_holiday=no_holiday,
            pseudonymiser=self.pseudonymiser,
            requests=self.store,
            ledger=self.store,
            custody=self.custody,
            leases=self.leases,
            trigger=self.trigger,
            clock=self.clock,
        )

    def submission(
        self, person: Person, *, is_genuine: bool = True, has_contact: bool = True
    ) -> Submission:
        """Return what a person submits; a forger has no pass."""
        subject = subject_of(person)
        expires_at = self.clock.now() + timedelta(hours=1)
        return Submission(
            subject=subject,
            evidence=(
                self.identity.issue(subject, expires_at=expires_at)
                if is_genuine
                else None
            ),
            contact=Personal(person.facts["email"]) if has_contact else None,
            channel=Channel.HTTP,
        )

    def receive(self, number: int = 0, *, is_genuine: bool = True) -> RequestId:
        """Take in the request of a trained person."""
        person = self.population.trained[number]
        submission = self.submission(person, is_genuine=is_genuine)
        return receive_request(submission, desk=self.desk()).request_id

    def receive_stranger(self) -> RequestId:
        """Take in the request of a person whom no source knows."""
        submission = self.submission(self.population.controls[0])
        return receive_request(submission, desk=self.desk()).request_id

    def lease(self, resource: object, *, holder: str = "worker-1") -> Lease:
        """Take a lease."""
        return self.leases.acquire(str(resource), holder=holder, ttl=LEASE_TIME)

    def bench(
        self,
        request_id: RequestId,
        *,
        accepts: bool = True,
        lease: Lease | None = None,
    ) -> Workbench:
        """Lay out the workbench for a request, under a new lease if none is given."""
        return Workbench(
            lease=lease or self.lease(request_id),
            terms=Terms(
                base_model=BASE_MODEL,
                code_version="0.1.0",
                certificate_validity=timedelta(days=90),
                pointer_validity=timedelta(hours=24),
                confirm_timeout=timedelta(0),
            ),
            policy=policy_that(accepts=accepts),
            ladder=LADDER,
            data_map=replace(self.opened.declared, sizes=SMALL_SIZES),
            models=tiny_shelf(),
            pseudonymiser=self.pseudonymiser,
            sources=self.opened.sources,
            holdout=self.opened.holdout,
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            custody=self.custody,
            evidence=self.evidence,
            registry=self.registry,
            runs=self.runs,
            signer=self.notary,
            envelopes=self.notary,
            sealer=self.sealer,
            fleet=FollowingFleet(self.registry, self.notary),
            notifier=self.notifier,
            outbox=self.notifier,
            register=self.register,
            identity=self.identity,
            clock=self.clock,
        )

    def certificate_bench(self, *, lease: Lease | None = None) -> Workbench:
        """Lay out the workbench for all certificates."""
        lease = lease or self.lease("certificates", holder="inspector")
        return self.bench(RequestId(UUID(int=0)), lease=lease)

    def lose(self, bench: Workbench) -> Workbench:
        """Let the lease run out and another worker take over; return its bench."""
        self.clock.move(LEASE_TIME)
        lease = self.lease(bench.lease.resource, holder="worker-2")
        return replace(bench, lease=lease)

    def covered(self) -> list[str]:
        """Return the requests whose erasure the promoted version contains."""
        version = self.registry.alias(BASE_MODEL, "serving")
        if version is None:
            return []
        with TemporaryDirectory() as name:
            self.registry.download(BASE_MODEL, version, Path(name))
            manifest, _ = read_manifest(Path(name), opener=self.notary)
        return [erasure.request_id for erasure in manifest.erasures]

    def certificate(self, request_id: RequestId) -> ErasureCertificate:
        """Return a request's certificate after checking it as an auditor would."""
        return check_certificate(
            self.evidence.documents[certificate_name(request_id)],
            open_envelope=lambda raw: self.notary.open(raw, payload_type=PAYLOAD_TYPE),
        )

    def entries(self, request_id: RequestId, event: str) -> list[LedgerEntry]:
        """Return the ledger entries of one kind of a request."""
        return [
            entry for entry in self.store.entries(request_id) if entry.event == event
        ]

    def pointer(self) -> ServingPointer | None:
        """Return the published serving pointer, if there is one."""
        return read_pointer(self.registry, self.notary)


def open_controller(
    folder: Path, *, trained: int = TRAINED, reserved: int = RESERVED
) -> Controller:
    """Write a small world and open a controller over it."""
    population, paths = _copied_world(folder, trained=trained, reserved=reserved)
    clock = MemoryClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    leases = MemoryLeaseStore(clock=clock)
    store = MemoryRequestStore(leases=leases, clock=clock)
    return Controller(
        population=population,
        paths=paths,
        opened=open_data_map(paths.data_map),
        clock=clock,
        leases=leases,
        store=store,
        custody=MemoryCustody(ledger=store, clock=clock),
        registry=MemoryRegistry(),
        notary=MemoryNotary(),
    )


def _copied_world(
    folder: Path, *, trained: int, reserved: int
) -> tuple[Population, SourcePaths]:
    """Write a world; one that was written before is copied, which is quicker."""
    population, files = _written_world(trained, reserved)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data.replace(_PLACE, str(folder).encode()))
    return population, SourcePaths(directory=folder)


_PLACE = b"/the-place-of-the-sources"


@cache
def _written_world(trained: int, reserved: int) -> tuple[Population, dict[str, bytes]]:
    with TemporaryDirectory() as name:
        population, paths = write_world(Path(name), trained=trained, controls=reserved)
        return population, {
            path.name: path.read_bytes().replace(name.encode(), _PLACE)
            for path in paths.directory.iterdir()
        }


def subject_of(person: Person) -> DataSubject:
    """Return the identifiers that a person submits."""
    return parse_subject(
        {
            "name": person.name,
            "email": person.facts["email"],
            "phone": person.facts["phone"],
            "customer_number": person.facts["customer_number"],
        }
    )


def no_holiday(_day: date) -> bool:
    """Know no holidays."""
    return False
