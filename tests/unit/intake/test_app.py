import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.access import give_key
from support.domain import request_id
from support.intake import IntakeWorld
from support.renewals import note_certificate

from unlearn_core.domain.access import Role, read_key_id
from unlearn_core.domain.certificates import certificate_name
from unlearn_core.domain.requests import Channel, RequestId, Stage
from unlearn_core.http_problems import MAXIMUM_BODY_BYTES
from unlearn_core.intake.app import create_app
from unlearn_core.steps import scopes

pytestmark = pytest.mark.integration

PAGE = "/v1/erasure-requests"
NAME, EMAIL, PHONE = "Ottilie Quastenflosser", "ottilie@fins.example", "+49 30 1234567"
TOKEN, CONTACT = "evidence-of-identity", "post@fins.example"
DOCUMENT: dict[str, Any] = {
    "identifiers": {"name": NAME, "email": EMAIL},
    "identity_token": TOKEN,
    "contact": CONTACT,
}
FORMAT = logging.Formatter()
PERSONAL = (NAME, "Ottilie", "ottilie", EMAIL, PHONE, "1234567", TOKEN, CONTACT)


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


@pytest.fixture
def client(world: IntakeWorld) -> Iterator[TestClient]:
    with TestClient(create_app(world.service())) as client:
        yield client


