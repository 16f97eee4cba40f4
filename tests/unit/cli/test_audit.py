import json
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from support.cli import unlearn
from support.log import note

from unlearn_core.cli.wiring import office
from unlearn_core.domain.requests import RequestId
from unlearn_core.steps import scopes

pytestmark = pytest.mark.integration

DOCUMENT = {"identifiers": {"name": "Ada Example", "email": "ada@post.example"}}


@pytest.fixture
def outside(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place where checkpoints are kept."""
    folder = home / "outside"
    monkeypatch.setenv("UNLEARN_AUDIT__KEEPERS", json.dumps([str(folder)]))
    return folder


def submit() -> str:
    ran = unlearn("request", "submit", "--json", stdin=json.dumps(DOCUMENT).encode())
    return str(ran.json()["request_id"])


def test_a_bundle_is_exported_and_verified_with_the_public_keys_alone(
    home: Path, outside: Path
) -> None:
    request_id = submit()
    bundle, trust = home / "bundle.zip", home / "keys" / "trust.json"
    assert unlearn("audit", "export", request_id, bundle).code == 0
    (kept,) = outside.iterdir()
    elsewhere = home / "trust.json"
    elsewhere.write_bytes(trust.read_bytes())
    # The auditor has neither keys nor database.
    (home / "unlearn.db").unlink()
    (home / "keys" / "signing.pem").unlink()
    ran = unlearn(
        "audit", "verify", bundle, "--trust", elsewhere, "--checkpoint", kept, "--json"
    )
    assert ran.code == 0, ran.err
    shown = ran.json()
    assert (shown["valid"], shown["request_id"]) == (True, request_id)
    assert (shown["events"], shown["entries"]) == (["received"], 1)
    assert (shown["log"], shown["log_size"]) == ("unlearn.example/ledger", 4)


def test_no_byte_of_a_bundle_can_change(home: Path, outside: Path) -> None:
    del outside
    bundle, trust = home / "bundle.zip", home / "keys" / "trust.json"
    unlearn("audit", "export", submit(), bundle)
    genuine = bundle.read_bytes()
    for place in range(60, len(genuine) - 200, 97):
        changed = bytearray(genuine)
        changed[place] ^= 1
        bundle.write_bytes(changed)
        assert unlearn("audit", "verify", bundle, "--trust", trust).code == 1


def test_a_period_is_exported_by_its_days(home: Path) -> None:
    submit()
    bundle, trust = home / "bundle.zip", home / "keys" / "trust.json"
    assert unlearn("audit", "export", "2020-01-01..2099-12-31", bundle).code == 0
    ran = unlearn("audit", "verify", bundle, "--trust", trust, "--json")
    assert ran.json()["period"] == ["2020-01-01", "2099-12-31"]
    assert ran.json()["entries"] == 4


def test_a_bundle_that_is_not_tied_to_the_auditors_checkpoint_is_refused(
    home: Path,
) -> None:
    bundle, trust = home / "bundle.zip", home / "keys" / "trust.json"
    unlearn("audit", "export", submit(), bundle)
    stranger = home / "stranger.checkpoint"
    stranger.write_bytes(note(3))
    ran = unlearn("audit", "verify", bundle, "--trust", trust, "--checkpoint", stranger)
    assert (ran.code, "checkpoint_invalid" in ran.err) == (1, True)


@pytest.mark.parametrize("wanted", ["everything", "2026-01-01..soon", "..", ""])
def test_anything_else_is_wrong_usage(home: Path, wanted: str) -> None:
    assert unlearn("audit", "export", wanted, home / "bundle.zip").code == 2


def test_a_file_that_is_missing_is_said(home: Path) -> None:
    trust = home / "keys" / "trust.json"
    ran = unlearn("audit", "verify", home / "none.zip", "--trust", trust)
    assert (ran.code, "bundle_invalid" in ran.err) == (1, True)
    ran = unlearn("audit", "check", "--checkpoint", home / "none")
    assert (ran.code, "checkpoint_invalid" in ran.err) == (1, True)


def test_a_look_for_tampering_names_what_was_found(home: Path, outside: Path) -> None:
    del outside
    submit()
    first = unlearn("audit", "checkpoint", "--json").json()
    assert (first["published"], first["size"]) == (True, 4)
    assert unlearn("audit", "checkpoint", "--json").json()["published"] is False
    ran = unlearn("audit", "check", "--json")
    assert (ran.code, ran.json()["sound"], ran.json()["covered"]) == (0, True, 4)
    with closing(sqlite3.connect(home / "unlearn.db")) as database:
        database.execute("UPDATE ledger_entry SET payload = '{}' WHERE sequence = 4")
        database.commit()
    ran = unlearn("audit", "check", "--json")
    assert ran.code == 1
    assert {"check": "chain", "problem": "changed entry", "at": "4"} in (
        ran.json()["findings"]
    )


def test_bundles_from_before_and_after_a_rotation_verify(
    home: Path, outside: Path
) -> None:
    del outside
    request_id, trust = submit(), home / "keys" / "trust.json"
    bundles = [home / "before.zip", home / "after.zip"]
    assert unlearn("audit", "export", request_id, bundles[0]).code == 0
    assert unlearn("keys", "rotate").code == 1
    assert unlearn("keys", "prepare").code == 0
    assert unlearn("keys", "rotate").code == 0
    submit()
    assert unlearn("audit", "export", request_id, bundles[1]).code == 0
    for bundle in bundles:
        assert unlearn("audit", "verify", bundle, "--trust", trust).code == 0
    assert unlearn("audit", "check", "--json").json()["sound"] is True
    (rotated,) = (
        row
        for row in unlearn("ledger", "show", "--json").json()
        if row["event"] == "signing_key_rotated"
    )
    assert rotated["request_id"] is None


def test_the_other_keys_are_rotated_while_requests_are_open(
    home: Path, outside: Path
) -> None:
    del home, outside
    request_id = submit()
    # Its sealed scopes: evidence, working data, contact.
    ran = unlearn("keys", "rotate", "kek")
    assert (ran.code, ran.err[:21]) == (0, "kek key from now on: ")
    assert unlearn("keys", "rotate", "pseudonym").err == (
        "pseudonym key from now on: k2\n"
    )
    told = {
        entry.event: entry.payload
        for entry in office().store.entries()
        if entry.event.endswith("_key_rotated")
    }
    assert told["kek_key_rotated"]["wrapped"] == 3
    assert told["pseudonym_key_rotated"] == {"old": "k1", "new": "k2"}
    key = RequestId(UUID(request_id))
    assert office().custody.get(scopes.working(key), scopes.CONTENT)
    commitments = office().store.get(RequestId(UUID(submit()))).commitments
    assert {commitment[:3] for commitment in commitments} == {"k2:"}
