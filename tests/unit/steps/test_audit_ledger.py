"""What a database administrator may try, and the check that catches it.

The administrator can write every table and knows how hashes and leaves are made. He
lacks the signing key and cannot take back what is kept outside.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from securesystemslib.signer import CryptoSigner
from support.databases import open_sqlite
from support.domain import request_id
from support.log import ORIGIN, STRANGER, Register, checkpoint, memory_register

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.lease_store import DatabaseLeaseStore
from unlearn_core.adapters.database.moments import to_text
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.keepers import FolderKeeper
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.storage import MemoryEvidence
from unlearn_core.adapters.memory.transparency import MemoryKeeper
from unlearn_core.adapters.notes import Ed25519NoteSigner, TrustedNotes
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.ledger import (
    GENESIS,
    LEDGER_CONTENT,
    RETENTION_ANNOUNCED,
    LedgerEntry,
)
from unlearn_core.domain.transparency import LogLeaf, leaf_of
from unlearn_core.steps.audit_ledger import AuditDesk, audit_ledger
from unlearn_core.steps.publish_checkpoint import publish_checkpoint

ANSWERED = 7
"""Ledger entries of one request that is answered."""


@dataclass(frozen=True)
class Scene:
    """A database with two requests below a checkpoint and one above.

    Attributes:
        file: The database's file.
        backup: A copy of it from before the second request.
        outside: Folder with the checkpoint.
    """

    register: Register
    database: Database
    file: Path
    backup: Path
    outside: Path

    def run(self, *statements: str) -> None:
        """Change the database behind the program's back."""
        self.database.close()
        with closing(sqlite3.connect(self.file)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def rewrite(self, change: Callable[[list[LedgerEntry]], list[LedgerEntry]]) -> None:
        """Write the ledger anew, with numbers, links, hashes and leaves that fit."""
        entries = change(list(self.register.ledger.entries()))
        kept = {leaf.sequence: leaf for leaf in self.register.leaves.leaves()}
        self.run("DELETE FROM ledger_entry", "DELETE FROM log_leaf")
        previous = GENESIS
        with closing(sqlite3.connect(self.file)) as connection:
            for number, old in enumerate(entries, start=1):
                entry = replace(
                    old, sequence=number, previous_hash=previous, entry_hash=GENESIS
                ).sealed()
                previous = entry.entry_hash
                leaf = kept.get(number)
                if leaf is None or not leaf.commits_to(entry):
                    leaf = leaf_of(entry)
                connection.execute(
                    "INSERT INTO ledger_entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        entry.sequence,
                        to_text(entry.recorded_at),
                        str(entry.request_id) if entry.request_id else None,
                        entry.event,
                        canonical_json(entry.payload).decode(),
                        entry.fencing_token,
                        entry.previous_hash,
                        entry.entry_hash,
                    ),
                )
                connection.execute(
                    "INSERT INTO log_leaf VALUES (?, ?, ?)",
                    (leaf.sequence, leaf.salt.hex(), leaf.commitment.hex()),
                )
            connection.commit()

    def restore(self) -> None:
        """Put the older database back."""
        self.database.close()
        for name in ("-wal", "-shm"):
            Path(f"{self.file}{name}").unlink(missing_ok=True)
        shutil.copy(self.backup, self.file)

    def caught(self) -> set[tuple[str, str]]:
        """Return what an audit finds."""
        found = audit_ledger(self.register.audit())
        return {(item.check, item.problem) for item in found.findings}


