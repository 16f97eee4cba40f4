from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from support.databases import KINDS, migrated

from unlearn_core.adapters.database.key_store import DatabaseKeyStore, WrappedKey
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.canonical import digest_of


@dataclass(frozen=True)
class Store:
    """A key store and its clock."""

    keys: DatabaseKeyStore
    clock: MemoryClock


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Return an empty key store in each database."""
    clock = MemoryClock()
    with migrated(request.param, tmp_path) as database:
        yield Store(DatabaseKeyStore(database, clock=clock), clock)


def test_a_key_is_kept_as_it_is(store: Store) -> None:
    wrapped = bytes(range(256))
    store.keys.add("scope", wrapped)
    assert store.keys.get("scope") == WrappedKey(
        wrapped=wrapped,
        digest=digest_of(wrapped),
        destroyed_at=None,
        objects_removed=0,
    )
    assert store.keys.get("other") is None


def test_a_scope_never_gets_a_second_key(store: Store) -> None:
    store.keys.add("scope", b"first")
    store.keys.add("scope", b"second")
    held = store.keys.get("scope")
    assert held is not None
    assert held.wrapped == b"first"
    store.keys.destroy("scope")
    store.keys.add("scope", b"third")
    held = store.keys.get("scope")
    assert held is not None
    assert held.wrapped is None


def test_a_destroyed_key_leaves_its_digest_and_moment(store: Store) -> None:
    store.keys.add("scope", b"wrapped")
    store.clock.move(timedelta(days=1))
    destroyed = store.keys.destroy("scope")
    store.clock.move(timedelta(days=1))
    assert store.keys.destroy("scope") == destroyed == store.keys.get("scope")
    assert destroyed == WrappedKey(
        wrapped=None,
        digest=digest_of(b"wrapped"),
        destroyed_at="2026-03-03T09:00:00.000000+00:00",
        objects_removed=0,
    )


def test_removed_objects_add_up(store: Store) -> None:
    store.keys.add("scope", b"wrapped")
    for count in (2, 0, 1):
        store.keys.count_removed("scope", count)
    held = store.keys.get("scope")
    assert held is not None
    assert held.objects_removed == 3


def test_an_unknown_scope_has_nothing_to_destroy(store: Store) -> None:
    assert store.keys.destroy("unknown") is None
    store.keys.count_removed("unknown", 3)
    assert store.keys.get("unknown") is None
