import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from support.cli import unlearn
from support.domain import STRAIGHT_WAY, request_id

from unlearn_core.adapters.memory.contact import MemoryTrigger
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.stage_limits import WORKING_DATA_EXPIRED
from unlearn_core.settings import load_settings
from unlearn_core.wiring import open_office

pytestmark = pytest.mark.integration

NAME, EMAIL, TOKEN = "Ottilie Quastenflosser", "ottilie@fins.example", "my-evidence"
DOCUMENT = {
    "identifiers": {"name": NAME, "email": EMAIL},
    "identity_token": TOKEN,
    "contact": EMAIL,
}
PERSONAL = ("Ottilie", "ottilie", TOKEN)


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def submit(**changes: object) -> dict[str, Any]:
    ran = unlearn("request", "submit", "--json", stdin=encoded(DOCUMENT | changes))
    assert ran.code == 0
    answer: dict[str, Any] = ran.json()
    return answer


# Submitting.


@pytest.mark.parametrize("source", ["stdin", "dash", "file"])
def test_a_request_is_read_from_standard_input_or_from_a_file(
    home: Path, trigger: MemoryTrigger, source: str
) -> None:
    file = home / "request.json"
    file.write_bytes(encoded(DOCUMENT))
    stdin = b"" if source == "file" else encoded(DOCUMENT)
    options = {"stdin": (), "dash": ("--file", "-"), "file": ("--file", file)}[source]
    ran = unlearn("request", "submit", "--json", *options, stdin=stdin)
    assert (ran.code, ran.err) == (0, "")
    row = ran.json()
    assert set(row) == {
        "request_id",
        "status",
        "stage",
        "outcome",
        "received_at",
        "due_on",
    }
    assert (row["status"], row["stage"], row["outcome"]) == ("open", "received", None)
    assert date.fromisoformat(row["due_on"]) > date.fromisoformat(
        row["received_at"][:10]
    )
    assert trigger.runs == [(RequestId(UUID(row["request_id"])), 1)]


def test_without_json_the_result_is_for_people(home: Path) -> None:
    del home
    ran = unlearn("request", "submit", stdin=encoded(DOCUMENT))
    lines = [line.split(maxsplit=1) for line in ran.out.splitlines()]
    assert [line[0] for line in lines] == [
        "request",
        "status",
        "stage",
        "outcome",
        "received",
        "due",
    ]
    assert ran.code == 0


@pytest.mark.parametrize(
    "arguments",
    [(NAME,), ("--name", NAME), ("--email", EMAIL), (json.dumps(DOCUMENT),)],
)
def test_personal_data_is_not_taken_as_an_argument(
    home: Path, arguments: tuple[str, ...]
) -> None:
    del home
    ran = unlearn("request", "submit", *arguments, stdin=encoded(DOCUMENT))
    assert ran.code == 2
    assert unlearn("request", "list", "--json").json() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        f'"{NAME}"'.encode(),
        encoded({"identifiers": [NAME]}),
        encoded({"identifiers": NAME}),
        encoded({"identifiers": {}}),
        encoded({"identifiers": {NAME: EMAIL}}),
        encoded({"identifiers": {"name": NAME}}),
        encoded({"identifiers": {"name": NAME, "email": "ottilie"}}),
        encoded({"identifiers": {"name": NAME, "email": {"a": EMAIL}}}),
        encoded({"identifiers": {"name": NAME, "email": 7}}),
    ],
)
def test_what_is_no_request_is_refused_without_being_repeated(
    home: Path, data: bytes
) -> None:
    ran = unlearn("request", "submit", stdin=data)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("invalid_identifier: ")
    assert not [word for word in PERSONAL if word in ran.err]
    assert not (home / "objects").exists()


def test_a_file_that_cannot_be_read_is_refused(home: Path) -> None:
    ran = unlearn("request", "submit", "--file", home / NAME)
    assert ran.code == 1
    assert "unreadable" in ran.err
    assert NAME not in ran.err


def test_without_the_orchestrator_a_request_is_kept(
    home: Path, trigger: MemoryTrigger
) -> None:
    del home
    trigger.is_reachable = False
    answer = submit()
    assert trigger.runs == []
    assert unlearn("request", "status", answer["request_id"], "--json").json() == answer


def test_nothing_personal_is_left_readable_on_the_disk(home: Path) -> None:
    submit()
    for path in home.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not [word for word in PERSONAL if word.encode() in data], path


# Following.


def test_status_shows_one_request_and_list_all_of_them_oldest_first(
    home: Path,
) -> None:
    del home
    rows = [submit(), submit()]
    for row in rows:
        assert unlearn("request", "status", row["request_id"], "--json").json() == row
    assert unlearn("request", "list", "--json").json() == rows
    shown = unlearn("request", "list").out.splitlines()
    assert len(shown) == 3
    assert shown[1].startswith(rows[0]["request_id"])


