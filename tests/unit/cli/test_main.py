from pathlib import Path

import pytest
from support.cli import unlearn

from unlearn_core.cli import ledger, main
from unlearn_core.errors import (
    DependencyError,
    IntegrityError,
    LedgerBrokenError,
    PolicyError,
    RequestError,
    StorageError,
    UnlearnError,
)

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize(
    "command",
    [
        "",
        "up",
        "ask",
        "request",
        "request submit",
        "request import",
        "request status",
        "request watch",
        "request list",
        "request retry",
        "request ask-for-proof",
        "request confirm-identity",
        "request approve",
        "request refuse",
        "request extend",
        "request hold",
        "request release",
        "request withdraw",
        "request close-escalated",
        "certificate",
        "certificate verify",
        "certificate fetch",
        "certificate status",
        "verification",
        "verification show",
        "verification compare",
        "verification guards",
        "ledger",
        "ledger verify",
        "ledger show",
        "audit",
        "audit checkpoint",
        "audit check",
        "audit export",
        "audit verify",
        "sources",
        "sources check",
        "sources plan",
        "corpus",
        "corpus screen",
        "replica",
        "request restrict",
        "request lift",
        "replica list",
        "replica cut-off",
        "replica readmit",
        "review",
        "review list",
        "review decide",
        "review reasoning",
        "drop",
        "drop import",
        "drop export",
        "retention",
        "retention show",
        "retention run",
        "records",
        "records export",
        "access",
        "access add",
        "access list",
        "access revoke",
        "recipients",
        "recipients list",
        "recipients told",
        "recipients settle",
        "mail",
        "mail list",
        "keys",
        "keys init",
        "keys wrap",
        "keys prepare",
        "keys rotate",
        "keys distrust",
        "database",
        "database upgrade",
    ],
)
def test_the_help_is_as_it_was_agreed(command: str) -> None:
    """A snapshot that was deleted is written anew, for a person to read."""
    ran = unlearn(*command.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    shown = "\n".join(line.rstrip() for line in ran.out.strip("\n").splitlines()) + "\n"
    file = SNAPSHOTS / f"{'-'.join(['unlearn', *command.split()])}.txt"
    if not file.exists():
        file.write_text(shown)
        pytest.fail(f"{file.name} was written; read it and run the test again")
    assert shown == file.read_text()


@pytest.mark.parametrize(
    "noun", ["", "request", "certificate", "verification", "ledger", "audit", "keys"]
)
def test_a_noun_without_a_verb_shows_its_help_and_is_wrong_usage(noun: str) -> None:
    ran = unlearn(*noun.split())
    assert ran.code == 2
    assert "Usage: unlearn" in ran.out + ran.err


@pytest.mark.parametrize(
    "arguments", [("nothing",), ("request", "nothing"), ("ledger", "verify", "--x")]
)
def test_an_unknown_word_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    ran = unlearn(*arguments)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestError(), 1),
        (PolicyError(), 1),
        (IntegrityError(), 1),
        (LedgerBrokenError(sequence=4), 1),
        (DependencyError(), 3),
        (StorageError(errno=28), 3),
    ],
)
def test_the_exit_code_says_who_must_act(
    monkeypatch: pytest.MonkeyPatch, error: UnlearnError, code: int
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(ledger, "office", fail)
    ran = unlearn("ledger", "verify")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err == f"{error.code}: {error.diagnostics()}\n"


def test_brackets_in_an_error_are_shown_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise PolicyError(entry="[bold]customers[/bold]")

    monkeypatch.setattr(ledger, "office", fail)
    assert "entry=[bold]customers[/bold]" in unlearn("ledger", "verify").err


def test_the_text_of_an_unexpected_error_is_withheld(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        message = "no such column: Ottilie Quastenflosser"
        raise ValueError(message)

    monkeypatch.setattr(ledger, "office", fail)
    ran = unlearn("ledger", "verify")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("unexpected_error: ")
    assert "kind=ValueError" in ran.err
    assert "Ottilie" not in ran.err


@pytest.mark.parametrize(
    ("variable", "value"),
    [("UNLEARN_SERVING__PORT", "Ottilie"), ("UNLEARN_WORK__LEASE_SECONDS", "-1")],
)
def test_a_malformed_setting_is_named_without_its_value(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    del home
    monkeypatch.setenv(variable, value)
    ran = unlearn("request", "list")
    assert (ran.code, ran.err.split(":")[0]) == (3, "settings_error")
    assert variable in ran.err
    assert "Ottilie" not in ran.err


def test_exit_codes_are_those_that_are_documented() -> None:
    assert (main.EXIT_REFUSED, main.EXIT_UNAVAILABLE) == (1, 3)
    for code in ("0 success", "1 refused", "2 wrong usage"):
        assert code in " ".join((main.__doc__ or "").split())
