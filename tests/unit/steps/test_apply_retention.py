"""Deleting what has outlived its time, on a real database, with the proof of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.databases import open_sqlite
from support.log import OPENERS, SIGNER, TRUSTED, Register
from support.retention import desk_over

from unlearn_core.adapters.custody import SealedCustody
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.holdings import DatabaseHoldings
from unlearn_core.adapters.database.key_store import DatabaseKeyStore
from unlearn_core.adapters.database.lease_store import DatabaseLeaseStore
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.envelopes import EnvelopeSigner
from unlearn_core.adapters.keepers import FolderKeeper
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.adapters.memory.storage import MemoryEvidence
from unlearn_core.adapters.objects import FolderObjects
from unlearn_core.adapters.wrapping import LocalWrapping
from unlearn_core.domain.audit_bundle import (
    BUNDLE_TYPE,
    DOCUMENT,
    BundleInvalidError,
    check_bundle,
)
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.certificates import certificate_name
from unlearn_core.domain.ledger import (
    RETENTION_ANNOUNCED,
    RETENTION_APPLIED,
    verify_chain,
)
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.retention import Kind, RetentionFailedError
from unlearn_core.domain.transparency import matched
from unlearn_core.errors import (
    LeaseLostError,
    LedgerBrokenError,
    StorageError,
    UnknownRequestError,
)
from unlearn_core.steps import scopes
from unlearn_core.steps.apply_retention import (
    RESOURCE,
    RetentionDesk,
    apply_retention,
    outlived,
)
from unlearn_core.steps.audit_ledger import audit_ledger
from unlearn_core.steps.export_bundle import Period, export_bundle
from unlearn_core.steps.publish_checkpoint import publish_checkpoint


@dataclass(frozen=True)
class Archive:
    """A closed request of which too much is left, and one from long after it."""

    register: Register
    desk: RetentionDesk
    custody: SealedCustody
    database: Database
    old: RequestId
    objects: Path

    def later(self, days: int) -> None:
        """Let days pass."""
        self.register.move(timedelta(days=days))

    def kinds(self) -> dict[str, int]:
        """Return what of the old request would go now."""
        return {
            str(kind): count
            for item in outlived(self.desk)
            if item.end.request_id == self.old
            for kind, count in item.kinds.items()
        }


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Return a database in which a run was cut off after the answer."""
    clock, database = MemoryClock(), open_sqlite(tmp_path)
    store = DatabaseRequestStore(database, clock=clock)
    custody = SealedCustody(
        wrapping=LocalWrapping(bytes(32)),
        keys=DatabaseKeyStore(database, clock=clock),
        objects=FolderObjects(tmp_path / "objects"),
        ledger=store,
    )
    register = Register(
        store=store,
        ledger=store,
        leaves=store,
        leases=DatabaseLeaseStore(database, clock=clock),
        clock=clock,
        move=clock.move,
        evidence=MemoryEvidence(),
        keepers=(FolderKeeper(tmp_path / "outside"),),
    )
    old = register.answer(1)
    for scope in (scopes.working(old), scopes.contact(old), scopes.evaluation(old)):
        custody.open_scope(scope)
        custody.put(scope, scopes.CONTENT, b"ada@post.example")
    desk = desk_over(register, custody=custody, holdings=DatabaseHoldings(database))
    yield Archive(register, desk, custody, database, old, tmp_path / "objects")
    database.close()


def test_personal_data_that_was_left_behind_goes_at_once(archive: Archive) -> None:
    assert archive.kinds() == {"working_data": 1, "evaluation_set": 1}
    (found,) = apply_retention(archive.desk)
    assert found.end.request_id == archive.old
    assert not archive.custody.holds(scopes.working(archive.old))
    # The address may still be waited for.
    assert archive.custody.holds(scopes.contact(archive.old))
    archive.later(14)
    assert archive.kinds() == {"contact_address": 1}
    apply_retention(archive.desk)
    assert [path for path in archive.objects.rglob("*") if path.is_file()] == []


def test_telling_what_is_due_changes_nothing(archive: Archive) -> None:
    before = list(archive.register.ledger.entries())
    assert len(outlived(archive.desk)) == 1
    assert list(archive.register.ledger.entries()) == before
    assert archive.custody.holds(scopes.working(archive.old))


