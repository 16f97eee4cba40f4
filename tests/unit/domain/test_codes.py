from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import NOW, ledger_entry

from unlearn_core.domain.codes import (
    CODE_REFUSED,
    CODE_SENT,
    VALID_FOR,
    CodeStanding,
    is_same_code,
    new_code,
    read_codes,
    template_of,
)
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.privacy import Personal

END = NOW + VALID_FOR


def sent() -> LedgerEntry:
    return ledger_entry(CODE_SENT, payload={"expires_at": END.isoformat()})


def wrong() -> LedgerEntry:
    return ledger_entry(CODE_REFUSED, payload={})


def test_codes_have_eight_digits_and_differ() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) > 190
    assert all(len(code) == 8 and code.isdecimal() for code in codes)


@pytest.mark.parametrize(
    ("entered", "is_same"),
    [
        ("01234567", True),
        ("0123 4567", True),
        (" 01234567\t", True),
        ("1234567", False),
        ("01234568", False),
        ("", False),
        ("०१२३४५६७", False),
    ],
)
def test_only_the_same_digits_are_the_same_code(entered: str, *, is_same: bool) -> None:
    assert is_same_code(Personal(entered), "01234567") is is_same


@pytest.mark.parametrize(
    ("entries", "codes", "tries", "is_open", "may_send"),
    [
        ([], 0, 0, False, True),
        ([sent()], 1, 0, True, True),
        ([sent(), *[wrong()] * 4], 1, 4, True, True),
        ([sent(), *[wrong()] * 5], 1, 5, False, True),
        ([sent(), *[wrong()] * 5, sent()], 2, 0, True, True),
        ([sent(), sent(), sent()], 3, 0, True, False),
    ],
)
def test_five_tries_for_a_code_and_three_codes_for_a_request(
    entries: list[LedgerEntry], codes: int, tries: int, *, is_open: bool, may_send: bool
) -> None:
    standing = read_codes(entries)
    assert (standing.sent, standing.tries) == (codes, tries)
    assert (standing.is_open(NOW), standing.may_send) == (is_open, may_send)


@given(st.integers(-3600, 3600))
def test_a_code_counts_until_its_end_and_not_after_it(seconds: int) -> None:
    standing = CodeStanding(sent=1, expires_at=END, tries=0)
    assert standing.is_open(END + timedelta(seconds=seconds)) is (seconds < 0)


def test_each_code_has_a_message_of_its_own() -> None:
    assert [template_of(number) for number in (1, 2)] == [
        "identity_code_1",
        "identity_code_2",
    ]
