from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from support import domain
from support.sources import PEOPLE, source_spec

from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.storage import MemoryConnector
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import SourceUnreadableError
from unlearn_core.steps.screen_corpus import (
    CORPUS_SCREENED,
    Screening,
    remove,
    summarise,
    suppressed,
)

ONE, TWO = domain.request_id(1), domain.request_id(2)
NAME, NUMBER = IdentifierKind.NAME, IdentifierKind.CUSTOMER_NUMBER


@pytest.fixture
def store() -> MemoryRequestStore:
    """Return two requests, of which the first has erased records."""
    clock = MemoryClock(domain.NOW)
    leases = MemoryLeaseStore(clock=clock)
    store = MemoryRequestStore(clock=clock, leases=leases)
    for number, stages in (
        (1, (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED, Stage.LOCATED)),
        (2, (Stage.ACKNOWLEDGED,)),
    ):
        request = domain.request(number, commitments=(f"k1:{number}",))
        store.receive(request, {})
        lease = leases.acquire(
            str(request.request_id), holder="w", ttl=timedelta(minutes=1)
        )
        for stage in (*stages, *([Stage.SOURCES_ERASED] if number == 1 else [])):
            store.advance(request.request_id, stage, {}, lease=lease)
    return store


def result(*certain: str, doubtful: tuple[str, ...] = ()) -> SearchResult:
    """Return what a search for one person gave."""
    spec = source_spec()
    return SearchResult(
        source="customers",
        records=tuple(spec.record({"id": name}, why=("a",)) for name in certain),
        doubtful=tuple(spec.record({"id": name}, why=("b",)) for name in doubtful),
        searched=9,
        unreadable=0,
    )


def put_together(
    results: Collection[SearchResult], people: Collection[RequestId]
) -> Screening:
    """Summarise a screening of a source where names are reviewed."""
    return summarise(results, people, reviews_names=True)


def test_only_who_was_erased_is_suppressed(store: MemoryRequestStore) -> None:
    assert suppressed(store, store) == {ONE: ("k1:1",)}


def test_results_are_put_together_by_record() -> None:
    results = [result("r-1"), result("r-1", doubtful=("r-4",))]
    found = put_together(results, [ONE, TWO])
    assert found == Screening(
        records={"r-1": (ONE, TWO)},
        named={},
        uncertain={"r-4": (TWO,)},
        searched=9,
        unreadable=0,
        why={"r-1": ("a",), "r-4": ("b",)},
    )
    assert not found.is_clean
    assert put_together([result(doubtful=("r-4",))], [ONE]).is_clean
    assert put_together([], []).is_clean


@pytest.mark.parametrize("reviews_names", [True, False])
def test_a_name_alone_is_found_and_removed_only_where_it_decides(
    *, reviews_names: bool
) -> None:
    spec = source_spec()
    named = spec.record({"id": "r-2"}, matched=(NAME,), why=("a",))
    told = spec.record({"id": "r-1"}, matched=(NUMBER, NAME), why=("a",))
    results = [replace(result(), records=(told, named))]
    found = summarise(results, [ONE], reviews_names=reviews_names)
    assert set(found.records) == ({"r-1"} if reviews_names else {"r-1", "r-2"})
    assert set(found.named) == ({"r-2"} if reviews_names else set())
    alone = summarise(
        [replace(result(), records=(named,))], [ONE], reviews_names=reviews_names
    )
    assert not alone.is_clean


def test_what_is_certain_is_announced_removed_and_read_back(
    store: MemoryRequestStore,
) -> None:
    source = MemoryConnector(source_spec(), PEOPLE)
    found = put_together([result("r-1", "r-3", doubtful=("r-4",))], [ONE])
    assert remove(found, source, ledger=store) == 2
    assert [row["id"] for row in source.rows if row] == ["r-2", "r-4", "r-5"]
    (entry,) = store.entries(event=CORPUS_SCREENED)
    assert entry.payload == {"source": "customers", "records": 2}


def test_nothing_is_announced_where_nothing_is_to_be_removed(
    store: MemoryRequestStore,
) -> None:
    source = MemoryConnector(source_spec(is_erasable=False), PEOPLE)
    assert remove(put_together([result()], [ONE]), source, ledger=store) == 0
    with pytest.raises(SourceUnreadableError):
        remove(put_together([result("r-1")], [ONE]), source, ledger=store)
    assert not list(store.entries(event=CORPUS_SCREENED))
