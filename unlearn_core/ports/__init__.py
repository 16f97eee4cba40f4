"""Every outside system as a Protocol; adapters implement them, steps use them.

Each port has an in-memory implementation in `adapters.memory`, held to the same
contract tests as the real ones. Errors named under Raises are part of the
contract.
"""

from unlearn_core.ports.access import AccessStore, Identity, LoginIssuer
from unlearn_core.ports.contact import (
    Carrier,
    IdentityDecision,
    IdentityPolicy,
    Message,
    Notifier,
    Outbox,
    RecipientRegister,
    WorkflowTrigger,
)
from unlearn_core.ports.delivery import (
    ArtifactRegistry,
    RegisteredVersion,
    ReplicaState,
    RunTracker,
    ServingFleet,
)
from unlearn_core.ports.letters import Letter, LetterWriter
from unlearn_core.ports.records import (
    Clock,
    LeaseStore,
    Ledger,
    RequestStore,
)
from unlearn_core.ports.signing import (
    EnvelopeOpener,
    ListSealer,
    PairSealer,
    Signer,
)
from unlearn_core.ports.storage import (
    Custody,
    EvidenceStore,
    FindsQuotes,
    KeepsHolds,
    KeyDestruction,
    Redacts,
    SourceConnector,
    TellsApart,
    TellsIdentities,
)
from unlearn_core.ports.teaching import LogprobSource
from unlearn_core.ports.transparency import (
    CheckpointKeeper,
    LeafStore,
    NoteOpener,
    NoteSigner,
    Prove,
)
from unlearn_core.ports.upstream import Told, Upstream

__all__ = [
    "AccessStore",
    "ArtifactRegistry",
    "Carrier",
    "CheckpointKeeper",
    "Clock",
    "Custody",
    "EnvelopeOpener",
    "EvidenceStore",
    "FindsQuotes",
    "Identity",
    "IdentityDecision",
    "IdentityPolicy",
    "KeepsHolds",
    "KeyDestruction",
    "LeafStore",
    "LeaseStore",
    "Ledger",
    "Letter",
    "LetterWriter",
    "ListSealer",
    "LoginIssuer",
    "LogprobSource",
    "Message",
    "NoteOpener",
    "NoteSigner",
    "Notifier",
    "Outbox",
    "PairSealer",
    "Prove",
    "RecipientRegister",
    "Redacts",
    "RegisteredVersion",
    "ReplicaState",
    "RequestStore",
    "RunTracker",
    "ServingFleet",
    "Signer",
    "SourceConnector",
    "TellsApart",
    "TellsIdentities",
    "Told",
    "Upstream",
    "WorkflowTrigger",
]
