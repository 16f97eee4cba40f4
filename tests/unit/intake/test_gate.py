from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from support.access import give_key
from support.intake import IntakeWorld

from unlearn_core.domain.access import ANYBODY, Caller, Role, form_token, read_key_id
from unlearn_core.errors import StorageError
from unlearn_core.http_problems import MAXIMUM_BODY_BYTES, install
from unlearn_core.intake import gate
from unlearn_core.intake.app import create_app
from unlearn_core.intake.gate import COOKIE, Gate, Recorder, Unlimited

REQUESTS = "/v1/erasure-requests"
NAME = "Ottilie Quastenflosser"
DOCUMENT = {"identifiers": {"name": NAME, "email": "ottilie@fins.example"}}


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


@pytest.fixture
def client(world: IntakeWorld) -> Iterator[TestClient]:
    service = replace(world.service(), console=world.console())
    with TestClient(
        create_app(service), base_url="https://testserver", follow_redirects=False
    ) as client:
        yield client


def bearer(world: IntakeWorld, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {give_key(world.access, role)}"}


def signed_in(world: IntakeWorld, role: Role = Role.OPERATOR) -> dict[str, str]:
    token = world.doors().sign_in_with_key(give_key(world.access, role))
    return {"Cookie": f"{COOKIE}={token}"}


def accesses(world: IntakeWorld) -> list[tuple[object, object, UUID | None]]:
    return [
        (entry.payload["who"], entry.payload["what"], entry.request_id)
        for entry in world.store.entries(event="personal_data_accessed")
    ]


# Default deny.


@pytest.mark.parametrize("role", list(Role))
def test_a_route_without_a_rule_is_refused_to_everybody(
    world: IntakeWorld, role: Role
) -> None:
    app = FastAPI()
    app.add_middleware(Gate, routed=app, doors=world.doors(), limits=Unlimited())
    app.add_api_route("/v1/new", lambda: "open")
    install(app, names=frozenset())
    client = TestClient(app)
    answer = client.get("/v1/new", headers=bearer(world, role) | signed_in(world, role))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("PUT", REQUESTS, 405), ("OPTIONS", REQUESTS, 405)],
)
def test_what_is_not_there_is_not_there(
    client: TestClient, method: str, path: str, status: int
) -> None:
    assert client.request(method, path).status_code == status


# Records of who has seen what.


def test_who_reads_a_request_is_recorded_once_an_hour(
    world: IntakeWorld, client: TestClient
) -> None:
    operator, auditor = (bearer(world, role) for role in (Role.OPERATOR, Role.AUDITOR))
    sent = client.post(REQUESTS, json=DOCUMENT, headers=operator)
    place = sent.headers["Location"]
    for headers in (operator, operator, auditor):
        assert client.get(place, headers=headers).status_code == 200
    key = UUID(sent.json()["request_id"])
    who = [
        f"key:{read_key_id(item['Authorization'][7:])}" for item in (operator, auditor)
    ]
    assert accesses(world) == [(name, "request", key) for name in who]
    world.clock.move(timedelta(hours=1))
    client.get(place, headers=operator)
    assert len(accesses(world)) == 3
    client.get(REQUESTS, headers=operator)
    assert accesses(world)[-1] == (who[0], "list", None)
    assert NAME not in str(list(world.store.entries()))


def test_what_was_not_shown_is_not_recorded(
    world: IntakeWorld, client: TestClient
) -> None:
    place = f"{REQUESTS}/{UUID(int=9)}"
    assert client.get(place, headers=bearer(world, Role.AUDITOR)).status_code == 404
    assert client.get(place, headers=bearer(world, Role.REPLICA)).status_code == 403
    assert accesses(world) == []


