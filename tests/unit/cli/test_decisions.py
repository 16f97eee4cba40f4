import json
from pathlib import Path
from uuid import UUID

import pytest
from support.cli import unlearn

pytestmark = pytest.mark.integration

DOCUMENT = {"identifiers": {"name": "Ada Example", "email": "ada@fins.example"}}


@pytest.fixture
def key(home: Path, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """Submit a request to an installation with two officers."""
    del home
    monkeypatch.setenv("UNLEARN_LEGAL__OFFICERS", '["anna", "bela"]')
    ran = unlearn("request", "submit", "--json", stdin=json.dumps(DOCUMENT).encode())
    return UUID(ran.json()["request_id"])


def test_two_officers_refuse(key: UUID) -> None:
    command = ("request", "refuse", str(key), "--reason", "excessive", "--json")
    first = unlearn(*command, "--by", "anna").json()
    assert (first["carried_out"], first["waits_for"]) == (False, "a second officer")
    alone = unlearn(*command, "--by", "anna")
    assert (alone.code, alone.err.split(":")[0]) == (1, "decision_refused")
    second = unlearn(*command, "--by", "bela").json()
    assert (second["carried_out"], second["stage"]) == (True, "declined")


def test_two_officers_extend(key: UUID) -> None:
    command = ("request", "extend", str(key), "--reason", "complexity", "--json")
    before = unlearn(*command, "--by", "anna").json()
    after = unlearn(*command, "--by", "bela").json()
    assert (after["carried_out"], after["stage"]) == (True, "received")
    assert after["due_on"] > before["due_on"]


@pytest.mark.parametrize(
    "command",
    [
        ("approve",),
        ("hold", "--reason", "legal_claims"),
        ("release",),
        ("close-escalated", "--reason", "not_achieved"),
    ],
)
def test_what_the_stage_does_not_allow_is_refused(
    key: UUID, command: tuple[str, ...]
) -> None:
    verb, *rest = command
    ran = unlearn("request", verb, str(key), *rest, "--by", "anna")
    assert (ran.code, ran.err.split(":")[0]) == (1, "illegal_transition")


@pytest.mark.parametrize("verb", ["refuse", "extend", "hold", "close-escalated"])
def test_there_is_no_decision_without_a_coded_reason(key: UUID, verb: str) -> None:
    for rest in ((), ("--reason", "because")):
        ran = unlearn("request", verb, str(key), *rest, "--by", "anna")
        assert ran.code == 2


def test_without_officers_nothing_is_decided(
    key: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEARN_LEGAL__OFFICERS", "[]")
    ran = unlearn(
        "request", "refuse", str(key), "--reason", "excessive", "--by", "anna"
    )
    assert (ran.code, ran.err.split(":")[0]) == (3, "settings_error")


def test_an_officer_withdraws_because_the_subject_wants_it(key: UUID) -> None:
    command = ("request", "withdraw", str(key), "--json")
    stranger = unlearn(*command, "--by", "carl")
    assert (stranger.code, stranger.err.split(":")[0]) == (1, "decision_refused")
    assert unlearn(*command, "--by", "anna").json()["stage"] == "withdrawn"
    again = unlearn(*command, "--by", "anna")
    assert (again.code, again.err.split(":")[0]) == (1, "illegal_transition")


@pytest.mark.parametrize("by", [("--by", "anna"), ()])
def test_who_enters_a_request_on_the_command_line_does_not_let_it_go_on(
    home: Path, monkeypatch: pytest.MonkeyPatch, by: tuple[str, ...]
) -> None:
    del home
    monkeypatch.setenv("UNLEARN_LEGAL__OFFICERS", '["anna", "bela"]')
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    document = json.dumps(DOCUMENT).encode()
    ran = unlearn("request", "submit", *by, "--json", stdin=document)
    own = ("request", "approve", ran.json()["request_id"], "--by", "anna")
    refused = unlearn(*own)
    assert (refused.code, refused.err.split(":")[0]) == (1, "decision_refused")
    # Whoever else tries is told that it is too early.
    other = unlearn(*own[:-1], "bela")
    assert (other.code, other.err.split(":")[0]) == (1, "illegal_transition")


def test_nobody_is_asked_for_a_proof_that_is_not_awaited(key: UUID) -> None:
    ran = unlearn("request", "ask-for-proof", str(key), "--by", "anna")
    assert (ran.code, ran.err.split(":")[0]) == (1, "decision_refused")
