"""Every numbered check is broken alone, and that number is the answer."""

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner
from support.domain import NOW, digest, request_id
from support.verdicts import certificate, served_scope

from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.certificates import (
    LIMITS,
    PAYLOAD_TYPE,
    CertificateStatus,
    ErasureCertificate,
    certificate_name,
    check_certificate,
)
from unlearn_core.domain.requests import Outcome
from unlearn_core.errors import CertificateInvalidError, SignatureInvalidError

SIGNER = CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
TRUSTED = TrustedEnvelopes([SIGNER.public_key])

BEFORE_RECEIPT = "2026-03-01T12:00:00+00:00"
AFTER_ISSUE = "2026-03-02T12:00:00+00:00"

Change = Callable[[dict[str, Any]], None]


def open_envelope(envelope: bytes) -> bytes:
    return TRUSTED.open(envelope, payload_type=PAYLOAD_TYPE)


def check(envelope: bytes) -> ErasureCertificate:
    return check_certificate(envelope, open_envelope=open_envelope)


def sign(payload: bytes, *, signer: CryptoSigner = SIGNER) -> bytes:
    return EnvelopeSigner(signer).sign(payload, payload_type=PAYLOAD_TYPE)


def changed(change: Change) -> bytes:
    """Return a genuine envelope around a changed statement."""
    statement = json.loads(certificate().payload())
    change(statement)
    return sign(canonical_json(statement))


def put(*path: str | int, value: object) -> Change:
    """Return a change that puts a value at a place of the statement."""

    def change(statement: dict[str, Any]) -> None:
        target: Any = statement
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = value

    return change


def drop(*path: str) -> Change:
    """Return a change that takes a field away."""

    def change(statement: dict[str, Any]) -> None:
        target: Any = statement
        for part in path[:-1]:
            target = target[part]
        del target[path[-1]]

    return change


@pytest.mark.parametrize(
    "genuine",
    [
        certificate(),
        replace(
            certificate(),
            outcome=Outcome.NOT_FOUND,
            scope=None,
            forget_set=None,
            verdict=None,
            metrics=(),
        ),
        replace(
            certificate(),
            outcome=Outcome.PARTIAL,
            unsearched_sources=("archive",),
        ),
        replace(certificate(), issued_at=NOW + timedelta(days=1, microseconds=3)),
    ],
    ids=["suppressed", "not found", "partial", "later"],
)
def test_a_genuine_certificate_passes_and_reads_as_written(
    genuine: ErasureCertificate,
) -> None:
    assert check(sign(genuine.payload())) == genuine


def test_a_statement_is_of_digests_never_of_the_person() -> None:
    statement = certificate().to_statement()
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [
        {
            "name": "ledger-head",
            "digest": {"sha256": digest("ledger head").removeprefix("sha256:")},
        },
        {
            "name": "offset-pair-manifest",
            "digest": {"sha256": digest("manifest 1").removeprefix("sha256:")},
        },
    ]
    nothing_served = replace(certificate(), scope=None).to_statement()["subject"]
    assert isinstance(nothing_served, list)
    assert len(nothing_served) == 1


def test_the_envelope_is_dsse_over_the_canonical_statement() -> None:
    envelope = json.loads(sign(certificate().payload()))
    assert set(envelope) == {"payload", "payloadType", "signatures"}
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = b64decode(envelope["payload"])
    assert payload == canonical_json(certificate().to_statement())
    kind = "application/vnd.in-toto+json"
    # The pre-authentication encoding, written out from the specification of DSSE v1.
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    (signature,) = envelope["signatures"]
    public = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    public.verify(b64decode(signature["sig"]), signed)


@given(st.data())
def test_checks_1_and_2_notice_every_changed_byte(data: st.DataObject) -> None:
    envelope = bytearray(GENUINE)
    place = data.draw(st.integers(0, len(envelope) - 1))
    envelope[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SignatureInvalidError):
        check(bytes(envelope))


GENUINE = sign(certificate().payload())


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"{}",
        b"null",
        GENUINE + b"\n",
        b" " + GENUINE,
        GENUINE[:-1],
        json.dumps(json.loads(GENUINE), indent=1).encode(),
        sign(certificate().payload(), signer=STRANGER),
        EnvelopeSigner(SIGNER).sign(certificate().payload(), payload_type="text/plain"),
    ],
    ids=[
        "empty",
        "no fields",
        "null",
        "line end",
        "white space",
        "cut off",
        "pretty",
        "another key",
        "another type",
    ],
)
def test_checks_1_and_2_refuse_what_is_not_exactly_the_signed_file(
    envelope: bytes,
) -> None:
    with pytest.raises(SignatureInvalidError):
        check(envelope)


