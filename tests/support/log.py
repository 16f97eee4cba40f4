"""A ledger with its Merkle log, keys and places for checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from support.domain import NOW
from support.domain import request as erasure_request
from support.verdicts import certificate

from unlearn_core import ports
from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.letters import SetLetters
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.storage import MemoryEvidence
from unlearn_core.adapters.notes import Ed25519NoteSigner, TrustedNotes
from unlearn_core.domain.audit_bundle import BUNDLE_TYPE, Openers
from unlearn_core.domain.canonical import JsonValue, digest_of
from unlearn_core.domain.certificates import (
    PAYLOAD_TYPE,
    certificate_name,
    check_certificate,
)
from unlearn_core.domain.checkpoints import Checkpoint
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.merkle import Tree, leaf_hash
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.steps.audit_ledger import AuditDesk
from unlearn_core.steps.export_bundle import ExportDesk
from unlearn_core.steps.publish_checkpoint import CheckpointDesk

ORIGIN = "test.example/ledger"
SIGNER = CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
TRUSTED = TrustedEnvelopes([SIGNER.public_key])
NOTES = TrustedNotes([SIGNER.public_key])
NOTE_SIGNER = Ed25519NoteSigner(ORIGIN, SIGNER)

LEAVES = [leaf_hash(str(number).encode()) for number in range(40)]
TREE = Tree(LEAVES)

OPENERS = Openers(
    bundle=lambda raw: TRUSTED.open(raw, payload_type=BUNDLE_TYPE),
    certificate=lambda raw: check_certificate(
        raw, open_envelope=lambda data: TRUSTED.open(data, payload_type=PAYLOAD_TYPE)
    ),
    checkpoint=NOTES.open,
)


def checkpoint(size: int, *, tree: Tree = TREE, origin: str = ORIGIN) -> Checkpoint:
    """Return the checkpoint of the first leaves."""
    return Checkpoint(origin=origin, size=size, root=tree.root(size))


def note(size: int, *, tree: Tree = TREE) -> bytes:
    """Return the signed checkpoint of the first leaves."""
    return NOTE_SIGNER.sign(checkpoint(size, tree=tree))


def prove(size: int, *, tree: Tree = TREE) -> ports.Prove:
    """Return what proves that smaller trees begin the one of so many leaves."""
    return lambda earlier: tree.consistency(earlier, size)


def memory_register(*keepers: ports.CheckpointKeeper) -> "Register":
    """Return an empty ledger in memory."""
    clock = MemoryClock(NOW)
    leases = MemoryLeaseStore(clock=clock)
    store = MemoryRequestStore(leases=leases, clock=clock)
    return Register(
        store=store,
        ledger=store,
        leaves=store,
        leases=leases,
        clock=clock,
        move=clock.move,
        evidence=MemoryEvidence(),
        keepers=keepers,
    )


@dataclass(slots=True, kw_only=True)
class Register:
    """A ledger with what hangs on it.

    Attributes:
        store: Requests, ledger and leaves in one.
        move: Lets time pass.
    """

    store: ports.RequestStore
    ledger: ports.Ledger
    leaves: ports.LeafStore
    leases: ports.LeaseStore
    clock: ports.Clock
    move: Callable[[timedelta], None]
    evidence: MemoryEvidence
    keepers: tuple[ports.CheckpointKeeper, ...]

    def checkpoints(self) -> CheckpointDesk:
        """Return what publishing checkpoints needs."""
        return CheckpointDesk(
            holder="publisher",
            ledger=self.ledger,
            leaves=self.leaves,
            leases=self.leases,
            signer=NOTE_SIGNER,
            keepers=self.keepers,
            evidence=self.evidence,
        )

    def audit(self) -> AuditDesk:
        """Return what looking for tampering needs."""
        return AuditDesk(
            requests=self.store,
            ledger=self.ledger,
            leaves=self.leaves,
            notes=NOTES,
            keepers=self.keepers,
        )

    def export(self) -> ExportDesk:
        """Return what exporting needs."""
        return ExportDesk(
            ledger=self.ledger,
            leaves=self.leaves,
            evidence=self.evidence,
            signer=EnvelopeSigner(SIGNER),
            envelopes=TRUSTED,
            letters=SetLetters(),
            clock=self.clock,
        )

    def answer(self, number: int) -> RequestId:
        """Take a request, find nothing, certify that, and close it."""
        request = erasure_request(number, commitments=(f"k1:{number}",))
        key = request.request_id
        self.store.receive(
            request,
            {
                "channel": request.channel.value,
                "rule": request.deadline.rule,
                "due_on": request.deadline.due_on.isoformat(),
                "identifiers": 2,
            },
        )
        lease = self.leases.acquire(str(key), holder="w", ttl=timedelta(hours=1))
        for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED):
            self._advance(key, stage, lease)
        found: dict[str, JsonValue] = {"found": {"corpus": 0}, "outcome": "not_found"}
        self._advance(key, Stage.NOT_FOUND, lease, found, outcome=Outcome.NOT_FOUND)
        self._advance(key, Stage.PURGED, lease)
        self._certify(key, lease)
        self._advance(key, Stage.NOTIFIED, lease, {"outcome": "not_found"})
        self.leases.release(lease)
        return key

    def _advance(
        self,
        key: RequestId,
        stage: Stage,
        lease: Lease,
        payload: dict[str, JsonValue] | None = None,
        *,
        outcome: Outcome | None = None,
    ) -> None:
        self.move(timedelta(minutes=1))
        self.ledger.advance(key, stage, payload or {}, lease=lease, outcome=outcome)

    def _certify(self, key: RequestId, lease: Lease) -> None:
        *_, last = self.ledger.entries(key)
        issued = replace(
            certificate(),
            request_id=str(key),
            outcome=Outcome.NOT_FOUND,
            scope=None,
            verdict=None,
            metrics=(),
            forget_set=None,
            sources={"corpus": {"found": 0, "erased": 0}},
            unsearched_sources=(),
            ledger_head=last.entry_hash,
        )
        envelope = EnvelopeSigner(SIGNER).sign(
            issued.payload(), payload_type=PAYLOAD_TYPE
        )
        self.evidence.put(certificate_name(key), envelope)
        named: dict[str, JsonValue] = {
            "certificate": certificate_name(key),
            "digest": digest_of(envelope),
        }
        self._advance(key, Stage.CERTIFIED, lease, named)