def test_the_ledger_announces_what_goes_and_confirms_that_nothing_is_left(
    archive: Archive,
) -> None:
    apply_retention(archive.desk)
    told = {
        entry.event: entry.payload
        for entry in archive.register.ledger.entries(archive.old)
        if entry.event.startswith("retention")
    }
    kinds = {"working_data": 1, "evaluation_set": 1}
    assert told[RETENTION_ANNOUNCED]["kinds"] == kinds
    assert told[RETENTION_ANNOUNCED]["outcome"] == "not_found"
    assert told[RETENTION_APPLIED] == {
        "kinds": kinds,
        "left": {"working_data": 0, "evaluation_set": 0},
    }


def test_what_is_done_is_not_done_again(archive: Archive) -> None:
    apply_retention(archive.desk)
    before = len(list(archive.register.ledger.entries()))
    assert apply_retention(archive.desk) == ()
    assert len(list(archive.register.ledger.entries())) == before


def test_one_at_a_time(archive: Archive) -> None:
    archive.register.leases.acquire(RESOURCE, holder="other", ttl=timedelta(hours=1))
    assert apply_retention(archive.desk) == ()
    assert archive.custody.holds(scopes.working(archive.old))


def test_a_run_that_was_cut_off_is_finished_by_the_next(archive: Archive) -> None:
    archive.register.ledger.note(
        RETENTION_ANNOUNCED, {"kinds": {"working_data": 1}}, request_id=archive.old
    )
    archive.custody.shred(scopes.working(archive.old))
    apply_retention(archive.desk)
    applied = [
        entry.payload["kinds"]
        for entry in archive.register.ledger.entries(event=RETENTION_APPLIED)
    ]
    assert applied == [{"working_data": 1}, {"evaluation_set": 1}]


def test_objects_whose_key_went_before_the_cut_off_go_as_well(
    archive: Archive,
) -> None:
    apply_retention(archive.desk)
    scope, clock = scopes.contact(archive.old), archive.desk.clock
    archive.register.ledger.note(
        RETENTION_ANNOUNCED, {"kinds": {"contact_address": 1}}, request_id=archive.old
    )
    DatabaseKeyStore(archive.database, clock=clock).destroy(scope)
    assert [path for path in archive.objects.rglob("*") if path.is_file()]
    apply_retention(archive.desk)
    assert [path for path in archive.objects.rglob("*") if path.is_file()] == []


def test_the_record_of_a_request_goes_with_its_pseudonyms(archive: Archive) -> None:
    archive.later(1000)
    archive.register.answer(2)
    apply_retention(archive.desk)
    with pytest.raises(UnknownRequestError):
        archive.register.store.get(archive.old)
    assert archive.register.store.with_commitments(["k1:1"]) == ()
    assert len(archive.register.store.all()) == 1
    # The ledger says where it went, so an audit does not miss it.
    publish_checkpoint(archive.register.checkpoints())
    assert audit_ledger(archive.register.audit()).findings == ()


class Stubborn(DatabaseHoldings):
    """A database that says it has deleted."""

    def delete(self, kind: Kind, request_id: RequestId) -> None:
        """Do nothing."""


def test_whatever_is_still_there_is_an_error_and_stands_in_the_ledger(
    archive: Archive,
) -> None:
    archive.later(1000)
    stubborn = replace(archive.desk, holdings=Stubborn(archive.database))
    with pytest.raises(RetentionFailedError, match="left=2"):
        apply_retention(stubborn)
    (told,) = archive.register.ledger.entries(event=RETENTION_APPLIED)
    left = told.payload["left"]
    assert isinstance(left, dict)
    assert {name for name, count in left.items() if count} == {
        "commitments",
        "request",
    }
    # The next run tries again.
    apply_retention(archive.desk)
    assert archive.register.store.all() == ()


class Broken(MemoryEvidence):
    """A store that cannot remove the documents of some requests."""

    def __init__(self, *broken: RequestId) -> None:
        super().__init__()
        self._broken = broken

    def remove(self, name: str) -> None:
        """Remove what is not broken."""
        if any(str(request_id) in name for request_id in self._broken):
            raise StorageError(errno=5)
        super().remove(name)


@pytest.mark.parametrize("is_announced", [False, True])
def test_one_that_cannot_be_deleted_does_not_keep_the_others(
    archive: Archive, *, is_announced: bool
) -> None:
    """Neither at first nor when it is made up for."""
    other = archive.register.answer(2)
    evidence = Broken(archive.old)
    for request_id in (archive.old, other):
        evidence.put(certificate_name(request_id), b"{}")
    desk = replace(archive.desk, evidence=evidence)
    archive.later(4000)
    for _ in range(1 + is_announced):
        with pytest.raises(StorageError):
            apply_retention(desk)
    assert evidence.get(certificate_name(other)) is None
    announced = list(archive.register.ledger.entries(event=RETENTION_ANNOUNCED))
    assert [entry.request_id for entry in announced] == [archive.old, other]
    # The next run that can makes up for it.
    apply_retention(replace(archive.desk, evidence=MemoryEvidence()))
    assert archive.register.store.all() == ()