NOT_A_NUMBER = (
    b'{"_type":"https://in-toto.io/Statement/v1","number":NaN,"predicateType":'
    b'"https://unlearn.example/erasure-certificate/v1"}'
)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"7",
        b"{}",
        b"\xff",
        certificate().payload() + b" ",
        json.dumps(json.loads(certificate().payload())).encode(),
        certificate().payload().replace(b'"subject":', b'"subject":[],"subject":'),
        NOT_A_NUMBER,
    ],
    ids=str,
)
def test_check_3_refuses_a_payload_that_is_no_canonical_statement(
    payload: bytes,
) -> None:
    with pytest.raises(CertificateInvalidError) as caught:
        check(sign(payload))
    assert caught.value.facts["check"] == 3


FIELDS = sorted(json.loads(certificate().payload())["predicate"])


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_may_be_left_out(field: str) -> None:
    with pytest.raises(CertificateInvalidError) as caught:
        check(changed(drop("predicate", field)))
    assert caught.value.facts["check"] == (6 if field == "limits" else 3)


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (3, put("_type", value="https://in-toto.io/Statement/v0.1")),
        (3, put("predicateType", value="https://slsa.dev/provenance/v1")),
        (3, put("predicateType", value=None)),
        (3, put("extra", value=1)),
        (3, drop("subject")),
        (3, drop("predicate")),
        (3, put("predicate", value=[])),
        (3, put("predicate", "extra", value="nothing can be recovered")),
        (3, put("predicate", "outcome", value="deleted")),
        (3, put("predicate", "received_at", value="yesterday")),
        (3, put("predicate", "received_at", value=7)),
        (3, put("predicate", "received_at", value="2026-03-02T09:30:00Z")),
        (3, put("predicate", "sources", value=None)),
        (3, put("predicate", "sources", value=["customers"])),
        (3, put("predicate", "sources", value={"customers": 2})),
        (3, put("predicate", "metrics", value=7)),
        (3, put("predicate", "unsearched_sources", value=None)),
        (3, put("predicate", "key_destruction", value=None)),
        (3, put("predicate", "ledger_head", value=None)),
        (3, put("predicate", "scope", value="everywhere")),
        (3, put("predicate", "scope", "extra", value=1)),
        (3, put("predicate", "scope", "manifest", value=7)),
        (3, drop("predicate", "scope", "replicas")),
        (3, put("predicate", "scope", "best_effort", value=[])),
        (3, put("predicate", "scope", "best_effort", value="replica-1")),
        (5, put("predicate", "scope", "best_effort", value=["replica-3"])),
        (5, put("predicate", "scope", "best_effort", value=[["replica-1"]])),
        (3, put("predicate", "scope", "cut_off", value=[])),
        (5, put("predicate", "scope", "cut_off", value=["replica-1"])),
        (5, put("predicate", "scope", "unheard", value=["replica-3"])),
        (4, put("subject", value=[])),
        (4, put("subject", value=None)),
        (4, put("subject", 0, "digest", "sha256", value="0" * 64)),
        (4, put("subject", 1, "name", value="ada-example")),
        (4, put("predicate", "ledger_head", value="sha256:" + "0" * 64)),
        (4, put("predicate", "scope", "manifest", value="sha256:" + "0" * 64)),
        (4, put("predicate", "scope", value=None)),
        (5, put("predicate", "unsearched_sources", value=["archive"])),
        (5, put("predicate", "scope", "replicas", value=[])),
        (5, put("predicate", "verdict", value=None)),
        (5, put("predicate", "verdict", value=[])),
        (5, put("predicate", "verdict", value="passed")),
        (5, put("predicate", "verdict", "passed", value=False)),
        (5, put("predicate", "verdict", "passed", value=1)),
        (5, put("predicate", "verdict", "decisions", value=[])),
        (5, put("predicate", "verdict", "decisions", 0, "passed", value=False)),
        (5, put("predicate", "verdict", "decisions", 0, "applies", value=False)),
        (5, put("predicate", "verdict", "decisions", 0, value="passed")),
        (5, drop("predicate", "verdict", "decisions")),
        (6, put("predicate", "limits", value=[])),
        (6, put("predicate", "limits", value=list(LIMITS[:2]))),
        (6, put("predicate", "limits", value=[*LIMITS, "None of this is true."])),
        (6, put("predicate", "limits", 0, value="The data was deleted.")),
        (7, put("predicate", "received_at", value="2027-03-02T09:30:00+00:00")),
        (7, put("predicate", "issued_at", value="2026-03-02T09:29:59+00:00")),
        (7, put("predicate", "issued_at", value="2026-05-31T09:30:00+00:00")),
        (7, put("predicate", "expires_at", value="2026-03-02T09:30:00+00:00")),
        (7, put("predicate", "expires_at", value="2026-05-31T09:30:00")),
        (
            7,
            put(
                "predicate", "scope", "effective_at", value="2026-03-02T12:00:00+00:00"
            ),
        ),
        (
            7,
            put(
                "predicate", "scope", "effective_at", value="2026-03-01T12:00:00+00:00"
            ),
        ),
    ],
)
def test_a_broken_part_fails_its_own_check_though_the_signature_is_genuine(
    number: int, change: Change
) -> None:
    with pytest.raises(CertificateInvalidError) as caught:
        check(changed(change))
    assert caught.value.facts["check"] == number


