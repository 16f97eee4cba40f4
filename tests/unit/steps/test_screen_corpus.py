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
from unlearn_core.domain.requests import Stage
from unlearn_core.domain.sources import SearchResult
from unlearn_core.errors import SourceUnreadableError
from unlearn_core.steps.screen_corpus import (
    CORPUS_SCREENED,
    Screening,
    remove,
    summarise,
    suppressed,
)

ONE, TWO = domain.request_id(1), domain.request_id(2)


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


def test_only_who_was_erased_is_suppressed(store: MemoryRequestStore) -> None:
    assert suppressed(store, store) == {ONE: ("k1:1",)}


def test_results_are_put_together_by_record() -> None:
    found = summarise([result("r-1"), result("r-1", doubtful=("r-4",))], [ONE, TWO])
    assert found == Screening(
        records={"r-1": (ONE, TWO)},
        uncertain={"r-4": (TWO,)},
        searched=9,
        unreadable=0,
        why={"r-1": ("a",), "r-4": ("b",)},
    )
    assert not found.is_clean
    assert summarise([result(doubtful=("r-4",))], [ONE]).is_clean
    assert summarise([], []).is_clean


def test_what_is_certain_is_announced_removed_and_read_back(
    store: MemoryRequestStore,
) -> None:
    source = MemoryConnector(source_spec(), PEOPLE)
    found = summarise([result("r-1", "r-3", doubtful=("r-4",))], [ONE])
    assert remove(found, source, ledger=store) == 2
    assert [row["id"] for row in source.rows if row] == ["r-2", "r-4", "r-5"]
    (entry,) = store.entries(event=CORPUS_SCREENED)
    assert entry.payload == {"source": "customers", "records": 2}


def test_nothing_is_announced_where_nothing_is_to_be_removed(
    store: MemoryRequestStore,
) -> None:
    source = MemoryConnector(source_spec(is_erasable=False), PEOPLE)
    assert remove(summarise([result()], [ONE]), source, ledger=store) == 0
    with pytest.raises(SourceUnreadableError):
        remove(summarise([result("r-1")], [ONE]), source, ledger=store)
    assert not list(store.entries(event=CORPUS_SCREENED))
