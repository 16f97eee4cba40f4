"""Controllers ask over HTTP, as OpenDSR has it; answers are checked as they would."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from fastapi.testclient import TestClient
from support.access import give_key
from support.intake import IntakeWorld
from support.senders import (
    CONTROLLER,
    CONTROLLER_CALLBACKS,
    DOMAIN,
    EMAIL,
    NAME,
    SIGNING_CONTROLLER,
    SUBJECT_REQUEST_ID,
    controller,
    dsr,
    identity,
    opendsr_desk,
)

from unlearn_core.domain.access import Role, digest_of_secret
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.intake.app import create_app
from unlearn_core.steps import scopes

REQUESTS = "/v2/requests"
ONE = f"{REQUESTS}/{SUBJECT_REQUEST_ID}"
HEADER = "X-OpenDSR-Signature"


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


@pytest.fixture
def client(world: IntakeWorld, tmp_path: Path) -> Iterator[TestClient]:
    service = replace(world.service(), opendsr=opendsr_desk(world, tmp_path))
    with TestClient(create_app(service)) as client:
        yield client


@pytest.fixture
def key(world: IntakeWorld) -> dict[str, str]:
    return bearer(world, CONTROLLER)


def bearer(world: IntakeWorld, name: str) -> dict[str, str]:
    shown = give_key(world.access, Role.CONTROLLER, name=name)
    return {"Authorization": f"Bearer {shown}"}


def verified(client: TestClient, answer: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what an answer says, after checking it as a controller does."""
    assert answer.headers["X-OpenDSR-Processor-Domain"] == DOMAIN
    certificate = client.get("/v2/certificate.pem").content
    public = x509.load_pem_x509_certificate(certificate).public_key()
    assert isinstance(public, RSAPublicKey)

    def check(signature: str, raw: bytes) -> None:
        public.verify(
            base64.b64decode(signature), raw, padding.PKCS1v15(), hashes.SHA256()
        )

    check(answer.headers[HEADER], answer.content)
    told: dict[str, Any] = answer.json()
    member = told.pop("processor_signature")
    check(member, canonical_json(told))
    return told


def test_a_controller_discovers_sends_follows_and_cancels(
    world: IntakeWorld, client: TestClient, key: dict[str, str]
) -> None:
    assert verified(client, client.get("/v2/discovery")) == {
        "api_version": "2.0",
        "supported_identities": [
            {"identity_type": "email", "identity_format": "raw"},
            {"identity_type": "controller_customer_id", "identity_format": "raw"},
        ],
        "supported_subject_request_types": ["erasure"],
        "processor_certificate": f"https://{DOMAIN}/v2/certificate.pem",
    }
    body = json.dumps(dsr()).encode()
    sent = client.post(REQUESTS, content=body, headers=key)
    assert sent.status_code == 201
    # One month after 2 March 2026, to the end of the day in Berlin.
    assert verified(client, sent) == {
        "controller_id": CONTROLLER,
        "expected_completion_time": "2026-04-02T21:59:59Z",
        "received_time": "2026-03-02T09:30:00Z",
        "encoded_request": base64.b64encode(body).decode(),
        "subject_request_id": SUBJECT_REQUEST_ID,
        "api_version": "2.0",
    }
    followed = verified(client, client.get(ONE, headers=key))
    assert followed == {
        "controller_id": CONTROLLER,
        "expected_completion_time": "2026-04-02T21:59:59Z",
        "subject_request_id": SUBJECT_REQUEST_ID,
        "request_status": "pending",
        "api_version": "2.0",
        "extensions": {DOMAIN: {"status": "open"}},
    }
    world.clock.move(timedelta(hours=1))
    for _ in range(2):  # cancelling twice is cancelling once
        cancelled = client.delete(ONE, headers=key)
        assert cancelled.status_code == 202
        assert verified(client, cancelled) == {
            "controller_id": CONTROLLER,
            "received_time": "2026-03-02T10:30:00Z",
            "subject_request_id": SUBJECT_REQUEST_ID,
            "api_version": "2.0",
        }
    (request,) = world.store.all()
    assert request.outcome is Outcome.WITHDRAWN
    status = verified(client, client.get(ONE, headers=key))["request_status"]
    assert status == "cancelled"


