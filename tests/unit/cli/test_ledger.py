import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.cli import unlearn

from unlearn_core.domain.ledger import GENESIS

pytestmark = pytest.mark.integration

DOCUMENT = {"identifiers": {"name": "Ada Example", "email": "ada@post.example"}}


def submit() -> str:
    ran = unlearn("request", "submit", "--json", stdin=json.dumps(DOCUMENT).encode())
    return str(ran.json()["request_id"])


def shown(*options: str) -> list[dict[str, Any]]:
    ran = unlearn("ledger", "show", "--json", *options)
    assert ran.code == 0
    rows: list[dict[str, Any]] = ran.json()
    return rows


def change(home: Path, statement: str) -> None:
    """Change the database behind the program's back, as an intruder would."""
    with closing(sqlite3.connect(home / "unlearn.db")) as database:
        database.execute(statement)
        database.commit()


def test_an_empty_ledger_is_sound(home: Path) -> None:
    del home
    ran = unlearn("ledger", "verify", "--json")
    assert (ran.code, ran.json()) == (
        0,
        {"valid": True, "entries": 0, "head": GENESIS},
    )


def test_a_sound_ledger_is_verified_up_to_its_head(home: Path) -> None:
    del home
    submit()
    rows = shown()
    answer = unlearn("ledger", "verify", "--json").json()
    assert (answer["valid"], answer["entries"]) == (True, len(rows))
    assert answer["head"][7:19] == rows[-1]["hash"]


def test_the_head_of_a_certificate_is_found_in_a_ledger_that_has_grown(
    home: Path,
) -> None:
    del home
    submit()
    head = unlearn("ledger", "verify", "--json").json()["head"]
    submit()
    assert unlearn("ledger", "verify", "--expected", head).code == 0
    strange = "sha256:" + "1" * 64
    ran = unlearn("ledger", "verify", "--expected", strange)
    assert (ran.code, ran.err.split(":")[0]) == (1, "ledger_broken")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET payload = '{}' WHERE sequence = 2",
        "UPDATE ledger_entry SET event = 'certified' WHERE sequence = 2",
        "UPDATE ledger_entry SET recorded_at = '2020-01-01T00:00:00+00:00'",
        "UPDATE ledger_entry SET previous_hash = 'sha256:0' WHERE sequence = 2",
        "DELETE FROM ledger_entry WHERE sequence = 1",
        "DELETE FROM ledger_entry WHERE sequence = 2",
    ],
)
def test_a_ledger_that_was_changed_is_refused(home: Path, statement: str) -> None:
    submit()
    change(home, statement)
    ran = unlearn("ledger", "verify")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("ledger_broken: ")


def test_the_entries_of_one_request_are_shown(home: Path) -> None:
    del home
    first, second = submit(), submit()
    assert {row["request_id"] for row in shown()} >= {first, second}
    (row,) = shown("--request", second)
    assert (row["event"], row["request_id"]) == ("received", second)


def test_for_people_every_entry_is_one_line(home: Path) -> None:
    del home
    submit()
    lines = unlearn("ledger", "show").out.splitlines()
    assert len(lines) == 1 + len(shown())
    assert lines[0].split() == [
        "sequence",
        "recorded",
        "at",
        "request",
        "id",
        "event",
        "hash",
    ]


def test_the_ledger_names_nobody(home: Path) -> None:
    del home
    submit()
    assert "ada" not in unlearn("ledger", "show", "--json").out.lower()
