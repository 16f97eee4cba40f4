"""What every custody, evidence store and source connector promises."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.buckets import empty_bucket, endpoint, fresh_bucket, open_bucket
from support.databases import KINDS, open_sqlite, postgres_schema
from support.file_sources import FILES, take_away, write_objects
from support.folders import put_in_the_way
from support.sources import (
    COLUMNS,
    PEOPLE,
    source_spec,
    subject,
    write_jsonl,
    write_parquet,
    write_table,
)

from unlearn_core import ports
from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.adapters.connectors.specification import Row
from unlearn_core.adapters.connectors.sql import SqlConnector
from unlearn_core.adapters.custody import SealedCustody
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.key_store import DatabaseKeyStore
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.storage import (
    MemoryConnector,
    MemoryCustody,
    MemoryEvidence,
)
from unlearn_core.adapters.objects import FolderObjects, ObjectEvidence, ObjectStore
from unlearn_core.adapters.wrapping import LocalWrapping
from unlearn_core.domain.sources import SourceRecord
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import (
    KeyDestroyedError,
    SealBrokenError,
    SourceUnreadableError,
    StorageError,
)

pytestmark = pytest.mark.integration

IN_BUCKET = pytest.param("bucket", marks=pytest.mark.integration)
SCOPE = "00000000-0000-0000-0000-000000000001"
CANARY = b"Ada Example, born 1815"


@dataclass(frozen=True)
class Vault:
    """A custody, its ledger and clock, and the three things a test may do behind it.

    Attributes:
        plant: Puts other bytes where an object is stored.
        stored: Returns the bytes that are stored.
        break_down: Makes the store unreachable.
    """

    custody: ports.Custody
    ledger: ports.Ledger
    clock: MemoryClock
    plant: Callable[[str, str, bytes], None]
    stored: Callable[[str, str], bytes | None]
    break_down: Callable[[], None]


@pytest.fixture(params=["memory", "folder", IN_BUCKET])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    """Return an empty custody of each kind."""
    clock = MemoryClock()
    if request.param == "memory":
        ledger = MemoryRequestStore(leases=MemoryLeaseStore(clock=clock), clock=clock)
        custody = MemoryCustody(ledger=ledger, clock=clock)
        yield Vault(
            custody=custody,
            ledger=ledger,
            clock=clock,
            plant=custody.replace_sealed,
            stored=lambda scope, name: custody._scopes[scope].objects.get(name),
            break_down=lambda: setattr(custody, "is_reachable", False),
        )
        return
    database = open_sqlite(tmp_path)
    objects: ObjectStore
    break_down: Callable[[], None]
    if request.param == "folder":
        folder = tmp_path / "objects"
        objects, break_down = FolderObjects(folder), lambda: put_in_the_way(folder)
    else:
        bucket = fresh_bucket()
        store = open_bucket(bucket)
        objects, break_down = store, lambda: setattr(store, "_bucket", "no-such-bucket")
    yield _sealed_vault(database, objects, break_down, clock=clock)
    database.close()


def _sealed_vault(
    database: Database,
    objects: ObjectStore,
    break_down: Callable[[], None],
    *,
    clock: MemoryClock,
) -> Vault:
    ledger = DatabaseRequestStore(database, clock=clock)
    return Vault(
        custody=SealedCustody(
            wrapping=LocalWrapping(bytes(range(32))),
            keys=DatabaseKeyStore(database, clock=clock),
            objects=objects,
            ledger=ledger,
        ),
        ledger=ledger,
        clock=clock,
        plant=lambda scope, name, data: objects.write(f"{scope}/{name}", data),
        stored=lambda scope, name: objects.read(f"{scope}/{name}"),
        break_down=break_down,
    )


def test_what_is_sealed_comes_back_and_is_replaced_as_a_whole(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    for data in (CANARY, b"", bytes(range(256)) * 64):
        vault.custody.put(SCOPE, "content", data)
        assert vault.custody.get(SCOPE, "content") == data


def test_opening_a_scope_again_keeps_its_key(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    vault.custody.put(SCOPE, "content", CANARY)
    vault.custody.open_scope(SCOPE)
    assert vault.custody.get(SCOPE, "content") == CANARY


def test_a_scope_must_be_opened_first(vault: Vault) -> None:
    for use in (
        lambda: vault.custody.put(SCOPE, "content", CANARY),
        lambda: vault.custody.get(SCOPE, "content"),
        lambda: vault.custody.commit(SCOPE, CANARY),
        lambda: vault.custody.shred(SCOPE),
    ):
        with pytest.raises(KeyDestroyedError, match="state=unknown"):
            use()
    assert not vault.custody.has(SCOPE, "content")


def test_an_object_that_was_never_stored_is_missing(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    assert not vault.custody.has(SCOPE, "content")
    with pytest.raises(StorageError):
        vault.custody.get(SCOPE, "content")


def test_shredding_makes_everything_unreadable_for_good(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    vault.custody.put(SCOPE, "content", CANARY)
    vault.custody.shred(SCOPE)
    vault.custody.open_scope(SCOPE)
    assert not vault.custody.has(SCOPE, "content")
    for use in (
        lambda: vault.custody.get(SCOPE, "content"),
        lambda: vault.custody.put(SCOPE, "content", CANARY),
        lambda: vault.custody.commit(SCOPE, CANARY),
    ):
        with pytest.raises(KeyDestroyedError, match="state=destroyed"):
            use()


def test_shredding_again_returns_the_first_evidence(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    vault.custody.put(SCOPE, "content", CANARY)
    vault.custody.put(SCOPE, "content", CANARY)
    vault.custody.put(SCOPE, "datasets", CANARY)
    vault.clock.move(timedelta(days=3))
    evidence = vault.custody.shred(SCOPE)
    vault.clock.move(timedelta(days=3))
    assert vault.custody.shred(SCOPE) == evidence
    assert evidence.objects == 2
    assert evidence.destroyed_at.isoformat() == "2026-03-05T09:00:00+00:00"
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", evidence.key)


def test_shredding_one_scope_leaves_others_alone(vault: Vault) -> None:
    """The second name begins like the first, as request and evidence scopes do."""
    for scope in (SCOPE, f"{SCOPE}.contact"):
        vault.custody.open_scope(scope)
        vault.custody.put(scope, "content", CANARY)
    vault.custody.shred(SCOPE)
    assert vault.custody.get(f"{SCOPE}.contact", "content") == CANARY


def test_a_planted_object_breaks_the_seal(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    vault.custody.put(SCOPE, "content", CANARY)
    vault.plant(SCOPE, "content", b"UNLEARN1" + bytes(60))
    with pytest.raises(SealBrokenError):
        vault.custody.get(SCOPE, "content")


LARGE = tuple(bytes([number]) * 1_000_003 for number in range(10))
"""More than one part of an upload, and no whole number of chunks."""


def test_a_stream_comes_back_with_its_commitment(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    for pieces in ((), (b"",), (CANARY, b"", CANARY), LARGE):
        commitment = vault.custody.write(SCOPE, "content", iter(pieces))
        whole = b"".join(pieces)
        assert b"".join(vault.custody.read(SCOPE, "content")) == whole
        assert vault.custody.get(SCOPE, "content") == whole
        assert commitment == vault.custody.commit(SCOPE, whole)


def test_a_stream_that_breaks_off_leaves_what_was_there(vault: Vault) -> None:
    def broken(before: tuple[bytes, ...]) -> Iterator[bytes]:
        yield from before
        raise SourceUnreadableError(source="people")

    vault.custody.open_scope(SCOPE)
    for before in ((CANARY,), LARGE):
        with pytest.raises(SourceUnreadableError):
            vault.custody.write(SCOPE, "new", broken(before))
        assert not vault.custody.has(SCOPE, "new")
    vault.custody.put(SCOPE, "content", CANARY)
    with pytest.raises(SourceUnreadableError):
        vault.custody.write(SCOPE, "content", broken(LARGE))
    assert vault.custody.get(SCOPE, "content") == CANARY


def test_what_is_stored_tells_nothing_and_cannot_be_cut_short(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    vault.custody.write(SCOPE, "content", iter((CANARY * 10_000,)))
    stored = vault.stored(SCOPE, "content")
    assert stored is not None
    assert CANARY not in stored
    for length in (len(stored) - 1, 40 + 65_536 + 16, 40, 39, 0):
        vault.plant(SCOPE, "content", stored[:length])
        with pytest.raises(SealBrokenError):
            vault.custody.get(SCOPE, "content")
    vault.plant(SCOPE, "content", stored)
    assert vault.custody.get(SCOPE, "content") == CANARY * 10_000


def test_an_unreachable_store_is_reported(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    vault.break_down()
    with pytest.raises(StorageError):
        vault.custody.put(SCOPE, "content", CANARY)
    with pytest.raises(StorageError):
        vault.custody.get(SCOPE, "content")
    with pytest.raises(StorageError):
        vault.custody.has(SCOPE, "content")


def test_a_commitment_depends_on_data_and_scope_only(vault: Vault) -> None:
    for scope in ("one", "two"):
        vault.custody.open_scope(scope)
    first = vault.custody.commit("one", CANARY)
    assert re.fullmatch(r"hmac-sha256:[0-9a-f]{64}", first)
    assert vault.custody.commit("one", CANARY) == first
    assert vault.custody.commit("one", CANARY + b".") != first
    assert vault.custody.commit("two", CANARY) != first


def test_every_access_is_in_the_ledger_by_name(vault: Vault) -> None:
    vault.custody.open_scope(SCOPE)
    vault.custody.put(SCOPE, "content", CANARY)
    vault.custody.get(SCOPE, "content")
    assert [(entry.event, entry.payload) for entry in vault.ledger.entries()] == [
        ("sealed_data_written", {"scope": SCOPE, "name": "content"}),
        ("sealed_data_read", {"scope": SCOPE, "name": "content"}),
    ]


@dataclass(frozen=True)
class Archive:
    """An evidence store and what makes it unreachable."""

    evidence: ports.EvidenceStore
    break_down: Callable[[], None]


@pytest.fixture(params=["memory", "folder", IN_BUCKET])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    """Return an empty evidence store of each kind."""
    if request.param == "memory":
        kept = MemoryEvidence()
        return Archive(kept, lambda: setattr(kept, "is_reachable", False))
    if request.param == "folder":
        folder = tmp_path / "evidence"
        return Archive(
            ObjectEvidence(FolderObjects(folder)), lambda: put_in_the_way(folder)
        )
    objects = open_bucket(fresh_bucket())
    return Archive(
        ObjectEvidence(objects), lambda: setattr(objects, "_bucket", "no-such-bucket")
    )


def test_a_document_is_found_by_its_name_or_not_at_all(archive: Archive) -> None:
    assert archive.evidence.get("certificates/1.json") is None
    archive.evidence.put("certificates/1.json", b"first")
    archive.evidence.put("certificates/1.json", b"second")
    assert archive.evidence.get("certificates/1.json") == b"second"
    assert archive.evidence.get("certificates/2.json") is None


def test_an_unreachable_archive_is_reported(archive: Archive) -> None:
    archive.break_down()
    with pytest.raises(StorageError):
        archive.evidence.put("certificates/1.json", b"{}")
    with pytest.raises(StorageError):
        archive.evidence.get("certificates/1.json")


@dataclass(frozen=True)
class Source:
    """A connector over `PEOPLE` and what makes its source unreadable."""

    connector: ports.SourceConnector
    kind: str
    break_down: Callable[[], None]


@pytest.fixture(params=["memory", *FILES, IN_BUCKET, *KINDS])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    """Return a connector of each kind over the same rows."""
    with _opened(request.param, tmp_path) as opened:
        yield opened


@contextmanager
def _opened(kind: str, folder: Path) -> Iterator[Source]:
    path = folder / "customers"
    match kind:
        case "memory":
            memory = MemoryConnector(source_spec(), PEOPLE)
            yield Source(memory, kind, lambda: setattr(memory, "is_reachable", False))
        case "bucket":
            bucket = fresh_bucket(is_versioned=True)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("AWS_ENDPOINT_URL_S3", endpoint())
                spec = source_spec("s3", write_objects(bucket))
                yield Source(
                    CONNECTORS.get("s3")(spec), "s3", lambda: empty_bucket(bucket)
                )
        case "sqlite":
            yield _sql(write_table(f"sqlite:///{path}"))
        case "postgres":
            with postgres_schema() as url:
                yield _sql(write_table(url))
        case _:
            spec = FILES[kind](path)
            yield Source(
                CONNECTORS.get(spec.kind)(spec), spec.kind, lambda: take_away(path)
            )


def _sql(url: str) -> Source:
    def drop() -> None:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE customers")

    spec = source_spec("sql", url, table="customers")
    return Source(SqlConnector(spec), "sql", drop)


def test_a_source_says_what_it_is(source: Source) -> None:
    described = source.connector.describe()
    assert (described.name, described.kind, described.is_erasable) == (
        "customers",
        source.kind,
        True,
    )


def test_a_search_finds_certain_records_and_counts_the_doubtful(
    source: Source,
) -> None:
    """r-4 is a namesake by number; r-5 only mentions Ada beside its own number."""
    result = source.connector.locate(subject())
    assert [record.record_id for record in result.records] == ["r-1", "r-3"]
    assert (result.source, result.searched) == ("customers", 5)
    assert (result.unreadable, result.uncertain) == (0, 2)
    assert not result.is_complete


def test_a_found_record_carries_everything_that_was_declared(source: Source) -> None:
    record = source.connector.locate(subject()).records[0]
    assert record.matched == (IdentifierKind.CUSTOMER_NUMBER, IdentifierKind.NAME)
    assert record.name is not None
    assert record.name.reveal() == "Ada Example"
    assert {key: value.reveal() for key, value in record.fields.items()} == {
        "city": "Ulm"
    }
    (passage,) = record.passages
    assert passage.prompt.reveal() == "Where is Ada?"
    assert passage.answer.reveal() == "In Ulm"


def test_every_record_can_be_read(source: Source) -> None:
    ids = [record.record_id for record in source.connector.read()]
    assert ids == ["r-1", "r-2", "r-3", "r-4", "r-5"]


def test_a_dry_run_counts_and_changes_nothing(source: Source) -> None:
    assert source.connector.erase(["r-1", "r-3", "r-9"], dry_run=True) == 2
    assert len(list(source.connector.read())) == 5


def test_erasing_removes_exactly_the_named_records(source: Source) -> None:
    assert source.connector.erase(["r-1", "r-3"], dry_run=False) == 2
    ids = [record.record_id for record in source.connector.read()]
    assert ids == ["r-2", "r-4", "r-5"]


def test_erasing_twice_equals_erasing_once(source: Source) -> None:
    source.connector.erase(["r-1"], dry_run=False)
    assert source.connector.erase(["r-1"], dry_run=False) == 0
    assert source.connector.erase([], dry_run=False) == 0
    assert len(list(source.connector.read())) == 4


def test_every_record_can_be_erased(source: Source) -> None:
    everything = [row["id"] for row in PEOPLE]
    assert source.connector.erase(everything, dry_run=False) == 5
    assert list(source.connector.read()) == []
    assert source.connector.locate(subject()).searched == 0


def test_absence_is_read_back_from_the_source(source: Source) -> None:
    assert not source.connector.confirm_absent(["r-1", "r-9"])
    assert source.connector.confirm_absent(["r-9"])
    source.connector.erase(["r-1"], dry_run=False)
    assert source.connector.confirm_absent(["r-1", "r-9"])
    assert not source.connector.confirm_absent(["r-1", "r-2"])


def test_redacting_takes_what_names_the_subject_and_leaves_the_rest(
    source: Source,
) -> None:
    ids = ["r-1", "r-3", "r-5", "r-9"]
    connector = source.connector
    assert isinstance(connector, ports.Redacts)
    assert not connector.confirm_redacted(ids, subject())
    assert connector.redact(ids, subject(), dry_run=True) == 3
    assert len(connector.locate(subject()).records) == 2
    assert connector.redact(ids, subject(), dry_run=False) == 3
    assert connector.confirm_redacted(ids, subject())
    assert connector.redact(ids, subject(), dry_run=False) == 0
    found = connector.locate(subject())
    assert (found.records, found.searched, found.unreadable) == ((), 5, 0)
    assert [record.record_id for record in found.doubtful] == ["r-4"]
    records = {record.record_id: record for record in connector.read()}
    assert sorted(records) == ["r-1", "r-2", "r-3", "r-4", "r-5"]
    assert _said(records["r-1"]) == ("Where is [redacted]?", "In Ulm")
    assert _said(records["r-2"]) == ("Where is Ben?", "In Trier")
    assert _said(records["r-5"]) == ("Who knows [redacted]?", "I do")
    assert records["r-3"].fields["city"].reveal() == "Ulm"
    others = [records[name].name for name in ("r-2", "r-4", "r-5")]
    assert [name and name.reveal() for name in others] == [
        "Ben Muster",
        "Ada Example",
        "Cleo Probe",
    ]


def _said(record: SourceRecord) -> tuple[str, str]:
    (passage,) = record.passages
    return passage.prompt.reveal(), passage.answer.reveal()


def _holding(kind: str, path: Path, *more: Row) -> ports.SourceConnector:
    """Return a source in which r-3 is on hold and the others say so or say nothing."""
    said = {"r-1": None, "r-2": "", "r-3": "Litigation 7", "r-4": "false", "r-5": "0"}
    rows = [*({**row, "hold": said[row["id"]]} for row in PEOPLE), *more]
    location = f"sqlite:///{path}" if kind == "sql" else path
    spec = replace(source_spec(kind, location, table="customers"), held="hold")
    match kind:
        case "memory":
            return MemoryConnector(spec, rows)
        case "jsonl":
            write_jsonl(path, rows)
        case "parquet":
            write_parquet(path, rows)
        case _:
            write_table(str(location), rows, columns=(*COLUMNS, "hold"))
    return CONNECTORS.get(kind)(spec)


@pytest.mark.parametrize("kind", ["memory", "jsonl", "parquet", "sql"])
def test_what_is_on_hold_is_not_erased_and_named(kind: str, tmp_path: Path) -> None:
    connector = _holding(kind, tmp_path / "customers")
    assert isinstance(connector, ports.KeepsHolds)
    assert [item.is_held for item in connector.locate(subject()).records] == [
        False,
        True,
    ]
    assert connector.erase(["r-1", "r-3"], dry_run=True) == 1
    assert connector.erase(["r-1", "r-3"], dry_run=False) == 1
    assert connector.confirm_absent(["r-1", "r-3"])
    assert connector.held(["r-1", "r-2", "r-3"]) == {"r-3"}
    assert isinstance(connector, ports.Redacts)
    assert connector.redact(["r-3"], subject(), dry_run=False) == 0
    ids = [record.record_id for record in connector.read()]
    assert ids == ["r-2", "r-3", "r-4", "r-5"]


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "sql"])
def test_an_identifier_of_more_records_than_were_found_is_named(
    kind: str, tmp_path: Path
) -> None:
    rows = [*PEOPLE, {**PEOPLE[1], "id": "r-1"}, {**PEOPLE[1], "id": "r-4"}]
    path = tmp_path / "customers"
    location = f"sqlite:///{path}" if kind == "sql" else path
    if kind == "sql":
        write_table(str(location), rows)
    else:
        (write_jsonl if kind == "jsonl" else write_parquet)(path, rows)
    connector = CONNECTORS.get(kind)(source_spec(kind, location, table="customers"))
    assert isinstance(connector, ports.TellsApart)
    assert connector.shared({"r-1": 1, "r-3": 1, "r-9": 1}) == {"r-1"}
    assert connector.shared({"r-1": 2, "r-4": 1}) == {"r-4"}
    assert connector.shared({}) == frozenset()


@pytest.mark.parametrize("kind", ["jsonl", "sql"])
def test_a_record_that_came_on_hold_hides_nobody_who_shares_its_identifier(
    kind: str, tmp_path: Path
) -> None:
    stranger = {**PEOPLE[1], "id": "r-3", "hold": None}
    connector = _holding(kind, tmp_path / "customers", stranger)
    assert isinstance(connector, ports.TellsApart)
    assert connector.shared({"r-1": 1, "r-3": 1}) == {"r-3"}


def test_an_unreadable_source_says_so_whatever_is_asked(source: Source) -> None:
    source.break_down()
    asks: tuple[Callable[[], object], ...] = (
        lambda: source.connector.locate(subject()),
        lambda: list(source.connector.read()),
        lambda: source.connector.erase(["r-1"], dry_run=True),
        lambda: source.connector.erase(["r-1"], dry_run=False),
        lambda: source.connector.confirm_absent(["r-1"]),
    )
    for ask in asks:
        with pytest.raises(SourceUnreadableError, match="source=customers"):
            ask()