def test_the_clock_begins_when_the_controller_received_it(
    world: IntakeWorld, client: TestClient, key: dict[str, str]
) -> None:
    asked = dsr(submitted_time="2026-02-27T23:30:00-08:00", regulation="ccpa")
    client.post(REQUESTS, json=asked, headers=key)
    (request,) = world.store.all()
    # Saturday morning in Berlin, and 45 days after it.
    assert request.deadline.received_on.isoformat() == "2026-02-28"
    assert request.deadline.due_on.isoformat() == "2026-04-14"
    assert request.deadline.rule == "ccpa-7021"


def test_identities_and_our_extension_become_identifiers(
    world: IntakeWorld, client: TestClient, key: dict[str, str]
) -> None:
    asked = dsr(
        subject_identities=[
            identity(EMAIL),
            identity("K-20931", "controller_customer_id"),
        ],
        extensions={
            DOMAIN: {"name": NAME, "phone": ["+49301234567"]},
            "other.example": {"secret": "not read"},
        },
        status_callback_urls=[f"{CONTROLLER_CALLBACKS}/1", f"{CONTROLLER_CALLBACKS}/2"],
    )
    assert client.post(REQUESTS, json=asked, headers=key).status_code == 201
    (request,) = world.store.all()
    plain = json.loads(
        world.custody.get(scopes.working(request.request_id), scopes.CONTENT)
    )
    assert plain == {
        "email": [EMAIL],
        "customer_number": ["K-20931"],
        "name": [NAME],
        "phone": ["+49301234567"],
    }
    contact = world.custody.get(scopes.contact(request.request_id), scopes.CONTENT)
    assert json.loads(contact).split("\n") == asked["status_callback_urls"]


@pytest.mark.parametrize("encoding", ["sha256", "sha1", "md5"])
def test_a_digest_cannot_be_searched_for_and_is_refused_with_a_reason(
    world: IntakeWorld, client: TestClient, key: dict[str, str], encoding: str
) -> None:
    asked = dsr(subject_identities=[identity("ab" * 32, encoding=encoding)])
    answer = client.post(REQUESTS, json=asked, headers=key)
    told = verified(client, answer)
    assert (answer.status_code, told["error"]["code"]) == (400, 400)
    (detail,) = told["error"]["errors"]
    assert detail["reason"] == "unsupported_request"
    assert detail["message"] == "nobody can be searched for by a digest"
    assert world.store.all() == ()


@pytest.mark.parametrize(
    "more",
    [
        {"regulation": "lgpd"},
        {"regulation": ["gdpr"]},
        {"subject_request_type": "access"},
        {"subject_request_id": SUBJECT_REQUEST_ID.upper()},
        {"subject_request_id": "a7551968-d5d6-14b2-9831-815ac9017798"},
        {"subject_request_id": 7},
        {"submitted_time": "yesterday"},
        {"submitted_time": "2026-03-02T09:00:00"},
        {"submitted_time": "2026-03-02T09:31:01Z"},
        {"submitted_time": "1999-12-31T00:00:00Z"},
        {"api_version": "1.0"},
        {"api_version": 2},
        {"subject_identities": "ottilie@fins.example"},
        {"subject_identities": [NAME]},
        {"subject_identities": [identity("x", "android_id")]},
        {"subject_identities": [identity(7)]},
        {"subject_identities": []},
        {"extensions": [NAME]},
        {"extensions": {DOMAIN: {"email": EMAIL}}},
        {"extensions": {DOMAIN: NAME}},
        {"extensions": {}},
        {"status_callback_urls": CONTROLLER_CALLBACKS},
        {"status_callback_urls": [7]},
        {"status_callback_urls": [CONTROLLER_CALLBACKS] * 6},
        {"status_callback_urls": ["http://169.254.169.254/latest"]},
    ],
)
def test_a_wrong_request_is_refused_and_leaves_nothing(
    world: IntakeWorld, client: TestClient, key: dict[str, str], more: dict[str, Any]
) -> None:
    answer = client.post(REQUESTS, json=dsr(**more), headers=key)
    told = verified(client, answer)
    assert (answer.status_code, told["error"]["code"]) == (400, 400)
    assert "ttilie" not in answer.text
    assert world.store.all() == ()


