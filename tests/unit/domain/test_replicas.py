from dataclasses import replace

from support.domain import ledger_entry

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.replicas import (
    REPLICA_CUT_OFF,
    REPLICA_READMITTED,
    CutOff,
    read_cut_offs,
)


def entry(sequence: int, event: str, name: str, *, gone: bool = False) -> LedgerEntry:
    payload: dict[str, JsonValue] = {
        "replica": name,
        "address": f"http://{name}",
        "officer": "anna",
        "is_gone": gone,
    }
    return replace(ledger_entry(), sequence=sequence, event=event, payload=payload)


def cut_off(name: str, *, gone: bool = False) -> CutOff:
    return CutOff(replica=name, address=f"http://{name}", officer="anna", is_gone=gone)


def test_nobody_is_cut_off_at_first() -> None:
    assert read_cut_offs([]) == ()


def test_the_last_word_about_an_address_counts_whatever_order_entries_come_in() -> None:
    entries = [
        entry(5, REPLICA_CUT_OFF, "third"),
        entry(4, REPLICA_READMITTED, "first"),
        entry(1, REPLICA_CUT_OFF, "first"),
        entry(2, REPLICA_CUT_OFF, "second"),
        entry(3, REPLICA_CUT_OFF, "second", gone=True),
    ]
    assert read_cut_offs(entries) == (cut_off("second", gone=True), cut_off("third"))


def test_who_was_readmitted_can_be_cut_off_again() -> None:
    entries = [
        entry(1, REPLICA_CUT_OFF, "first"),
        entry(2, REPLICA_READMITTED, "first"),
        entry(3, REPLICA_CUT_OFF, "first"),
    ]
    assert read_cut_offs(entries) == (cut_off("first"),)
