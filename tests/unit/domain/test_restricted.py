from collections.abc import Iterable
from dataclasses import replace

import pytest
from support.domain import ledger_entry, request_id

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.restricted import (
    LiftProposal,
    read_restrictions,
    restriction_state,
)

KEY = request_id(1)


def told(*events: str) -> list[LedgerEntry]:
    facts: dict[str, JsonValue] = {"reason": "ground_ended", "officer": "anna"}
    return [
        replace(
            ledger_entry(event, payload=dict(facts)), sequence=number, request_id=KEY
        )
        for number, event in enumerate(events, start=1)
    ]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((), ""),
        (("received",), ""),
        (("received", "restricted"), "restricted"),
        (("restricted", "restriction_in_force"), "restriction_in_force"),
        (("restricted", "restriction_lift_proposed"), "restricted"),
        (("restricted", "restriction_lifted"), "restriction_lifted"),
        # What every replica said comes too late for one that has ended.
        (
            ("restricted", "restriction_lifted", "restriction_in_force"),
            "restriction_lifted",
        ),
    ],
)
def test_the_ledger_tells_how_a_restriction_stands(
    events: Iterable[str], state: str
) -> None:
    assert restriction_state(told(*events)) == state


def test_the_first_order_counts_and_the_order_of_reading_does_not() -> None:
    entries = told("restricted", "restricted", "restriction_lift_proposed")
    (found,) = read_restrictions(reversed(entries)).values()
    assert found.sequence == 1
    assert found.proposal == LiftProposal(reason="ground_ended", officer="anna")


def test_entries_of_nobody_and_emptied_ones_say_no_more_than_that_they_are() -> None:
    order, proposal = told("restricted", "restriction_lift_proposed")
    emptied = replace(proposal, payload={}, is_erased=True)
    nobody = replace(order, request_id=None)
    (found,) = read_restrictions([nobody, order, emptied]).values()
    assert found.proposal is None


@pytest.mark.parametrize(
    ("officer", "who", "is_same"),
    [("anna", "", True), ("berta", "", False), ("berta", "k", True), ("b", "l", False)],
)
def test_one_officer_is_known_by_name_or_by_key(
    officer: str, who: str, *, is_same: bool
) -> None:
    proposal = LiftProposal(reason="ground_ended", officer="anna", who="k")
    assert proposal.is_by(officer, who) is is_same
