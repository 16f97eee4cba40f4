"""Look for tampering: does the database agree with itself and with the outside?

Four checks, each of which goes on where another has failed, so that an auditor sees
everything at once:

``chain``
    every entry's hash, link and number;
``leaves``
    every entry is the one that its leaf in the Merkle log commits to;
``checkpoints``
    the log begins with every tree that a checkpoint outside speaks for;
``requests``
    the table of requests, from which people are answered, says what the ledger says;
    a row may be missing if the ledger says that its time was over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from unlearn_core import ports
from unlearn_core.domain.checkpoints import (
    Checkpoint,
    CheckpointInvalidError,
    LogForkedError,
)
from unlearn_core.domain.ledger import LedgerEntry, verify_chain
from unlearn_core.domain.merkle import Tree
from unlearn_core.domain.requests import ErasureRequest, Stage
from unlearn_core.domain.retention import gone
from unlearn_core.domain.transparency import matched
from unlearn_core.errors import LedgerBrokenError, SafeFact


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDesk:
    """What looking for tampering needs; nothing secret."""

    requests: ports.RequestStore
    ledger: ports.Ledger
    leaves: ports.LeafStore
    notes: ports.NoteOpener
    keepers: tuple[ports.CheckpointKeeper, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One contradiction.

    Attributes:
        check: Name of the check.
        problem: What is wrong.
        at: Where: a sequence, a size of the log or a request id.
    """

    check: str
    problem: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAudit:
    """What a look found.

    Attributes:
        entries: Number of ledger entries.
        checkpoints: Number of checkpoints outside that were compared.
        covered: Entries that the largest of them speaks for.
        findings: Contradictions; none in a sound database.
    """

    entries: int
    checkpoints: int
    covered: int
    findings: tuple[Finding, ...]


def audit_ledger(desk: AuditDesk, *, brought: Iterable[bytes] = ()) -> LedgerAudit:
    """Compare the database with itself and with the checkpoints outside.

    Args:
        desk: What is compared.
        brought: Checkpoints that the auditor keeps.

    Raises:
        StorageError: A place with checkpoints cannot be read.
    """
    entries = tuple(desk.ledger.entries())
    tree = Tree([leaf.hash for leaf in desk.leaves.leaves()])
    findings = [*_chain(entries), *_leaves(desk, entries)]
    notes = [*brought, *(note for keeper in desk.keepers for note in keeper.kept())]
    covered = 0
    for note in notes:
        try:
            checkpoint = desk.notes.open(note)
        except CheckpointInvalidError as error:
            findings.append(_finding("checkpoints", error.facts, at=""))
            continue
        covered = max(covered, checkpoint.size)
        findings += _compared(checkpoint, tree, count=len(entries))
    findings += _requests(desk.requests.all(), entries)
    return LedgerAudit(
        entries=len(entries),
        checkpoints=len(notes),
        covered=covered,
        findings=tuple(findings),
    )


def _chain(entries: Iterable[LedgerEntry]) -> Iterator[Finding]:
    try:
        verify_chain(entries)
    except LedgerBrokenError as error:
        yield _finding("chain", error.facts, at=error.facts.get("at"))


def _leaves(desk: AuditDesk, entries: Iterable[LedgerEntry]) -> Iterator[Finding]:
    try:
        for _ in matched(entries, desk.leaves.leaves()):
            pass
    except LedgerBrokenError as error:
        yield _finding("leaves", error.facts, at=error.facts.get("at"))


def _compared(checkpoint: Checkpoint, tree: Tree, *, count: int) -> Iterator[Finding]:
    """Compare the log with one checkpoint."""
    size = min(tree.size, count)
    now = Checkpoint(origin=checkpoint.origin, size=size, root=tree.root(size))
    path = tree.consistency(checkpoint.size, size) if checkpoint.size <= size else ()
    try:
        checkpoint.check_extended(now, path)
    except LogForkedError as error:
        yield _finding("checkpoints", error.facts, at=checkpoint.size)


def _requests(
    requests: Iterable[ErasureRequest], entries: Iterable[LedgerEntry]
) -> Iterator[Finding]:
    """Compare what the table says of each request with the ledger's last word."""
    told: dict[str, dict[str, SafeFact]] = {}
    entries = tuple(entries)
    for entry in entries:
        if entry.event not in set(Stage):
            continue
        facts = told.setdefault(str(entry.request_id), {"outcome": None})
        facts["stage"] = entry.event
        if entry.event == Stage.RECEIVED:
            facts |= {
                name: str(entry.payload.get(name))
                for name in ("channel", "rule", "due_on")
            }
        if "outcome" in entry.payload:
            facts["outcome"] = str(entry.payload["outcome"])
    for request in requests:
        at, said = str(request.request_id), _said(request)
        expected = told.pop(at, None)
        if expected is None:
            yield Finding(check="requests", problem="not in the ledger", at=at)
            continue
        for name in sorted(expected.keys() & said.keys()):
            if expected[name] != said[name]:
                yield Finding(check="requests", problem=f"another {name}", at=at)
    for missing in told.keys() - set(map(str, gone(entries))):
        yield Finding(check="requests", problem="missing", at=missing)


def _said(request: ErasureRequest) -> dict[str, SafeFact]:
    """Return what the table says; the outcome counts once a request is closed."""
    said: dict[str, SafeFact] = {
        "stage": request.stage.value,
        "channel": request.channel.value,
        "rule": request.deadline.rule,
        "due_on": request.deadline.due_on.isoformat(),
    }
    if request.is_closed:
        said["outcome"] = request.outcome.value if request.outcome else None
    return said


def _finding(check: str, facts: dict[str, SafeFact], *, at: SafeFact) -> Finding:
    return Finding(check=check, problem=str(facts["problem"]), at=str(at))
