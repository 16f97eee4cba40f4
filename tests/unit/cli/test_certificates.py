import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cli import close_office, unlearn
from support.domain import request_id
from support.renewals import note_certificate
from support.verdicts import certificate

from unlearn_core.adapters.envelopes import EnvelopeSigner
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.objects import ObjectEvidence, open_objects
from unlearn_core.cli.wiring import office
from unlearn_core.domain.certificates import (
    PAYLOAD_TYPE,
    ErasureCertificate,
    certificate_name,
)
from unlearn_core.domain.requests import RequestId

VALID = replace(certificate(), expires_at=datetime(2999, 1, 1, tzinfo=UTC))
EXPIRED = replace(
    certificate(), expires_at=certificate().issued_at + timedelta(seconds=1)
)


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    directory = KeyDirectory(tmp_path / "issuer")
    directory.create()
    return directory


def signed(content: ErasureCertificate, keys: KeyDirectory) -> bytes:
    signer = EnvelopeSigner(keys.signer())
    return signer.sign(content.payload(), payload_type=PAYLOAD_TYPE)


def no_socket(*_: object, **__: object) -> None:
    message = "verification is offline"
    raise AssertionError(message)


@pytest.mark.parametrize(
    ("content", "status"), [(VALID, "valid"), (EXPIRED, "expired")]
)
def test_a_genuine_certificate_is_accepted_offline(
    tmp_path: Path,
    keys: KeyDirectory,
    monkeypatch: pytest.MonkeyPatch,
    content: ErasureCertificate,
    status: str,
) -> None:
    monkeypatch.setattr(socket, "socket", no_socket)
    monkeypatch.setenv("UNLEARN_DATABASE_URL", "postgresql://nowhere/none")
    file = tmp_path / "certificate.json"
    file.write_bytes(signed(content, keys))
    ran = unlearn("certificate", "verify", file, "--trust", keys.trust_file, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json() == {
        "genuine": True,
        "status": status,
        "request_id": str(request_id(1)),
        "outcome": "suppressed_at_output",
        "issued_at": content.issued_at.isoformat(timespec="seconds"),
        "expires_at": content.expires_at.isoformat(timespec="seconds"),
        "version": "1",
        "replicas": ["replica-1", "replica-2"],
        "best_effort": [],
        "cut_off": [],
        "unheard": [],
        "ledger_head": content.ledger_head,
    }


def test_for_people_the_same_is_a_table(tmp_path: Path, keys: KeyDirectory) -> None:
    file = tmp_path / "certificate.json"
    file.write_bytes(signed(VALID, keys))
    ran = unlearn("certificate", "verify", file, "--trust", keys.trust_file)
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["genuine", "True"]
    assert f"ledger head  {VALID.ledger_head}" in ran.out


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_changed_byte_makes_a_certificate_refused(
    tmp_path: Path, keys: KeyDirectory, place: float, flip: int
) -> None:
    data = bytearray(signed(VALID, keys))
    data[int(place * len(data))] ^= flip
    file = tmp_path / "certificate.json"
    file.write_bytes(data)
    ran = unlearn("certificate", "verify", file, "--trust", keys.trust_file, "--json")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("signature_invalid: ")


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00" * 100, b"[" * 100_000])
def test_a_file_that_is_no_certificate_is_refused(
    tmp_path: Path, keys: KeyDirectory, data: bytes
) -> None:
    file = tmp_path / "certificate.json"
    file.write_bytes(data)
    ran = unlearn("certificate", "verify", file, "--trust", keys.trust_file)
    assert (ran.code, ran.out) == (1, "")


def test_a_certificate_of_another_issuer_is_refused(
    tmp_path: Path, keys: KeyDirectory
) -> None:
    other = KeyDirectory(tmp_path / "other")
    other.create()
    file = tmp_path / "certificate.json"
    file.write_bytes(signed(VALID, other))
    ran = unlearn("certificate", "verify", file, "--trust", keys.trust_file)
    assert (ran.code, ran.err.split(":")[0]) == (1, "signature_invalid")


def test_a_signed_certificate_that_contradicts_itself_is_refused(
    tmp_path: Path, keys: KeyDirectory
) -> None:
    file = tmp_path / "certificate.json"
    file.write_bytes(signed(replace(VALID, verdict={"passed": False}), keys))
    ran = unlearn("certificate", "verify", file, "--trust", keys.trust_file)
    assert (ran.code, ran.err.split(":")[0]) == (1, "certificate_invalid")


@pytest.mark.parametrize(
    ("missing", "code", "exit_code"),
    [("certificate", "certificate_invalid", 1), ("trust", "key_missing", 3)],
)
def test_a_missing_file_is_said(
    tmp_path: Path, keys: KeyDirectory, missing: str, code: str, exit_code: int
) -> None:
    file, trust = tmp_path / "certificate.json", keys.trust_file
    file.write_bytes(signed(VALID, keys))
    (file if missing == "certificate" else trust).unlink()
    ran = unlearn("certificate", "verify", file, "--trust", trust)
    assert (ran.code, ran.err.split(":")[0]) == (exit_code, code)


@pytest.mark.parametrize("content", ["{", "[]", '{"key": 7}', "null"])
def test_a_broken_file_of_trusted_keys_is_said(
    tmp_path: Path, keys: KeyDirectory, content: str
) -> None:
    file, trust = tmp_path / "certificate.json", tmp_path / "trust.json"
    file.write_bytes(signed(VALID, keys))
    trust.write_text(content)
    ran = unlearn("certificate", "verify", file, "--trust", trust)
    assert (ran.code, ran.err.split(":")[0]) == (3, "key_missing")


def test_verification_needs_to_know_whom_to_trust(tmp_path: Path) -> None:
    assert unlearn("certificate", "verify", tmp_path / "certificate.json").code == 2


# Fetching.


def test_a_certificate_is_fetched_byte_for_byte(home: Path) -> None:
    stored = json.dumps({"any": "bytes"}).encode() + b"\n\xff"
    evidence = ObjectEvidence(open_objects(str(home / "objects"), endpoint_url=None))
    evidence.put(certificate_name(request_id(1)), stored)
    file = home / "fetched.json"
    ran = unlearn("certificate", "fetch", str(request_id(1)), "--file", file)
    assert (ran.code, ran.out, file.read_bytes()) == (0, "", stored)


def test_a_fetched_certificate_can_be_piped(home: Path) -> None:
    evidence = ObjectEvidence(open_objects(str(home / "objects"), endpoint_url=None))
    evidence.put(certificate_name(request_id(1)), b'{"a": 1}')
    ran = unlearn("certificate", "fetch", str(request_id(1)))
    assert (ran.code, ran.out, ran.err) == (0, '{"a": 1}', "")


def test_a_certificate_that_was_not_issued_cannot_be_fetched(home: Path) -> None:
    file = home / "fetched.json"
    ran = unlearn("certificate", "fetch", str(request_id(1)), "--file", file)
    assert (ran.code, ran.err.split(":")[0]) == (1, "unknown_request")
    assert not file.exists()


# Where it stands today.


@pytest.fixture
def submitted(home: Path) -> RequestId:
    del home
    document = {"identifiers": {"name": "Ada Example", "email": "ada@post.example"}}
    ran = unlearn("request", "submit", "--json", stdin=json.dumps(document).encode())
    return RequestId(UUID(ran.json()["request_id"]))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("year", "status", "why"),
    [(2999, "valid", "as_verified"), (2001, "expired", "time_is_up")],
)
def test_where_a_certificate_stands_is_read_from_the_ledger(
    submitted: RequestId, year: int, status: str, why: str
) -> None:
    until = datetime(year, 1, 1, tzinfo=UTC)
    note_certificate(office().store, submitted, expires_at=until)
    close_office()
    ran = unlearn("certificate", "status", str(submitted), "--json")
    assert (ran.code, ran.err) == (0, "")
    found = ran.json()
    assert datetime.fromisoformat(found.pop("verified_at")) <= datetime.now(UTC)
    assert found == {
        "status": status,
        "why": why,
        "valid_until": f"{year}-01-01T00:00:00+00:00",
        "reverifications": 0,
        "failed_gates": [],
        "kept": None,
    }
    shown = unlearn("certificate", "status", str(submitted)).out
    assert shown.splitlines()[0].split() == ["status", status]


@pytest.mark.integration
def test_without_a_certificate_there_is_no_status(submitted: RequestId) -> None:
    ran = unlearn("certificate", "status", str(submitted))
    assert (ran.code, ran.err.split(":")[0]) == (1, "unknown_request")
    assert "missing=certificate" in ran.err
