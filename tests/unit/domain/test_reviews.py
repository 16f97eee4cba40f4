import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import ledger_entry, record
from support.reviews import decision

from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage
from unlearn_core.domain.reviews import (
    REASONS,
    RECORD_REVIEWED,
    ReviewReason,
    ReviewRefusedError,
    Ruling,
    check_decision,
    concerning_subject,
    read_rulings,
    ruling_of,
    undecided,
)

LISTED = tuple(record(f"r-{number}") for number in range(1, 4))


def said(number: int, reason: str) -> LedgerEntry:
    return ledger_entry(RECORD_REVIEWED, payload={"record": number, "reason": reason})


def test_every_reason_belongs_to_exactly_one_ruling() -> None:
    assert REASONS[Ruling.ERASE] | REASONS[Ruling.KEEP] == set(ReviewReason) - {
        ReviewReason.EXEMPT
    }
    assert not REASONS[Ruling.ERASE] & REASONS[Ruling.KEEP]
    assert ruling_of(ReviewReason.SAME_PERSON) is Ruling.ERASE
    assert ruling_of(ReviewReason.EXEMPT) is Ruling.KEEP


@pytest.mark.parametrize(
    ("numbers", "ruling", "reason", "problem"),
    [
        ((), "keep", "namesake", "not on the list"),
        ((0,), "keep", "namesake", "not on the list"),
        ((1, 4), "erase", "same_person", "not on the list"),
        ((1,), "erase", "namesake", "other ruling"),
        ((1,), "keep", "same_person", "other ruling"),
        ((1,), "erase", "legal_hold", "other ruling"),
        ((1,), "keep", "exempt", "name the ground"),
        ((1,), "erase", "legal_claims", "other ruling"),
        ((1,), "keep", "legal_claims", "needs a reasoning"),
    ],
)
def test_a_decision_that_means_nothing_is_refused(
    numbers: tuple[int, ...], ruling: str, reason: str, problem: str
) -> None:
    said_so = decision(*numbers, ruling=ruling, reason=reason)
    with pytest.raises(ReviewRefusedError, match=problem):
        check_decision(said_so, size=3)


def test_a_decision_about_some_records_of_the_list_is_taken() -> None:
    check_decision(decision(1, 3), size=3)


def test_the_last_word_about_a_record_of_the_latest_list_counts() -> None:
    entries = [
        said(1, "namesake"),
        ledger_entry(Stage.UNDER_REVIEW),
        said(2, "namesake"),
        said(3, "same_person"),
        said(2, "same_person"),
    ]
    assert read_rulings(entries) == {2: "same_person", 3: "same_person"}
    assert undecided(3, read_rulings(entries)) == (1,)


def test_only_what_a_person_said_is_about_the_subject_is_taken_up() -> None:
    rulings = {
        1: ReviewReason.SAME_PERSON,
        2: ReviewReason.NAMESAKE,
        3: ReviewReason.LEGAL_HOLD,
    }
    found = concerning_subject(LISTED, rulings)
    assert [(item.record_id, item.is_held) for item in found] == [
        ("r-1", False),
        ("r-3", True),
    ]


@given(st.dictionaries(st.integers(1, 3), st.sampled_from(ReviewReason)))
def test_nothing_comes_of_a_list_before_every_record_is_decided(
    rulings: dict[int, ReviewReason],
) -> None:
    if len(rulings) < 3:
        with pytest.raises(ReviewRefusedError, match="not decided"):
            concerning_subject(LISTED, rulings)
        return
    erased = {
        item.record_id
        for item in concerning_subject(LISTED, rulings)
        if not item.is_held
    }
    assert erased == {
        f"r-{number}"
        for number, reason in rulings.items()
        if reason in {"same_person", "quotes_subject"}
    }