class Slow(MemoryEvidence):
    """A store that takes so long to remove something that another run takes over."""

    def __init__(self, archive: Archive) -> None:
        super().__init__()
        self._archive = archive

    def remove(self, name: str) -> None:
        """Remove, and let somebody else have the lease."""
        super().remove(name)
        self._archive.register.move(timedelta(hours=1))
        leases = self._archive.register.leases
        if leases.is_free(RESOURCE):
            leases.acquire(RESOURCE, holder="other", ttl=timedelta(days=1))


def test_who_has_lost_the_lease_touches_no_other_request(archive: Archive) -> None:
    """Nor what was announced before."""
    ids = (archive.old, archive.register.answer(2))
    broken, slow = Broken(*ids), Slow(archive)
    for request_id in ids:
        broken.put(certificate_name(request_id), b"{}")
        slow.put(certificate_name(request_id), b"{}")
    archive.later(4000)
    with pytest.raises(StorageError):
        apply_retention(replace(archive.desk, evidence=broken))
    with pytest.raises(LeaseLostError):
        apply_retention(replace(archive.desk, evidence=slow))
    assert [slow.get(certificate_name(item)) for item in ids].count(None) == 1


def test_in_the_end_hashes_and_order_are_all_that_is_left(archive: Archive) -> None:
    register, old = archive.register, archive.old
    publish_checkpoint(register.checkpoints())
    archive.later(4000)
    register.answer(2)
    apply_retention(archive.desk)
    publish_checkpoint(register.checkpoints())
    told = [
        entry
        for entry in register.ledger.entries(old)
        if not entry.event.startswith("retention")
    ]
    assert {entry.is_erased for entry in told} == {True}
    assert {str(entry.payload) for entry in told} == {"{}"}
    assert register.evidence.get(certificate_name(old)) is None
    leaves = {leaf.sequence: leaf.salt for leaf in register.leaves.leaves()}
    assert {leaves[entry.sequence] for entry in told} == {b""}
    # Nothing of it can be found in the file either; the checkpoints still hold.
    assert verify_chain(register.ledger.entries())
    assert list(matched(register.ledger.entries(), register.leaves.leaves()))
    audit = audit_ledger(register.audit())
    assert (audit.findings, audit.checkpoints) == ((), 2)


def test_a_bundle_shows_that_something_stood_there(archive: Archive) -> None:
    register = archive.register
    began = register.clock.now().date()
    archive.later(4000)
    apply_retention(archive.desk)
    publish_checkpoint(register.checkpoints())
    period = Period(first=began, last=began)
    files = export_bundle(period, desk=register.export())
    bundle, _ = check_bundle(files, openers=OPENERS)
    assert bundle.entries[0].entry.is_erased
    assert len(bundle.entries[0].commitment) == 32
    assert not [name for name in files if name.startswith("certificates/")]


def test_a_bundle_of_an_emptied_request_shows_what_announced_it(
    archive: Archive,
) -> None:
    register = archive.register
    publish_checkpoint(register.checkpoints())
    archive.later(4000)
    apply_retention(archive.desk)
    with pytest.raises(StorageError, match="missing=checkpoint"):
        export_bundle(archive.old, desk=register.export())
    publish_checkpoint(register.checkpoints())
    files = export_bundle(archive.old, desk=register.export())
    opened = json.loads(TRUSTED.open(files[DOCUMENT], payload_type=BUNDLE_TYPE))
    assert check_bundle(files, openers=OPENERS)
    # The operator leaves the announcement out and signs that.
    opened["entries"] = [
        entry for entry in opened["entries"] if entry["event"] != RETENTION_ANNOUNCED
    ]
    envelope = EnvelopeSigner(SIGNER).sign(
        canonical_json(opened), payload_type=BUNDLE_TYPE
    )
    with pytest.raises(BundleInvalidError, match="emptied"):
        check_bundle({**files, DOCUMENT: envelope}, openers=OPENERS)


def test_emptying_an_entry_in_silence_is_noticed(archive: Archive) -> None:
    register = archive.register
    publish_checkpoint(register.checkpoints())
    DatabaseHoldings(archive.database).delete(Kind.LEDGER_CONTENT, archive.old)
    with pytest.raises(LedgerBrokenError, match="emptied entry"):
        verify_chain(register.ledger.entries())
    with pytest.raises(LedgerBrokenError, match="emptied entry"):
        export_bundle(archive.old, desk=register.export())
