"""Publish a checkpoint of the ledger where the operator cannot take it back.

A log must never sign two histories. So the ledger is checked against itself and the
roots that it names before anything is signed, and every keeper checks once more that
the new checkpoint continues what it keeps.
"""

from dataclasses import dataclass
from datetime import timedelta

from unlearn_core import ports
from unlearn_core.domain.checkpoints import Checkpoint, LogForkedError
from unlearn_core.domain.ledger import LedgerEntry, verify_chain
from unlearn_core.domain.merkle import Tree
from unlearn_core.domain.transparency import matched
from unlearn_core.errors import LeaseBusyError, LedgerBrokenError, StorageError
from unlearn_core.observability import EventLog

CHECKPOINT_PUBLISHED = "checkpoint_published"
RESOURCE = "checkpoint"
LEASE_TIME = timedelta(minutes=5)

_LOG = EventLog("checkpoints")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointDesk:
    """What publishing checkpoints needs.

    Attributes:
        holder: Name of this process.
        keepers: Where checkpoints are kept; each is told of every one.
        evidence: Keeps a copy of every checkpoint, with all signatures.
    """

    holder: str
    ledger: ports.Ledger
    leaves: ports.LeafStore
    leases: ports.LeaseStore
    signer: ports.NoteSigner
    keepers: tuple[ports.CheckpointKeeper, ...]
    evidence: ports.EvidenceStore


def checkpoint_name(size: int) -> str:
    """Return the name of a checkpoint in the evidence store."""
    return f"checkpoints/{size:020d}"


def publish_checkpoint(desk: CheckpointDesk) -> Checkpoint | None:
    """Sign what the ledger is now and have it kept.

    Returns:
        The checkpoint; None if nothing happened since the last one, or if somebody
        else is publishing.

    Raises:
        LedgerBrokenError: The ledger does not agree with itself; nothing is signed.
        LogForkedError: It contradicts a checkpoint that is kept.
        StorageError: No place kept the checkpoint.
    """
    try:
        lease = desk.leases.acquire(RESOURCE, holder=desk.holder, ttl=LEASE_TIME)
    except LeaseBusyError:
        return None
    try:
        entries = tuple(desk.ledger.entries())
        if not any(entry.event != CHECKPOINT_PUBLISHED for entry in _new(entries)):
            return None
        try:
            checkpoint, note, places = _kept(desk, entries)
        except (LedgerBrokenError, LogForkedError) as error:
            _LOG.error("checkpoint_refused", code=error.code)
            raise
        desk.evidence.put(checkpoint_name(checkpoint.size), note)
        desk.ledger.note(
            CHECKPOINT_PUBLISHED,
            {
                "size": checkpoint.size,
                "root": checkpoint.root.hex(),
                "places": list(places),
            },
            lease=lease,
        )
        _LOG.info(CHECKPOINT_PUBLISHED, count=checkpoint.size)
        return checkpoint
    finally:
        desk.leases.release(lease)


def _new(entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
    """Return the entries that no published checkpoint speaks for."""
    sizes = [
        _size(entry)
        for entry in entries
        # One that names entries behind it is forged, and must not silence us.
        if entry.event == CHECKPOINT_PUBLISHED and _size(entry) < entry.sequence
    ]
    return entries[max(sizes, default=0) :]


def _kept(
    desk: CheckpointDesk, entries: tuple[LedgerEntry, ...]
) -> tuple[Checkpoint, bytes, tuple[str, ...]]:
    """Sign a checkpoint and have it kept; return it and the places that did."""
    verify_chain(entries)
    tree = Tree([leaf.hash for _, leaf in matched(entries, desk.leaves.leaves())])
    _check_named(entries, tree)
    size = len(entries)
    checkpoint = Checkpoint(origin=desk.signer.origin, size=size, root=tree.root())
    note, places = desk.signer.sign(checkpoint), []
    for keeper in desk.keepers:
        try:
            note = keeper.publish(note, prove=lambda old: tree.consistency(old, size))
        except StorageError as error:
            _LOG.warning("checkpoint_not_kept", code=error.code, source=keeper.name)
        else:
            places.append(keeper.name)
    if desk.keepers and not places:
        raise StorageError(place="every keeper")
    return checkpoint, note, tuple(places)


def _check_named(entries: tuple[LedgerEntry, ...], tree: Tree) -> None:
    """Compare with the roots that the ledger itself names."""
    for entry in entries:
        if entry.event != CHECKPOINT_PUBLISHED:
            continue
        size = _size(entry)
        if size >= entry.sequence or tree.root(size).hex() != entry.payload["root"]:
            raise LogForkedError(problem="rewritten", kept=size, found=len(entries))


def _size(entry: LedgerEntry) -> int:
    return int(str(entry.payload["size"]))