@pytest.fixture(autouse=True)
def all_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Find nothing personal in what was logged, whatever a test does."""
    caplog.set_level(logging.DEBUG)
    yield
    logged = "".join(
        f"{FORMAT.format(item)} {vars(item)}"
        for item in caplog.get_records("call")
        if not item.name.startswith("httpx")  # the visitor's own log
    )
    assert not [word for word in PERSONAL if word in logged]


def submit(client: TestClient, **changes: object) -> RequestId:
    answer = client.post(PAGE, json=DOCUMENT | changes)
    assert answer.status_code == 202
    return RequestId(UUID(answer.json()["request_id"]))


def assert_impersonal(*shown: object) -> None:
    assert not [word for word in PERSONAL if word in str(shown)]


# Taking in.


def test_a_request_is_accepted_and_its_legal_clock_starts(
    world: IntakeWorld, client: TestClient
) -> None:
    answer = client.post(PAGE, json=DOCUMENT)
    body = answer.json()
    key = RequestId(UUID(body["request_id"]))
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{PAGE}/{key}"
    # 2 March 2026 plus a month is Thursday, 2 April; plus three, Tuesday, 2 June.
    assert body == {
        "request_id": str(key),
        "status": "open",
        "stage": "received",
        "outcome": None,
        "received_at": "2026-03-02T09:30:00Z",
        "due_on": "2026-04-02",
        "extended_due_on": "2026-06-02",
        "messages": [],
    }
    assert world.store.get(key).channel is Channel.HTTP
    assert world.trigger.runs == [(key, 1)]
    assert_impersonal(answer.text, answer.headers)


def test_who_it_is_about_is_sealed_and_nowhere_else(
    world: IntakeWorld, client: TestClient
) -> None:
    key = submit(client)
    sealed = {
        name: json.loads(world.custody.get(scope(key), scopes.CONTENT))
        for name, scope in (
            ("subject", scopes.working),
            ("evidence", scopes.evidence),
            ("contact", scopes.contact),
        )
    }
    assert sealed == {
        "subject": {"name": [NAME], "email": [EMAIL]},
        "evidence": TOKEN,
        "contact": CONTACT,
    }
    ledger = "".join(str(entry) for entry in world.store.entries())
    assert not [word for word in PERSONAL if word in ledger]


def test_several_values_of_one_kind_are_taken(
    world: IntakeWorld, client: TestClient
) -> None:
    key = submit(client, identifiers={"name": NAME, "phone": [PHONE, "030 7654321"]})
    assert len(world.store.get(key).commitments) == 3


def test_two_requests_of_one_person_are_both_accepted_and_recognised_as_one_person(
    world: IntakeWorld, client: TestClient
) -> None:
    first = submit(client)
    second = submit(
        client, identifiers={"name": f"  {NAME.upper()} ", "email": EMAIL.title()}
    )
    other = submit(client, identifiers={"name": "Kurt Wels", "email": "k@w.example"})
    assert first != second
    assert world.store.get(first).commitments == world.store.get(second).commitments
    found = world.store.with_commitments(world.store.get(second).commitments)
    assert {item.request_id for item in found} == {first, second}
    assert other not in {item.request_id for item in found}


def test_without_the_orchestrator_a_request_is_kept_and_picked_up_later(
    world: IntakeWorld,
) -> None:
    service = world.service()
    with TestClient(create_app(service)) as client:
        world.trigger.is_reachable = False
        key = submit(client)
        service.watchdog.look()
        assert world.trigger.runs == []
        assert client.get(f"{PAGE}/{key}").json()["status"] == "open"
        world.trigger.is_reachable = True
        service.watchdog.look()
    assert world.trigger.runs == [(key, 1)]


# Refusals.


@pytest.mark.parametrize(
    ("change", "status", "code", "where"),
    [
        ({"identifiers": {}}, 400, "invalid_request", ["body.identifiers"]),
        ({"identifiers": [NAME]}, 400, "invalid_request", ["body.identifiers"]),
        ({"identifiers": None}, 400, "invalid_request", ["body.identifiers"]),
        ({"identifiers": {"name": []}}, 400, "invalid_request", None),
        ({"identifiers": {"name": 7, "email": EMAIL}}, 400, "invalid_request", None),
        ({"identifiers": {NAME: 7}}, 400, "invalid_request", ["body.identifiers"]),
        ({"identifiers": {PHONE: 7}}, 400, "invalid_request", ["body.identifiers"]),
        ({"identifiers": {"0301234567": 7}}, 400, "invalid_request", None),
        ({NAME: "x"}, 400, "invalid_request", ["body"]),
        ({"identity_token": TOKEN * 300}, 400, "invalid_request", None),
        ({"contact": CONTACT * 20}, 400, "invalid_request", ["body.contact"]),
        ({"identifiers": {NAME: EMAIL}}, 422, "invalid_identifier", None),
        ({"identifiers": {"name": NAME}}, 422, "invalid_identifier", None),
        ({"identifiers": {"email": EMAIL}}, 422, "invalid_identifier", None),
        ({"identifiers": {"name": NAME, "email": ""}}, 422, "invalid_identifier", None),
        (
            {"identifiers": {"name": NAME, "email": "x"}},
            422,
            "invalid_identifier",
            None,
        ),
        (
            {"identifiers": {"name": NAME + "\x00", "email": EMAIL}},
            422,
            "invalid_identifier",
            None,
        ),
        (
            {"identifiers": {"name": NAME * 10, "email": EMAIL}},
            422,
            "invalid_identifier",
            None,
        ),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_without_repeating_it(
    world: IntakeWorld,
    client: TestClient,
    change: dict[str, object],
    status: int,
    code: str,
    where: list[str] | None,
) -> None:
    answer = client.post(PAGE, json=DOCUMENT | change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert_impersonal(answer.text, answer.headers)
    if where is not None:
        assert answer.json()["where"] == where
    assert world.store.all() == ()
    assert list(world.store.entries()) == []


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (f'{{"name": "{NAME}'.encode(), "application/json", 400),
        (f'"{NAME}"'.encode(), "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (json.dumps(DOCUMENT).encode(), "text/plain", 400),
        (f"name={NAME}".encode(), "application/x-www-form-urlencoded", 400),
        (NAME.encode().ljust(MAXIMUM_BODY_BYTES + 1), "application/json", 413),
    ],
)
def test_a_body_that_is_no_document_is_refused(
    world: IntakeWorld, client: TestClient, content: bytes, kind: str, status: int
) -> None:
    answer = client.post(PAGE, content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert_impersonal(answer.text, answer.headers)
    assert world.store.all() == ()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.just(NAME) | st.just(PHONE),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [*DOCUMENT, NAME, PHONE, "name", "email", "phone", "0301234567"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_no_document_whatever_is_repeated_or_breaks_the_service(
    client: TestClient, document: object
) -> None:
    answer = client.post(PAGE, json=document)
    assert answer.status_code in {202, 400, 422}
    assert_impersonal(answer.text, answer.headers)


@pytest.mark.parametrize("lost", ["database", "custody"])
def test_a_store_that_is_away_is_a_problem_for_the_operator(
    world: IntakeWorld,
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
) -> None:
    if lost == "custody":
        world.custody.is_reachable = False
        expected = (503, "storage_error")
    else:

        def fail(*_: object) -> None:
            raise RuntimeError(NAME)

        monkeypatch.setattr(world.store, "receive", fail)
        expected = (500, "unexpected_error")
    answer = client.post(PAGE, json=DOCUMENT)
    assert (answer.status_code, answer.json()["error"]["code"]) == expected
    assert_impersonal(answer.text, answer.headers)
    assert world.store.all() == ()
    assert world.trigger.runs == []


# Looking up.


def test_the_status_page_follows_a_request(
    world: IntakeWorld, client: TestClient
) -> None:
    key = submit(client)
    request = world.store.get(key)
    lease = world.leases.acquire(str(key), holder="w", ttl=timedelta(minutes=1))
    world.store.advance(key, Stage.ACKNOWLEDGED, {}, lease=lease)
    world.notifier.notify(request, template="acknowledged", contact=None)
    answer = client.get(f"{PAGE}/{key}")
    assert answer.json()["stage"] == "acknowledged"
    assert answer.json()["status"] == "in_progress"
    assert answer.json()["messages"] == ["acknowledged"]
    assert_impersonal(answer.text, answer.headers)


def test_all_requests_are_listed_without_persons(
    world: IntakeWorld, client: TestClient
) -> None:
    assert client.get(PAGE).json() == []
    keys = {str(submit(client)) for _ in range(3)}
    answer = client.get(PAGE)
    assert {row["request_id"] for row in answer.json()} == keys
    assert_impersonal(answer.text, answer.headers)
    assert len(world.store.all()) == 3


def test_a_certificate_is_returned_byte_for_byte(
    world: IntakeWorld, client: TestClient
) -> None:
    key = request_id(5)
    world.evidence.put(certificate_name(key), b'{"signed": true}')
    answer = client.get(f"{PAGE}/{key}/certificate")
    assert answer.content == b'{"signed": true}'
    assert answer.headers["content-type"] == "application/json"


def test_where_a_certificate_stands_is_told_without_persons(
    world: IntakeWorld, client: TestClient
) -> None:
    key = submit(client)
    until = world.clock.now() + timedelta(days=90)
    note_certificate(world.store, key, expires_at=until)
    answer = client.get(f"{PAGE}/{key}/certificate/status")
    assert answer.json() == {
        "request_id": str(key),
        "status": "valid",
        "reason": "as_verified",
        "verified_at": "2026-03-02T09:30:00Z",
        "valid_until": "2026-05-31T09:30:00Z",
        "reverifications": 0,
        "failed_gates": [],
    }
    assert_impersonal(answer.text, answer.headers)


def test_before_there_is_a_certificate_it_does_not_stand_anywhere(
    client: TestClient,
) -> None:
    answer = client.get(f"{PAGE}/{submit(client)}/certificate/status")
    assert answer.status_code == 404


@pytest.mark.parametrize("suffix", ["", "/certificate", "/certificate/status"])
@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (str(request_id(9)), 404, "unknown_request"),
        (NAME, 400, "invalid_request"),
        ("1234567", 400, "invalid_request"),
    ],
)
def test_an_unknown_request_is_not_found(
    client: TestClient, suffix: str, key: str, status: int, code: str
) -> None:
    answer = client.get(f"{PAGE}/{key}{suffix}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert_impersonal(answer.text, answer.headers)


# Who may ask.


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic s3cret", "s3cret", "Bearer ä"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PAGE),
        ("GET", PAGE),
        ("GET", f"{PAGE}/{request_id(1)}"),
        ("GET", f"{PAGE}/{request_id(1)}/certificate"),
        ("GET", f"{PAGE}/{request_id(1)}/certificate/status"),
    ],
)
def test_with_a_key_nobody_else_may_ask(
    world: IntakeWorld, method: str, path: str, header: str | None
) -> None:
    sent = b"" if header is None else header.encode("latin-1")
    headers = [] if header is None else [(b"Authorization", sent)]
    with TestClient(create_app(world.service(api_key="s3cret"))) as client:
        answer = client.request(method, path, headers=headers, json=DOCUMENT)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "s3cret" not in answer.text
        assert world.store.all() == ()
        assert client.get("/health").json() == {"status": "alive"}


def test_with_the_key_one_may_ask(world: IntakeWorld) -> None:
    with TestClient(create_app(world.service(api_key="s3cret"))) as client:
        headers = {"Authorization": "Bearer s3cret"}
        assert client.post(PAGE, json=DOCUMENT, headers=headers).status_code == 202


def test_whoever_has_entered_a_request_is_recorded_by_pseudonym_and_name(
    world: IntakeWorld, client: TestClient
) -> None:
    key = give_key(world.access, Role.OPERATOR)
    shown = {"Authorization": f"Bearer {key}"}
    assert client.post(PAGE, json=DOCUMENT, headers=shown).status_code == 202
    (entry,) = world.store.entries(event="received")
    assert entry.payload["submitted_by"] == f"key:{read_key_id(key)}"
    known = world.access.key(str(read_key_id(key)))
    assert known is not None
    assert entry.payload["entered_by"] == known.name


def test_the_same_key_of_the_same_caller_gets_the_same_request_again(
    world: IntakeWorld, client: TestClient
) -> None:
    def send(key: str, **changes: object) -> Any:  # noqa: ANN401 - an answer
        return client.post(
            PAGE, json=DOCUMENT | changes, headers={"Idempotency-Key": key}
        )

    first, again, other = send("a"), send("a"), send("b")
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json() != other.json()
    assert len(world.store.all()) == 2
    taken = send("a", identifiers={"name": "Ben Neu", "email": "ben@neu.example"})
    assert (taken.status_code, taken.json()["error"]["code"]) == (
        422,
        "reference_taken",
    )
    assert send("x" * 201).status_code == 400
    resource = f"intake/{first.json()['request_id']}"
    held = world.leases.acquire(resource, holder="other", ttl=timedelta(minutes=1))
    busy = send("a")
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "lease_busy")
    world.leases.release(held)
    assert send("a").json() == first.json()


def test_a_code_is_taken_over_the_api_and_never_repeated(
    world: IntakeWorld, client: TestClient
) -> None:
    key = world.ask_for_code()
    place = f"{PAGE}/{key}/identity-code"
    code = json.loads(world.custody.get(scopes.evidence(key), scopes.CODE))["code"]
    wrong = client.post(place, json={"code": "of-another"})
    assert wrong.status_code == 422
    assert wrong.json()["error"]["code"] == "code_refused"
    assert "of-another" not in wrong.text
    assert client.post(place, json={"code": "1" * 41}).status_code == 400
    assert client.post(place, json={"code": code}).status_code == 204
    assert world.store.get(key).stage is Stage.PROOF_GIVEN


def test_another_code_can_be_asked_for_until_there_are_no_more(
    world: IntakeWorld, client: TestClient
) -> None:
    key = world.ask_for_code()
    first = json.loads(world.custody.get(scopes.evidence(key), scopes.CODE))["code"]
    for status in (204, 204, 422):
        assert client.post(f"{PAGE}/{key}/new-identity-code").status_code == status
    late = client.post(f"{PAGE}/{key}/identity-code", json={"code": first})
    assert late.status_code == 422
    code = json.loads(world.custody.get(scopes.evidence(key), scopes.CODE))["code"]
    taken = client.post(f"{PAGE}/{key}/identity-code", json={"code": code})
    assert taken.status_code == 204


def test_a_ground_is_recorded_and_another_word_refused(
    world: IntakeWorld, client: TestClient
) -> None:
    refused = client.post(PAGE, json=DOCUMENT | {"ground": "because"})
    assert refused.status_code == 400
    assert "because" not in refused.text
    assert client.post(PAGE, json=DOCUMENT | {"ground": "objection"}).status_code == 202
    (entry,) = world.store.entries(event="received")
    assert entry.payload["ground"] == "objection"
