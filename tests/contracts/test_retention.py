"""What every store of closed requests promises about deletion."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.databases import KINDS, migrated
from support.domain import request as erasure_request
from support.domain import request_id

from unlearn_core import ports
from unlearn_core.adapters.database.holdings import DatabaseHoldings
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.retention import MemoryHoldings
from unlearn_core.domain.ledger import LEDGER_CONTENT, RETENTION_ANNOUNCED, verify_chain
from unlearn_core.domain.retention import Kind
from unlearn_core.ports.retention import Holdings

ONE, TWO = request_id(1), request_id(2)


@dataclass(frozen=True)
class Shelf:
    """Two received requests and what can be deleted of them."""

    store: ports.RequestStore
    ledger: ports.Ledger
    leaves: ports.LeafStore
    holdings: Holdings


@pytest.fixture(params=["memory", *KINDS])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    """Return stores of each kind."""
    clock = MemoryClock()
    if request.param == "memory":
        leases = MemoryLeaseStore(clock=clock)
        store = MemoryRequestStore(leases=leases, clock=clock)
        yield filled(Shelf(store, store, store, MemoryHoldings(store)))
        return
    with migrated(request.param, tmp_path) as database:
        stored = DatabaseRequestStore(database, clock=clock)
        yield filled(Shelf(stored, stored, stored, DatabaseHoldings(database)))


def filled(shelf: Shelf) -> Shelf:
    """Receive two requests."""
    for number in (1, 2):
        received = erasure_request(
            number, commitments=(f"k1:a{number}", f"k1:b{number}")
        )
        shelf.store.receive(received, {"identifiers": number})
    shelf.ledger.note(
        RETENTION_ANNOUNCED, {"kinds": {LEDGER_CONTENT: 1}}, request_id=ONE
    )
    return shelf


@pytest.mark.parametrize(
    ("kind", "before"),
    [(Kind.COMMITMENTS, 2), (Kind.LEDGER_CONTENT, 1), (Kind.MESSAGES, 0)],
)
def test_what_is_deleted_is_gone_of_one_request_and_there_of_the_other(
    shelf: Shelf, kind: Kind, before: int
) -> None:
    assert shelf.holdings.count(kind, ONE) == before
    for _ in range(2):
        shelf.holdings.delete(kind, ONE)
        assert shelf.holdings.count(kind, ONE) == 0
    assert shelf.holdings.count(kind, TWO) == before


def test_a_row_goes_after_what_belongs_to_it(shelf: Shelf) -> None:
    for kind in (Kind.COMMITMENTS, Kind.REQUEST):
        shelf.holdings.delete(kind, ONE)
    assert shelf.holdings.count(Kind.REQUEST, ONE) == 0
    assert [request.request_id for request in shelf.store.all()] == [TWO]


def test_entries_lose_payload_and_salt_and_keep_hash_and_leaf(shelf: Shelf) -> None:
    before, leaf = next(shelf.ledger.entries()), next(shelf.leaves.leaves())
    shelf.holdings.delete(Kind.LEDGER_CONTENT, ONE)
    after, bare = next(shelf.ledger.entries()), next(shelf.leaves.leaves())
    assert (after.payload, after.is_erased) == ({}, True)
    assert (after.entry_hash, after.event) == (before.entry_hash, before.event)
    assert (bare.salt, bare.hash) == (b"", leaf.hash)
    assert verify_chain(shelf.ledger.entries()) == 3


def test_what_is_kept_elsewhere_counts_as_nothing(shelf: Shelf) -> None:
    for kind in (Kind.WORKING_DATA, Kind.DOCUMENTS):
        assert shelf.holdings.count(kind, ONE) == 0
        shelf.holdings.delete(kind, ONE)
    assert shelf.holdings.count(Kind.REQUEST, ONE) == 1
