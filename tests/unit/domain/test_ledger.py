from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import digest, ledger, ledger_entry, request_id

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.ledger import (
    GENESIS,
    LEDGER_CONTENT,
    RETENTION_ANNOUNCED,
    LedgerEntry,
    verify_chain,
)
from unlearn_core.errors import LedgerBrokenError

EVENTS = ("received", "acknowledged", "identity_verified", "located", "purged")


def test_a_sound_ledger_is_counted() -> None:
    assert verify_chain([]) == 0
    assert verify_chain(ledger(*EVENTS)) == 5


def test_the_hash_of_an_entry_is_fixed_for_all_time() -> None:
    """Guards the byte form: a change here breaks every ledger ever written."""
    entry = LedgerEntry(
        sequence=1,
        recorded_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        request_id=request_id(1),
        event="received",
        payload={"b": 1, "a": [True, None, "x"]},
        fencing_token=0,
        previous_hash=GENESIS,
    )
    assert entry.computed_hash() == (
        "sha256:b0905f32291dc9419442e8f98407ac445915af5595d27e69be7a18f2964f01f2"
    )


CHANGES: dict[str, Callable[[Any], Any]] = {
    "sequence": lambda value: value + 1,
    "recorded_at": lambda value: value + timedelta(microseconds=1),
    "request_id": lambda _: request_id(99),
    "event": lambda value: value + "x",
    "payload": lambda value: value | {"count": 7},
    "fencing_token": lambda value: value + 1,
    "previous_hash": lambda _: digest("other"),
    "entry_hash": lambda _: digest("other"),
}


def test_there_is_a_change_for_every_field() -> None:
    erasure = {"is_erased"}
    assert set(CHANGES) | erasure == {field.name for field in fields(LedgerEntry)}


def test_an_emptied_entry_needs_an_entry_that_announces_it() -> None:
    first = ledger_entry()
    second = ledger_entry(
        RETENTION_ANNOUNCED, after=first, payload={"kinds": {LEDGER_CONTENT: 1}}
    )
    emptied = replace(first, payload={}, is_erased=True)
    assert verify_chain([emptied, second]) == 2
    of_another = ledger_entry(
        RETENTION_ANNOUNCED,
        after=first,
        number=2,
        payload={"kinds": {LEDGER_CONTENT: 1}},
    )
    of_rows = ledger_entry(
        RETENTION_ANNOUNCED, after=first, payload={"kinds": {"request": 1}}
    )
    for told in (of_another, of_rows, ledger_entry(after=first)):
        with pytest.raises(LedgerBrokenError, match="emptied entry, at=1"):
            verify_chain([emptied, told])


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("position", range(5))
def test_a_changed_field_is_noticed(field: str, position: int) -> None:
    entries = ledger(*EVENTS)
    value = CHANGES[field](getattr(entries[position], field))
    entries[position] = replace(entries[position], **{field: value})
    with pytest.raises(LedgerBrokenError):
        verify_chain(entries)


@pytest.mark.parametrize("field", sorted(set(CHANGES) - {"entry_hash"}))
@pytest.mark.parametrize("position", range(5))
def test_hashing_a_changed_entry_again_does_not_help(field: str, position: int) -> None:
    entries = ledger(*EVENTS)
    head = entries[-1].entry_hash
    value = CHANGES[field](getattr(entries[position], field))
    entries[position] = replace(entries[position], **{field: value}).sealed()
    with pytest.raises(LedgerBrokenError):
        verify_chain(entries, expected_head=head)


@pytest.mark.parametrize(
    "payload",
    [
        {"count": 1.0},
        {"count": True},
        {"count": "1"},
        {"count": None},
        {"Count": 1},
        {"count": 1, "more": None},
        {},
    ],
    ids=str,
)
def test_values_that_look_alike_have_different_hashes(
    payload: dict[str, JsonValue],
) -> None:
    entry = ledger_entry(payload={"count": 1})
    assert replace(entry, payload=payload).computed_hash() != entry.entry_hash


def test_a_request_id_cannot_be_taken_away() -> None:
    entry = ledger_entry()
    assert replace(entry, request_id=None).computed_hash() != entry.entry_hash


@given(st.integers(1, 6), st.data())
def test_no_entry_can_be_dropped_doubled_or_moved(
    size: int, data: st.DataObject
) -> None:
    entries = ledger(*(f"event-{number}" for number in range(size)))
    order = data.draw(st.lists(st.integers(0, size - 1), max_size=size + 2))
    mangled = [entries[number] for number in order]
    if mangled == entries:
        assert verify_chain(mangled, expected_head=entries[-1].entry_hash) == size
        return
    with pytest.raises(LedgerBrokenError):
        verify_chain(mangled, expected_head=entries[-1].entry_hash)


@pytest.mark.parametrize(
    ("mangle", "facts"),
    [
        (lambda rows: rows[1:], {"problem": "gap", "at": 1}),
        (lambda rows: rows[:1] + rows[2:], {"problem": "gap", "at": 2}),
        (lambda rows: [rows[1], rows[0], *rows[2:]], {"problem": "gap", "at": 1}),
        (lambda rows: rows[:2] + rows[1:], {"problem": "gap", "at": 3}),
        (
            lambda rows: [replace(rows[0], event="x").sealed(), *rows[1:]],
            {"problem": "broken link", "at": 2},
        ),
        (
            lambda rows: [*rows[:3], replace(rows[3], event="x"), rows[4]],
            {"problem": "changed entry", "at": 4},
        ),
        (lambda rows: rows[:4], {"problem": "expected head missing", "entries": 4}),
        (lambda _: [], {"problem": "expected head missing", "entries": 0}),
    ],
)
def test_the_place_of_the_damage_is_named(
    mangle: Callable[[list[LedgerEntry]], list[LedgerEntry]], facts: dict[str, object]
) -> None:
    entries = ledger(*EVENTS)
    with pytest.raises(LedgerBrokenError) as caught:
        verify_chain(mangle(entries), expected_head=entries[-1].entry_hash)
    assert caught.value.facts == facts


def test_a_rewritten_ledger_misses_the_head_kept_elsewhere() -> None:
    head = ledger(*EVENTS)[-1].entry_hash
    forged = ledger(*EVENTS[:-1], "certified")
    assert verify_chain(forged) == 5
    with pytest.raises(LedgerBrokenError):
        verify_chain(forged, expected_head=head)


def test_a_ledger_may_have_grown_since_its_head_was_copied() -> None:
    entries = ledger(*EVENTS)
    assert verify_chain(entries, expected_head=entries[2].entry_hash) == 5
    assert verify_chain(entries, expected_head=GENESIS) == 5


def test_the_same_moment_in_another_time_zone_is_the_same_entry() -> None:
    entry = ledger_entry()
    abroad = entry.recorded_at.astimezone(timezone(timedelta(hours=9)))
    assert replace(entry, recorded_at=abroad).computed_hash() == entry.entry_hash
