from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.access import access_key
from support.domain import NOW

from unlearn_core.domain.access import (
    GRANTED,
    Caller,
    Role,
    Session,
    digest_of_secret,
    form_token,
    key_text,
    known_roles,
    read_key_id,
)


@given(st.text("0123456789abcdef", min_size=8, max_size=8), st.text(min_size=1))
def test_the_public_part_of_a_key_can_be_read(key_id: str, secret: str) -> None:
    assert read_key_id(key_text(key_id, secret)) == key_id


@pytest.mark.parametrize(
    "text", ["", "unlearn", "unlearn_", "unlearn_12", "unlearn_12_", "other_12_x", "_"]
)
def test_what_is_no_key_has_no_public_part(text: str) -> None:
    assert read_key_id(text) is None


def test_only_the_whole_key_opens_and_only_until_it_is_revoked() -> None:
    text, key = access_key(Role.OPERATOR)
    assert key.opens(text)
    assert not any(key.opens(wrong) for wrong in ("", text[:-1], text + "x"))
    assert not key.opens(key.digest)
    assert not replace(key, revoked_at=NOW).opens(text)


def test_whoever_shows_a_key_is_known_by_its_public_part() -> None:
    _, key = access_key(Role.OPERATOR, key_id="0000abcd", name="Olga")
    assert key.caller == Caller(
        who="key:0000abcd", name="Olga", roles=frozenset({Role.OPERATOR})
    )


@pytest.mark.parametrize(
    ("idle_minutes", "age_minutes", "is_over"),
    [
        (0, 0, False),
        (29, 29, False),
        (30, 30, True),
        (1, 719, False),
        (1, 720, True),
        (0, 5000, True),
    ],
)
def test_a_session_ends_when_it_is_idle_or_its_day_is_over(
    idle_minutes: int, age_minutes: int, *, is_over: bool
) -> None:
    session = Session(
        digest="d",
        caller=Caller(who="key:1", roles=frozenset()),
        started_at=NOW - timedelta(minutes=age_minutes),
        seen_at=NOW - timedelta(minutes=idle_minutes),
    )
    assert session.is_over(NOW) is is_over


def test_the_token_of_a_form_is_of_one_session_and_does_not_tell_it() -> None:
    # HMAC-SHA256 of "form" under the key "abc", by `openssl dgst -hmac abc`.
    assert form_token("abc") == (
        "18e1c399f9a71fc16f3e6155d1684adf7a830b968e1fdc82b2941d405efac5f2"
    )
    assert form_token("abcd") != form_token("abc")


def test_the_digest_is_sha_256() -> None:
    # The test vector of FIPS 180-4 for "abc".
    assert digest_of_secret("abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        ((), set()),
        (("approver", "auditor"), {Role.APPROVER, Role.AUDITOR}),
        (("root", "", None, 7, "Approver"), set()),
        (("subject", "admin"), {Role.ADMIN}),
    ],
)
def test_an_issuer_gives_only_roles_that_exist_and_can_be_given(
    names: tuple[object, ...], roles: set[Role]
) -> None:
    assert known_roles(names) == roles
    assert Role.SUBJECT not in GRANTED
