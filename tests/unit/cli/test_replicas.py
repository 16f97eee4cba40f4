import json
from pathlib import Path

import pytest
from support.cli import close_office, unlearn
from support.replicas import silent_address, state_pages

from unlearn_core.cli import wiring

PAGE = {
    "replica": "replica-1",
    "is_ready": True,
    "sequence": 0,
    "version": "",
    "oldest_in_flight": None,
    "last_error": "",
}


@pytest.fixture(autouse=True)
def _installation(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name an officer, and keep the registry away: the ledger is what counts."""
    del home
    monkeypatch.setenv("UNLEARN_LEGAL__OFFICERS", '["anna"]')
    monkeypatch.setenv("UNLEARN_MLFLOW_URI", silent_address())
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def noted() -> list[tuple[str, object]]:
    """Return what stands in the ledger about replicas, and who did it."""
    entries: list[tuple[str, object]] = [
        (entry.event, entry.payload["officer"])
        for entry in wiring.office().store.entries()
    ]
    close_office()
    return entries


def test_a_replica_is_listed_cut_off_and_readmitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with state_pages(PAGE) as (address,):
        monkeypatch.setenv("UNLEARN_REPLICAS", f'["{address}", "http://127.0.0.1:9"]')
        cut = unlearn("replica", "cut-off", "replica-1", "--by", "anna")
        rows = unlearn("replica", "list", "--json").json()
        back = unlearn("replica", "readmit", address, "--by", "anna")
    assert (cut.code, back.code) == (0, 0)
    assert cut.err.splitlines() == [
        "cut off: replica-1",
        "replicas read of it in the next pointer (registry_unavailable)",
    ]
    assert back.err.splitlines()[0] == f"readmitted: {address}"
    silent = {"serves": 0, "oldest_in_flight": None, "routable": False}
    assert rows == [
        {
            "replica": "replica-1",
            "address": address,
            **silent,
            "holds_up": False,  # nothing was promoted yet
            "cut_off_by": "anna",
            "gone": False,
            "last_error": "",
        },
        {
            "replica": silent_address(),
            "address": silent_address(),
            **silent,
            "holds_up": True,
            "cut_off_by": None,
            "gone": None,
            "last_error": "unreachable",
        },
    ]
    assert noted() == [("replica_cut_off", "anna"), ("replica_readmitted", "anna")]


def test_what_is_said_of_the_pointer_is_true_in_every_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = {}
    with state_pages(PAGE) as (address,):
        monkeypatch.setenv("UNLEARN_REPLICAS", f'["{address}"]')
        for is_told in (True, False):
            monkeypatch.setattr(
                "unlearn_core.cli.replicas.tell_replicas", lambda told=is_told: told
            )
            ran = unlearn("replica", "cut-off", "replica-1", "--by", "anna")
            said[is_told] = ran.err.splitlines()[1]
    assert said == {
        True: "a new pointer says so",
        False: "replicas know of it, or read of it in the next pointer",
    }


def test_two_replicas_with_one_name_are_both_shown_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = PAGE | {"sequence": 1, "version": "1"}
    with state_pages(page, page) as addresses:
        monkeypatch.setenv("UNLEARN_REPLICAS", json.dumps(addresses))
        rows = unlearn("replica", "list", "--json").json()
        ran = unlearn("replica", "cut-off", addresses[0], "--by", "anna")
    assert [(row["holds_up"], row["routable"], row["last_error"]) for row in rows] == [
        (True, False, "name_taken")
    ] * 2
    assert (ran.code, ran.err.split(":")[0]) == (1, "replica_refused")
    assert noted() == []


def test_who_is_no_officer_cuts_nobody_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_REPLICAS", f'["{silent_address()}"]')
    ran = unlearn("replica", "cut-off", silent_address(), "--by", "eve", "--gone")
    assert (ran.code, ran.err.split(":")[0]) == (1, "replica_refused")
    assert noted() == []