@pytest.mark.parametrize("body", [b"", b"[1]", b"\xff", b"[" * 100_000])
def test_what_is_no_document_is_refused(
    world: IntakeWorld, client: TestClient, key: dict[str, str], body: bytes
) -> None:
    assert client.post(REQUESTS, content=body, headers=key).status_code == 400
    assert world.store.all() == ()


def test_the_same_name_of_a_request_is_the_same_request(
    world: IntakeWorld, client: TestClient, key: dict[str, str]
) -> None:
    first = client.post(REQUESTS, json=dsr(), headers=key)
    world.clock.move(timedelta(minutes=5))
    again = client.post(REQUESTS, json=dsr(), headers=key)
    assert first.content == again.content
    assert len(world.store.all()) == 1
    other = dsr(extensions={DOMAIN: {"name": "Bo Sample"}})
    answer = client.post(REQUESTS, json=other, headers=key)
    assert answer.status_code == 400
    assert answer.json()["error"]["errors"][0]["reason"] == "reference_taken"


def test_a_controller_sees_its_own_requests_alone(
    world: IntakeWorld, client: TestClient, key: dict[str, str]
) -> None:
    client.post(REQUESTS, json=dsr(), headers=key)
    other = bearer(world, SIGNING_CONTROLLER)
    assert client.get(ONE, headers=other).status_code == 404
    assert client.delete(ONE, headers=other).status_code == 404
    assert client.get(f"{REQUESTS}/nonsense", headers=key).status_code == 400
    assert client.get(ONE, headers=bearer(world, "nobody")).status_code == 403


def test_another_key_of_the_same_controller_sees_its_requests(
    world: IntakeWorld, client: TestClient, key: dict[str, str]
) -> None:
    client.post(REQUESTS, json=dsr(), headers=key)
    (shown,) = world.access.all_keys()
    world.access.revoke_key(shown.key_id, at=world.clock.now())
    text = "unlearn_0000000b_secret"
    renewed = replace(
        shown,
        key_id="0000000b",
        digest=digest_of_secret(text),
    )
    world.access.add_key(renewed)
    answer = client.get(ONE, headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 200


def test_only_what_is_pending_is_cancelled(
    world: IntakeWorld, client: TestClient, key: dict[str, str]
) -> None:
    client.post(REQUESTS, json=dsr(), headers=key)
    (request,) = world.store.all()
    world.move(request.request_id, Stage.ACKNOWLEDGED)
    assert client.get(ONE, headers=key).json()["request_status"] == "pending"
    world.move(request.request_id, Stage.IDENTITY_VERIFIED)
    assert client.get(ONE, headers=key).json()["request_status"] == "in_progress"
    answer = client.delete(ONE, headers=key)
    assert answer.status_code == 409
    assert verified(client, answer)["error"]["code"] == 409


def test_a_refusal_never_looks_like_a_completion(
    world: IntakeWorld, client: TestClient, key: dict[str, str]
) -> None:
    client.post(REQUESTS, json=dsr(), headers=key)
    (request,) = world.store.all()
    for stage, outcome in (
        (Stage.ACKNOWLEDGED, None),
        (Stage.REFUSED, Outcome.REFUSED),
        (Stage.PURGED, None),
        (Stage.NOTIFIED, None),
    ):
        world.move(request.request_id, stage, outcome=outcome)
    told = client.get(ONE, headers=key).json()
    assert told["request_status"] == "cancelled"
    assert told["extensions"][DOMAIN] == {
        "status": "denied",
        "reason": "insuf_verification",
        "outcome": "refused",
    }


def test_who_has_registered_a_certificate_has_to_sign(
    world: IntakeWorld, client: TestClient, tmp_path: Path
) -> None:
    key = bearer(world, SIGNING_CONTROLLER)
    body = json.dumps(dsr()).encode()
    theirs = controller(tmp_path)
    signature = theirs.private.sign(body, padding.PKCS1v15(), hashes.SHA256())
    signed = key | {HEADER: base64.b64encode(signature).decode()}
    for headers, content in ((key, body), (signed, body + b" "), (key, b"no json")):
        answer = client.post(REQUESTS, content=content, headers=headers)
        assert answer.status_code == 400
        (detail,) = answer.json()["error"]["errors"]
        assert detail["reason"] == "signed_message_refused"
    assert world.store.all() == ()
    answer = client.post(REQUESTS, content=body, headers=signed)
    assert answer.status_code == 201