def test_watching_tells_every_stage_and_ends_where_a_person_must_decide(
    home: Path,
) -> None:
    del home
    key = submit()["request_id"]
    escalate(key)
    ran = unlearn("request", "watch", key, "--json")
    assert (ran.code, ran.json()["stage"]) == (0, "escalated")
    told = [line.split("  ", 1)[1] for line in ran.err.splitlines()]
    assert told[0] == "received: the legal clock is running"
    assert told[-1] == "every rung was rejected: a person has to decide"
    assert len(told) == 7


def test_an_empty_list_is_no_error(home: Path) -> None:
    del home
    assert unlearn("request", "list").code == 0


@pytest.mark.parametrize("verb", ["status", "watch", "retry"])
@pytest.mark.parametrize(
    ("key", "code"), [(str(request_id(9)), 1), ("no-uuid", 2), (None, 2)]
)
def test_a_request_must_exist(
    home: Path, verb: str, key: str | None, code: int
) -> None:
    del home
    ran = unlearn("request", verb, *([key] if key else []))
    assert (ran.code, ran.out) == (code, "")
    if code == 1:
        assert ran.err.startswith("unknown_request: ")


# Another round.


def escalate(key: str) -> None:
    """Bring a request to where a person must decide."""
    office = open_office(load_settings())
    lease = office.leases.acquire(key, holder="w", ttl=timedelta(minutes=1))
    for stage in (
        Stage.ACKNOWLEDGED,
        Stage.IDENTITY_VERIFIED,
        Stage.LOCATED,
        Stage.SOURCES_ERASED,
        Stage.DATASETS_BUILT,
        Stage.ESCALATED,
    ):
        office.store.advance(RequestId(UUID(key)), stage, {}, lease=lease)
    office.leases.release(lease)
    office.database.close()


def test_an_escalated_request_gets_another_round(home: Path) -> None:
    del home
    key = submit()["request_id"]
    escalate(key)
    ran = unlearn("request", "retry", key, "--json")
    assert (ran.code, ran.json()["stage"]) == (0, "retried")
    again = unlearn("request", "retry", key)
    assert (again.code, again.err.split(":")[0]) == (1, "illegal_transition")


def test_without_its_working_data_an_escalated_request_can_only_be_given_up(
    home: Path,
) -> None:
    del home
    key = submit()["request_id"]
    escalate(key)
    office = open_office(load_settings())
    office.store.note(WORKING_DATA_EXPIRED, {}, request_id=RequestId(UUID(key)))
    office.database.close()
    ran = unlearn("request", "retry", key)
    assert (ran.code, ran.err.split(":")[0]) == (1, "working_data_expired")
    assert unlearn("request", "status", key, "--json").json()["stage"] == "escalated"


def test_a_request_that_is_worked_on_gets_no_other_round(home: Path) -> None:
    del home
    key = submit()["request_id"]
    office = open_office(load_settings())
    office.leases.acquire(key, holder="w", ttl=timedelta(minutes=1))
    office.database.close()
    ran = unlearn("request", "retry", key)
    assert (ran.code, ran.err.split(":")[0]) == (3, "lease_busy")


def test_a_refused_round_gives_the_lease_back(home: Path) -> None:
    del home
    key = submit()["request_id"]
    assert unlearn("request", "retry", key).code == 1
    escalate(key)


# What is missing.


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("keys/kek.key", "key_missing"),
        ("keys/pseudonym.key", "key_missing"),
        ("unlearn.db", "schema_outdated"),
    ],
)
def test_a_missing_part_is_named_with_the_next_step(
    home: Path, missing: str, code: str
) -> None:
    (home / missing).unlink()
    ran = unlearn("request", "submit", stdin=encoded(DOCUMENT))
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(f"{code}: ")
    assert "Run `unlearn " in ran.err


# Forecast.


def test_list_and_status_say_when_a_request_is_expected_once_that_was_measured(
    home: Path,
) -> None:
    del home
    for _ in range(3):
        answer(submit()["request_id"])
    assert "expected_on" not in unlearn("request", "list", "--json").json()[0]
    row = submit()
    status = unlearn("request", "status", row["request_id"], "--json").json()
    assert status == row | {
        "expected_on": row["received_at"][:10],
        "risk": "in_time",
        "late_on": row["received_at"][:10],
        "ahead": 0,
    }
    listed = unlearn("request", "list", "--json").json()
    assert [item["risk"] for item in listed] == [None, None, None, "in_time"]


def answer(key: str) -> None:
    """Bring a request to its end on the straight way."""
    office = open_office(load_settings())
    lease = office.leases.acquire(key, holder="w", ttl=timedelta(minutes=1))
    for stage in STRAIGHT_WAY:
        office.store.advance(RequestId(UUID(key)), stage, {}, lease=lease)
    office.leases.release(lease)
    office.database.close()