def open_scene(folder: Path) -> Scene:
    """Open the database of a folder."""
    clock, database = MemoryClock(), Database(f"sqlite:///{folder}/unlearn.db")
    store = DatabaseRequestStore(database, clock=clock)
    register = Register(
        store=store,
        ledger=store,
        leaves=store,
        leases=DatabaseLeaseStore(database, clock=clock),
        clock=clock,
        move=clock.move,
        evidence=MemoryEvidence(),
        keepers=(FolderKeeper(folder / "outside"),),
    )
    return Scene(
        register,
        database,
        folder / "unlearn.db",
        folder / "backup.db",
        folder / "outside",
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a sound database, made once."""
    folder = tmp_path_factory.mktemp("original")
    open_sqlite(folder).close()
    scene = open_scene(folder)
    scene.register.answer(1)
    with (
        closing(sqlite3.connect(scene.file)) as live,
        closing(sqlite3.connect(scene.backup)) as copy,
    ):
        live.backup(copy)
    scene.register.answer(2)
    published = publish_checkpoint(scene.register.checkpoints())
    assert published is not None
    assert published.size == 2 * ANSWERED
    scene.register.answer(3)
    scene.database.close()
    return folder


@pytest.fixture
def scene(original: Path, tmp_path: Path) -> Iterator[Scene]:
    """Return a sound database of the test's own."""
    folder = shutil.copytree(original, tmp_path / "copy")
    scene = open_scene(folder)
    yield scene
    scene.database.close()


def test_a_sound_database_has_no_findings(scene: Scene) -> None:
    found = audit_ledger(scene.register.audit())
    assert found.findings == ()
    # The publication is an entry too.
    assert (found.entries, found.checkpoints, found.covered) == (22, 1, 14)


CHANGED_ROWS = [
    pytest.param(
        """UPDATE ledger_entry SET payload = '{"found":{"corpus":9}}'
           WHERE sequence = 4""",
        {("chain", "changed entry"), ("leaves", "leaf of another entry")},
        id="edit an entry",
    ),
    pytest.param(
        "UPDATE ledger_entry SET recorded_at = '2026-01-01T00:00:00.000000+00:00' "
        "WHERE sequence = 1",
        {("chain", "changed entry"), ("leaves", "leaf of another entry")},
        id="backdate an entry",
    ),
    pytest.param(
        "DELETE FROM ledger_entry WHERE sequence = 4",
        {("chain", "gap"), ("leaves", "leaf of another entry")},
        id="delete an entry",
    ),
    pytest.param(
        "UPDATE ledger_entry SET sequence = 99 WHERE sequence = 4",
        {("chain", "gap"), ("leaves", "leaf of another entry")},
        id="move an entry to the end",
    ),
    pytest.param(
        "DELETE FROM log_leaf WHERE sequence = 4",
        {
            ("leaves", "leaf of another entry"),
            ("checkpoints", "rewritten"),
        },
        id="delete a leaf",
    ),
    pytest.param(
        "UPDATE log_leaf SET salt = (SELECT salt FROM log_leaf WHERE sequence = 5) "
        "WHERE sequence = 4",
        {("leaves", "leaf of another entry")},
        id="exchange a salt",
    ),
    pytest.param(
        "UPDATE ledger_entry SET payload = 'null' WHERE sequence = 4",
        {("chain", "emptied entry"), ("leaves", "leaf of another entry")},
        id="empty an entry",
    ),
    pytest.param(
        "UPDATE erasure_request SET stage = 'received', outcome = NULL "
        "WHERE request_id LIKE '%2'",
        {("requests", "another stage")},
        id="reopen a request",
    ),
    pytest.param(
        "UPDATE erasure_request SET outcome = 'suppressed_at_output' "
        "WHERE request_id LIKE '%2'",
        {("requests", "another outcome")},
        id="change an outcome",
    ),
    pytest.param(
        "UPDATE erasure_request SET due_on = '2027-01-01' WHERE request_id LIKE '%2'",
        {("requests", "another due_on")},
        id="move a deadline",
    ),
    pytest.param(
        "INSERT INTO erasure_request SELECT 'f0000000-0000-0000-0000-000000000000', "
        "channel, received_at, rule, received_on, due_on, extended_due_on, base_model, "
        "stage, outcome FROM erasure_request LIMIT 1",
        {("requests", "not in the ledger")},
        id="invent a request",
    ),
]


@pytest.mark.parametrize(("statement", "caught"), CHANGED_ROWS)
def test_a_changed_row_contradicts_the_others(
    scene: Scene, statement: str, caught: set[tuple[str, str]]
) -> None:
    scene.run(statement)
    assert caught <= scene.caught()


def test_a_request_that_was_deleted_is_missed(scene: Scene) -> None:
    scene.run(
        "DELETE FROM commitment WHERE request_id LIKE '%2'",
        "DELETE FROM erasure_request WHERE request_id LIKE '%2'",
    )
    assert scene.caught() == {("requests", "missing")}


def edited(entries: list[LedgerEntry]) -> list[LedgerEntry]:
    first = replace(entries[0], payload={**entries[0].payload, "identifiers": 9})
    return [first, *entries[1:]]


Change = Callable[[list[LedgerEntry]], list[LedgerEntry]]
REWRITTEN: dict[str, tuple[Change, str]] = {
    "edit": (edited, "rewritten"),
    "delete and close up": (lambda rows: [*rows[:1], *rows[2:]], "rewritten"),
    "reorder": (lambda rows: [rows[1], rows[0], *rows[2:]], "rewritten"),
    "insert": (lambda rows: [*rows[:3], rows[2], *rows[3:]], "rewritten"),
    "cut off the end": (lambda rows: rows[:13], "shorter"),
    "empty the ledger": (lambda _: [], "shorter"),
}


@pytest.mark.parametrize(("change", "problem"), REWRITTEN.values(), ids=REWRITTEN)
def test_a_history_that_fits_together_contradicts_the_checkpoint_outside(
    scene: Scene, change: Change, problem: str
) -> None:
    scene.rewrite(change)
    caught = scene.caught()
    assert ("checkpoints", problem) in caught
    assert not {check for check, _ in caught} & {"chain", "leaves"}


def test_an_older_database_contradicts_the_checkpoint_outside(scene: Scene) -> None:
    scene.restore()
    assert scene.caught() == {("checkpoints", "shorter")}


def test_one_that_has_grown_since_it_was_restored_does_too(scene: Scene) -> None:
    scene.restore()
    for number in (5, 6, 7):
        scene.register.answer(number)
    assert scene.caught() == {("checkpoints", "rewritten")}


def test_a_checkpoint_that_was_forged_outside_is_no_checkpoint(scene: Scene) -> None:
    forged = Ed25519NoteSigner(ORIGIN, STRANGER).sign(checkpoint(15))
    (scene.outside / "00000000000000000015-forged.checkpoint").write_bytes(forged)
    assert scene.caught() == {("checkpoints", "signature")}


def test_one_that_the_auditor_brings_is_compared_too(scene: Scene) -> None:
    (kept,) = scene.register.keepers[0].kept()
    scene.rewrite(edited)
    next(scene.outside.iterdir()).unlink()
    assert scene.caught() == set()
    found = audit_ledger(scene.register.audit(), brought=[kept])
    assert [item.problem for item in found.findings] == ["rewritten"]


def test_what_is_younger_than_every_checkpoint_can_be_rewritten_unnoticed(
    scene: Scene,
) -> None:
    """The window is as long as the pause between checkpoints; the table says so."""

    def younger(entries: list[LedgerEntry]) -> list[LedgerEntry]:
        last = replace(entries[-1], recorded_at=entries[-1].recorded_at - timedelta(1))
        return [*entries[:-1], last]

    scene.rewrite(younger)
    assert scene.caught() == set()


# Any history, and any manipulation of it.

EVENTS = ("sealed_data_read", "work_started", "personal_data_accessed")
KEYS = tuple(
    CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    for number in range(1, 4)
)

Rows = tuple[list[LedgerEntry], list[LogLeaf]]


def edit_entry(entries: list[LedgerEntry], leaves: list[LogLeaf], at: int) -> Rows:
    """Change what an entry says."""
    changed = replace(entries[at], payload={**entries[at].payload, "changed": True})
    return [*entries[:at], changed, *entries[at + 1 :]], leaves


def drop_entry(entries: list[LedgerEntry], leaves: list[LogLeaf], at: int) -> Rows:
    """Delete an entry with its leaf."""
    return entries[:at] + entries[at + 1 :], leaves[:at] + leaves[at + 1 :]


def swap_entries(entries: list[LedgerEntry], leaves: list[LogLeaf], at: int) -> Rows:
    """Exchange an entry with the last one."""
    swapped = list(entries)
    swapped[at], swapped[-1] = swapped[-1], swapped[at]
    return swapped, leaves


def double_entry(entries: list[LedgerEntry], leaves: list[LogLeaf], at: int) -> Rows:
    """Insert an entry that is there already."""
    return entries[: at + 1] + entries[at:], leaves[: at + 1] + leaves[at:]


def swap_payloads(entries: list[LedgerEntry], leaves: list[LogLeaf], at: int) -> Rows:
    """Exchange what two entries say, and leave everything else."""
    one, other = entries[at], entries[-1]
    swapped = list(entries)
    swapped[at] = replace(one, payload=other.payload)
    swapped[-1] = replace(other, payload=one.payload)
    return swapped, leaves


def swap_salts(entries: list[LedgerEntry], leaves: list[LogLeaf], at: int) -> Rows:
    """Exchange the salts of two leaves."""
    swapped = list(leaves)
    swapped[at] = replace(leaves[at], salt=leaves[-1].salt)
    swapped[-1] = replace(leaves[-1], salt=leaves[at].salt)
    return entries, swapped


def empty_entry(entries: list[LedgerEntry], leaves: list[LogLeaf], at: int) -> Rows:
    """Empty an entry that belongs to no request, so that nothing can announce it."""
    bare = replace(entries[at], payload={}, is_erased=True, request_id=None)
    emptied = [*entries[:at], bare, *entries[at + 1 :]]
    return emptied, [*leaves[:at], replace(leaves[at], salt=b""), *leaves[at + 1 :]]


def sealed_anew(entries: list[LedgerEntry]) -> Rows:
    """Return entries with numbers, links, hashes and leaves that fit together."""
    written: list[LedgerEntry] = []
    for number, old in enumerate(entries, start=1):
        previous = written[-1].entry_hash if written else GENESIS
        fitting = replace(
            old, sequence=number, previous_hash=previous, entry_hash=GENESIS
        )
        written.append(fitting.sealed())
    return written, [leaf_of(entry) for entry in written]


MANIPULATIONS = (
    edit_entry,
    drop_entry,
    swap_entries,
    double_entry,
    swap_payloads,
    swap_salts,
    empty_entry,
)


class Log(RuleBasedStateMachine):
    """A ledger that grows, is emptied and checkpointed, under one key after another.

    Whatever happened, an audit finds nothing; whatever is manipulated, it does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keeper = MemoryKeeper()
        self.register = memory_register(self.keeper)
        self.keys = 1
        self.covered = 0

    @property
    def store(self) -> MemoryRequestStore:
        """Return the ledger with its leaves."""
        assert isinstance(self.register.ledger, MemoryRequestStore)
        return self.register.ledger

    @rule(event=st.sampled_from(EVENTS), number=st.integers(1, 3), count=st.integers())
    def note(self, event: str, number: int, count: int) -> None:
        """Write an entry of a request."""
        self.register.move(timedelta(minutes=1))
        self.store.note(event, {"count": count}, request_id=request_id(number))

    @rule(number=st.integers(1, 3))
    def empty(self, number: int) -> None:
        """Announce that the time of a request's evidence is over, and empty it."""
        key = request_id(number)
        due = [entry.sequence for entry in self.store.entries(key)]
        kinds = {LEDGER_CONTENT: len(due)}
        self.store.note(RETENTION_ANNOUNCED, {"kinds": kinds}, request_id=key)
        for sequence in due:
            self.store.empty(sequence)

    @rule()
    def checkpoint(self) -> None:
        """Publish what the ledger is now, under the present key."""
        signer = Ed25519NoteSigner(ORIGIN, KEYS[self.keys - 1])
        published = publish_checkpoint(
            replace(self.register.checkpoints(), signer=signer)
        )
        if published is not None:
            self.covered = published.size

    @precondition(lambda self: self.keys < len(KEYS))
    @rule()
    def rotate(self) -> None:
        """Sign with another key from now on; the earlier ones stay trusted."""
        self.keys += 1

    @precondition(lambda self: self.covered)
    @rule(change=st.sampled_from(MANIPULATIONS), data=st.data())
    def manipulate(self, change: Callable[..., Rows], data: st.DataObject) -> None:
        """Change rows, as they are or with everything computed anew."""
        entries, leaves = list(self.store.entries()), list(self.store.leaves())
        filled = [at for at, entry in enumerate(entries) if not entry.is_erased]
        below = [at for at in filled if at < self.covered]
        if not below:
            return
        at = data.draw(st.sampled_from(below))
        changed, with_leaves = change(entries, leaves, at)
        if (changed, with_leaves) == (entries, leaves):
            return
        assert self.caught(changed, with_leaves)
        if all(not entry.is_erased for entry in changed):
            fitting = sealed_anew(changed)
            found = self.caught(*fitting)
            # Fresh salts alone make it another log than the one that was witnessed.
            assert {check for check, _ in found} == {"checkpoints"}

    @precondition(lambda self: self.covered)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """Put an older ledger back."""
        size = data.draw(st.integers(0, self.covered - 1))
        entries, leaves = list(self.store.entries()), list(self.store.leaves())
        # An emptied entry may have lost its announcement, which is told as well.
        assert ("checkpoints", "shorter") in self.caught(entries[:size], leaves[:size])

    @precondition(lambda self: self.covered)
    @rule()
    def forge(self) -> None:
        """Put a checkpoint outside that none of our keys has signed."""
        size = self.covered
        forged = Ed25519NoteSigner(ORIGIN, STRANGER).sign(checkpoint(size))
        found = audit_ledger(self.desk(), brought=[forged]).findings
        assert ("checkpoints", "signature") in {
            (item.check, item.problem) for item in found
        }

    @invariant()
    def nothing_is_found_in_what_nobody_manipulated(self) -> None:
        """Neither growth, nor erasure, nor another key is a contradiction."""
        found = audit_ledger(self.desk())
        assert found.findings == ()
        assert found.covered == self.covered

    def desk(self) -> AuditDesk:
        """Return what an audit needs, with every key there has been."""
        trusted = TrustedNotes([key.public_key for key in KEYS[: self.keys]])
        return replace(self.register.audit(), notes=trusted)

    def caught(
        self, entries: list[LedgerEntry], leaves: list[LogLeaf]
    ) -> set[tuple[str, str]]:
        """Return what an audit finds when these are the rows."""
        rows = Rowed(entries, leaves)
        found = audit_ledger(replace(self.desk(), ledger=rows, leaves=rows))
        return {(item.check, item.problem) for item in found.findings}


class Rowed(MemoryRequestStore):
    """A ledger whose rows somebody has written."""

    def __init__(self, entries: list[LedgerEntry], leaves: list[LogLeaf]) -> None:
        clock = MemoryClock()
        super().__init__(leases=MemoryLeaseStore(clock=clock), clock=clock)
        self._entries, self._leaves = list(entries), list(leaves)


def test_every_manipulation_of_any_history_is_noticed() -> None:
    run_state_machine_as_test(
        Log, settings=settings(max_examples=25, stateful_step_count=25, deadline=None)
    )