def test_nothing_is_shown_that_cannot_be_recorded(
    world: IntakeWorld, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = bearer(world, Role.OPERATOR)
    sent = client.post(REQUESTS, json=DOCUMENT, headers=operator)

    def fail(*_: object, **__: object) -> None:
        raise StorageError

    monkeypatch.setattr(world.store, "note", fail)
    answer = client.get(sent.headers["Location"], headers=operator)
    assert answer.status_code == 500
    assert sent.json()["request_id"] not in answer.text


def test_the_memory_of_what_was_recorded_is_limited(
    world: IntakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MAXIMUM_REMEMBERED", 2)
    recorder = Recorder(world.store, world.clock)
    caller = Caller(who="key:1", roles=frozenset({Role.AUDITOR}))
    for number in (1, 2, 3, 3, 1):
        recorder.record(caller, "request", UUID(int=number))
    assert [key.int for _, _, key in accesses(world) if key] == [1, 2, 3, 1]
    recorder.record(ANYBODY, "request", UUID(int=1))
    assert len(accesses(world)) == 4


# Forms.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "https://testserver"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://other.example"}, 403),
        ({"Origin": "https://testserver.other.example"}, 403),
    ],
)
def test_a_form_has_to_come_from_a_page_of_ours(
    world: IntakeWorld, client: TestClient, headers: dict[str, str], status: int
) -> None:
    cookie = signed_in(world)
    token = form_token(cookie["Cookie"].partition("=")[2])
    answer = client.post(
        "/console/logout", data={"form_token": token}, headers=cookie | headers
    )
    assert answer.status_code == status


def test_a_form_carries_the_token_of_its_own_session(
    world: IntakeWorld, client: TestClient
) -> None:
    cookie, other = signed_in(world), signed_in(world)
    session = cookie["Cookie"].partition("=")[2]
    foreign = form_token(other["Cookie"].partition("=")[2])
    for wrong in ("", "ä", foreign, form_token(session)[:-1], session):
        answer = client.post(
            "/console/logout", data={"form_token": wrong}, headers=cookie
        )
        assert answer.status_code == 403
        assert session not in answer.text
    assert world.doors().by_session(session) is not None


@pytest.mark.parametrize(
    "body", [b"\xff", b"a=%ff", b"a=1&" * 60, b"a=" + b"x" * MAXIMUM_BODY_BYTES]
)
def test_what_is_no_form_is_refused(
    world: IntakeWorld, client: TestClient, body: bytes
) -> None:
    answer = client.post("/console/logout", content=body, headers=signed_in(world))
    assert answer.status_code == 403


# How often.


def test_sign_ins_of_one_address_are_limited(world: IntakeWorld) -> None:
    service = replace(
        world.service(), console=world.console(), limits=Unlimited(forms_per_minute=3)
    )
    with TestClient(create_app(service), base_url="https://testserver") as client:
        statuses = [
            client.post("/console/login", data={"key": "guess"}) for _ in range(4)
        ]
    assert [answer.status_code for answer in statuses] == [403, 403, 403, 429]
    assert statuses[-1].headers["Retry-After"] == "20"


def test_calls_are_limited_by_key(world: IntakeWorld) -> None:
    service = replace(world.service(), limits=Unlimited(requests_per_minute=2))
    one, other = bearer(world, Role.OPERATOR), bearer(world, Role.AUDITOR)
    with TestClient(create_app(service)) as client:
        calls = [one, one, one, other]
        found = [client.get(REQUESTS, headers=item).status_code for item in calls]
    assert found == [200, 200, 429, 200]


def test_the_caller_and_the_form_are_known_behind_the_gate(world: IntakeWorld) -> None:
    app = FastAPI()
    app.add_middleware(Gate, routed=app, doors=world.doors(), limits=Unlimited())

    @app.post("/console/logout")
    def seen(request: Request) -> list[object]:
        return [request.state.caller.name, request.state.form]

    cookie = signed_in(world, Role.ADMIN)
    token = form_token(cookie["Cookie"].partition("=")[2])
    answer = TestClient(app).post(
        "/console/logout", data={"form_token": token, "a": "b"}, headers=cookie
    )
    assert answer.json() == ["the admin", {"a": "b"}]