def test_replicas_of_best_effort_are_named() -> None:
    best_effort = replace(served_scope(), best_effort=("replica-2",))
    content = replace(certificate(), scope=best_effort)
    assert json.loads(content.payload())["predicate"]["scope"]["best_effort"] == [
        "replica-2"
    ]
    assert check(sign(content.payload())) == content


def test_replicas_that_were_cut_off_are_named_and_confirm_nothing() -> None:
    scope = replace(served_scope(), cut_off=("replica-3", "four"), unheard=("four",))
    content = replace(certificate(), scope=scope)
    written = json.loads(content.payload())["predicate"]["scope"]
    assert written["cut_off"] == ["replica-3", "four"]
    assert written["unheard"] == ["four"]
    assert check(sign(content.payload())) == content


def test_what_stays_is_counted_by_code() -> None:
    kept = {"tickets": {"legal_claims": 2, "legal_hold": 1}}
    content = replace(certificate(), outcome=Outcome.PARTIAL, kept=kept)
    assert json.loads(content.payload())["predicate"]["kept"] == kept
    assert check(sign(content.payload())) == content


def test_a_code_that_nobody_knows_is_malformed() -> None:
    content = replace(
        certificate(), outcome=Outcome.PARTIAL, kept={"tickets": {"whim": 1}}
    )
    with pytest.raises(CertificateInvalidError) as caught:
        check(sign(content.payload()))
    assert caught.value.facts == {"check": 3, "problem": "malformed"}


def test_where_records_stay_completeness_is_not_claimed() -> None:
    content = replace(certificate(), kept={"tickets": {"archiving": 1}})
    with pytest.raises(CertificateInvalidError) as caught:
        check(sign(content.payload()))
    assert caught.value.facts == {"check": 5, "problem": "records stay"}


def test_suppression_is_never_claimed_without_a_scope() -> None:
    unserved = replace(certificate(), scope=None)
    with pytest.raises(CertificateInvalidError) as caught:
        check(sign(unserved.payload()))
    assert caught.value.facts == {"check": 5, "problem": "no scope"}


@pytest.mark.parametrize("outcome", ["not_found", "erased_at_source"])
def test_a_partial_search_never_claims_completeness(outcome: str) -> None:
    incomplete = replace(
        certificate(),
        outcome=Outcome(outcome),
        scope=None,
        unsearched_sources=("archive",),
    )
    with pytest.raises(CertificateInvalidError) as caught:
        check(sign(incomplete.payload()))
    assert caught.value.facts == {"check": 5, "problem": "incomplete search"}


def test_even_a_partial_suppression_needs_a_passed_verdict() -> None:
    unverified = replace(certificate(), outcome=Outcome.PARTIAL, verdict=None)
    with pytest.raises(CertificateInvalidError) as caught:
        check(sign(unverified.payload()))
    assert caught.value.facts == {"check": 5, "problem": "unverified suppression"}


def test_an_old_certificate_is_genuine_but_expired() -> None:
    genuine = check(GENUINE)
    last = genuine.expires_at
    assert genuine.status(last) is CertificateStatus.VALID
    assert genuine.status(last + timedelta(microseconds=1)) is CertificateStatus.EXPIRED
    assert genuine.status(datetime(2026, 3, 3, tzinfo=UTC)) is CertificateStatus.VALID


def test_a_certificate_is_filed_under_its_request() -> None:
    assert certificate_name(request_id(1)) == (
        "certificates/00000000-0000-0000-0000-000000000001.json"
    )


def test_the_limits_say_what_was_not_done() -> None:
    text = " ".join(LIMITS)
    assert "Nothing was erased from the weights" in text
    assert "can still recover what it was trained on" in text
    assert served_scope().base_model not in text
