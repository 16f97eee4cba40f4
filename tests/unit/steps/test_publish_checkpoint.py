from dataclasses import replace
from datetime import timedelta

import pytest
from support.log import NOTES, Register, memory_register, note

from unlearn_core.adapters.memory.records import MemoryRequestStore
from unlearn_core.adapters.memory.transparency import MemoryKeeper
from unlearn_core.domain.checkpoints import LogForkedError
from unlearn_core.domain.merkle import root_of
from unlearn_core.errors import LedgerBrokenError, StorageError
from unlearn_core.steps.publish_checkpoint import (
    CHECKPOINT_PUBLISHED,
    RESOURCE,
    checkpoint_name,
    publish_checkpoint,
)


@pytest.fixture
def keepers() -> list[MemoryKeeper]:
    """Return two places."""
    return [MemoryKeeper(), MemoryKeeper()]


@pytest.fixture
def register(keepers: list[MemoryKeeper]) -> Register:
    """Return an empty ledger in memory."""
    return memory_register(*keepers)


def test_a_checkpoint_speaks_for_every_entry_and_is_kept_everywhere(
    register: Register, keepers: list[MemoryKeeper]
) -> None:
    register.answer(1)
    leaves = [leaf.hash for leaf in register.leaves.leaves()]
    published = publish_checkpoint(register.checkpoints())
    assert published is not None
    assert (published.size, published.root) == (7, root_of(leaves))
    for keeper in keepers:
        assert [NOTES.open(kept) for kept in keeper.kept()] == [published]
    stored = register.evidence.get(checkpoint_name(7))
    assert stored is not None
    assert NOTES.open(stored) == published
    (entry,) = register.ledger.entries(event=CHECKPOINT_PUBLISHED)
    assert dict(entry.payload) == {
        "size": 7,
        "root": published.root.hex(),
        "places": ["memory", "memory"],
    }


def test_every_checkpoint_continues_the_one_before(register: Register) -> None:
    sizes = []
    for number in (1, 2, 3):
        register.answer(number)
        published = publish_checkpoint(register.checkpoints())
        sizes.append(published.size if published else 0)
    # Seven entries each, and one for the publication before.
    assert sizes == [7, 15, 23]


def test_nothing_is_published_while_nothing_happens(register: Register) -> None:
    assert publish_checkpoint(register.checkpoints()) is None
    register.answer(1)
    assert publish_checkpoint(register.checkpoints())
    assert publish_checkpoint(register.checkpoints()) is None
    assert len(list(register.ledger.entries())) == 8


def test_nothing_is_published_while_somebody_else_does(register: Register) -> None:
    register.answer(1)
    register.leases.acquire(RESOURCE, holder="other", ttl=timedelta(minutes=1))
    assert publish_checkpoint(register.checkpoints()) is None


def test_one_place_that_is_away_does_not_hold_up_the_other(
    register: Register, keepers: list[MemoryKeeper]
) -> None:
    register.answer(1)
    keepers[0].is_reachable = False
    assert publish_checkpoint(register.checkpoints())
    (entry,) = register.ledger.entries(event=CHECKPOINT_PUBLISHED)
    assert entry.payload["places"] == ["memory"]
    keepers[0].is_reachable = True
    register.answer(2)
    assert publish_checkpoint(register.checkpoints())
    assert len(list(keepers[0].kept())) == 1
    assert len(list(keepers[1].kept())) == 2


def test_without_any_place_that_answers_nothing_counts_as_published(
    register: Register, keepers: list[MemoryKeeper]
) -> None:
    register.answer(1)
    for keeper in keepers:
        keeper.is_reachable = False
    with pytest.raises(StorageError):
        publish_checkpoint(register.checkpoints())
    assert list(register.ledger.entries(event=CHECKPOINT_PUBLISHED)) == []
    keepers[0].is_reachable = True
    assert publish_checkpoint(register.checkpoints())


def test_a_place_that_keeps_another_history_stops_it(
    register: Register,
    keepers: list[MemoryKeeper],
    caplog: pytest.LogCaptureFixture,
) -> None:
    register.answer(1)
    keepers[1].publish(note(5), prove=lambda _: ())
    with pytest.raises(LogForkedError, match="problem=rewritten"):
        publish_checkpoint(register.checkpoints())
    assert "checkpoint_refused" in caplog.text
    assert list(register.ledger.entries(event=CHECKPOINT_PUBLISHED)) == []


@pytest.mark.parametrize("size", [7, 999])
def test_a_ledger_that_contradicts_its_own_roots_is_not_signed(
    register: Register, size: int
) -> None:
    register.answer(1)
    register.ledger.note(CHECKPOINT_PUBLISHED, {"size": size, "root": "00" * 32})
    register.answer(2)
    with pytest.raises(LogForkedError):
        publish_checkpoint(register.checkpoints())


def test_a_broken_ledger_is_not_signed(
    register: Register, keepers: list[MemoryKeeper]
) -> None:
    register.answer(1)
    store = register.store
    assert isinstance(store, MemoryRequestStore)
    store._entries[2] = replace(store._entries[2], payload={"changed": True})
    with pytest.raises(LedgerBrokenError):
        publish_checkpoint(register.checkpoints())
    assert list(keepers[0].kept()) == []
