"""Agents ask over HTTP, as the Data Rights Protocol has it."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from support.access import give_key
from support.domain import request_id
from support.intake import IntakeWorld
from support.senders import (
    AGENT,
    BUSINESS,
    CALLBACKS,
    EMAIL,
    NAME,
    OTHER_AGENT,
    claims,
    drp_desk,
    exercise,
    signed,
)

from unlearn_core.domain.access import Role
from unlearn_core.domain.requests import Channel, Outcome, RequestId, Stage
from unlearn_core.intake.app import create_app
from unlearn_core.steps import scopes

REQUESTS = "/v1/data-rights-request"


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


@pytest.fixture
def client(world: IntakeWorld) -> Iterator[TestClient]:
    service = replace(world.service(), drp=drp_desk(world))
    with TestClient(create_app(service)) as client:
        yield client


@pytest.fixture
def token(world: IntakeWorld) -> dict[str, str]:
    return bearer(world, AGENT)


def bearer(world: IntakeWorld, agent: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {give_key(world.access, Role.AGENT, name=agent)}"}


def asked(
    client: TestClient, world: IntakeWorld, token: dict[str, str], **more: object
) -> tuple[int, dict[str, object]]:
    message = signed(exercise(world, **more))
    answer = client.post(REQUESTS, content=message, headers=token)
    return answer.status_code, answer.json()


def test_an_agent_pairs_asks_follows_and_revokes(
    world: IntakeWorld, client: TestClient
) -> None:
    paired = client.post(f"/v1/agent/{AGENT}", content=signed(claims(world))).json()
    assert paired["agent-id"] == AGENT
    token = {"Authorization": f"Bearer {paired['token']}"}
    assert client.get(f"/v1/agent/{AGENT}", headers=token).json() == {}
    status, told = asked(client, world, token)
    assert status == 200
    key = RequestId(UUID(str(told.pop("request_id"))))
    # 45 days after 2 March 2026, to the end of the day in Berlin.
    assert told == {
        "agent_request_id": "r-1",
        "received_at": "2026-03-02T09:30:00+00:00",
        "expected_by": "2026-04-16T23:59:59+02:00",
        "status": "open",
    }
    followed = client.get(f"{REQUESTS}/{key}", headers=token).json()
    assert followed == told | {"request_id": str(key)}
    reason = signed({"reason": f"{NAME} wants to stay"})
    revoked = client.request(
        "DELETE", f"{REQUESTS}/{key}", content=reason, headers=token
    )
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    assert world.store.get(key).outcome is Outcome.WITHDRAWN


def test_a_request_is_sealed_as_any_other(
    world: IntakeWorld, client: TestClient, token: dict[str, str]
) -> None:
    callback = f"{CALLBACKS}/7"
    _, told = asked(client, world, token, status_callback=callback)
    key = RequestId(UUID(str(told["request_id"])))
    request = world.store.get(key)
    assert request.channel is Channel.DRP
    assert request.deadline.rule == "ccpa-7021"
    sealed = world.custody.get(scopes.working(key), scopes.CONTENT)
    assert sealed == f'{{"email":["{EMAIL}"],"name":["{NAME}"]}}'.encode()
    contact = world.custody.get(scopes.contact(key), scopes.CONTENT)
    assert contact == f'"{callback}"'.encode()
    (entry,) = world.store.entries(key, event=Stage.RECEIVED)
    assert entry.payload["submitted_by"] == f"agent:{AGENT}"


def test_without_a_regime_the_clock_of_the_desk_runs(
    world: IntakeWorld, client: TestClient, token: dict[str, str]
) -> None:
    message = exercise(world)
    del message["regime"]
    told = client.post(REQUESTS, content=signed(message), headers=token).json()
    request = world.store.get(RequestId(UUID(told["request_id"])))
    assert request.deadline.due_on == date(2026, 4, 2)


@pytest.mark.parametrize("named", [True, False])
def test_the_same_message_is_the_same_request(
    world: IntakeWorld,
    client: TestClient,
    token: dict[str, str],
    named: bool,  # noqa: FBT001 - a column of the table
) -> None:
    message = exercise(world)
    if not named:
        del message["agent-request-id"]
    first, second = (
        client.post(REQUESTS, content=signed(message), headers=token).json()
        for _ in range(2)
    )
    assert first == second
    assert ("agent_request_id" in first) is named
    assert len(world.store.all()) == 1


def test_a_name_of_a_request_is_not_used_for_two_people(
    world: IntakeWorld, client: TestClient, token: dict[str, str]
) -> None:
    asked(client, world, token)
    status, told = asked(client, world, token, name="Bo Sample")
    assert (status, told["code"]) == (400, "400")
    assert str(told["message"]).startswith("reference_taken")
    assert len(world.store.all()) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"agent-id": OTHER_AGENT}, "another agent"),
        ({"business-id": "SOMEBODY"}, "another business"),
        ({"issued-at": "2026-03-02T09:31:01+00:00"}, "issued in the future"),
        ({"issued-at": "2026-03-02T09:30:00"}, "no time zone"),
        ({"issued-at": 5}, "not a moment"),
        ({"expires-at": "2026-03-02T09:30:00+00:00"}, "expired"),
        ({"expires-at": "2026-03-02T10:30:01+00:00"}, "valid for too long"),
        ({"drp.version": "0.5"}, "drp.version"),
        ({"drp.version": ["1.0"]}, "drp.version"),
        ({"agent-request-id": "\ud800"}, "agent-request-id"),
        ({"exercise": "access"}, "exercise"),
        ({"regime": "gdpr"}, "regime"),
        ({"regime": ["ccpa"]}, "regime"),
        ({"status_callback": "https://169.254.169.254/"}, "callback_refused"),
        ({"status_callback": 7}, "status_callback"),
        ({"agent-request-id": ""}, "agent-request-id"),
        ({"agent-request-id": "r" * 201}, "agent-request-id"),
        ({"email": None}, "not text"),
        ({"email": "no address"}, "malformed"),
    ],
)
def test_a_wrong_message_is_refused_and_leaves_nothing(
    world: IntakeWorld,
    client: TestClient,
    token: dict[str, str],
    more: dict[str, object],
    said: str,
) -> None:
    status, told = asked(client, world, token, **more)
    assert (status, told["code"]) == (400, "400")
    assert said in str(told["message"])
    assert NAME not in str(told)
    assert world.store.all() == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not base64!",
        b"QUJD",
        signed({"name": NAME}, agent=OTHER_AGENT),
        signed({}),
        signed({"deep": None})[:-4],
    ],
)
def test_nothing_is_read_that_the_agent_has_not_signed(
    world: IntakeWorld, client: TestClient, token: dict[str, str], body: bytes
) -> None:
    answer = client.post(REQUESTS, content=body, headers=token)
    assert (answer.status_code, answer.json()["fatal"]) == (400, True)
    assert world.store.all() == ()


def test_a_message_of_one_agent_is_no_use_to_another(
    world: IntakeWorld, client: TestClient, token: dict[str, str]
) -> None:
    _, told = asked(client, world, token)
    one = f"{REQUESTS}/{told['request_id']}"
    other = bearer(world, OTHER_AGENT)
    stolen = signed(exercise(world))
    assert client.post(REQUESTS, content=stolen, headers=other).status_code == 400
    assert client.get(one, headers=other).status_code == 403
    revoke = signed({"reason": "mine"}, agent=OTHER_AGENT)
    answer = client.request("DELETE", one, content=revoke, headers=other)
    assert (answer.status_code, answer.json()["code"]) == (403, "403")
    assert client.get(f"/v1/agent/{AGENT}", headers=other).status_code == 403
    (request,) = world.store.all()
    assert request.outcome is None


def test_refused_looks_are_not_recorded_as_seen(
    world: IntakeWorld, client: TestClient, token: dict[str, str]
) -> None:
    _, told = asked(client, world, token)
    one = f"{REQUESTS}/{told['request_id']}"
    client.get(one, headers=bearer(world, OTHER_AGENT))
    assert not list(world.store.entries(event="personal_data_accessed"))
    client.get(one, headers=token)
    (entry,) = world.store.entries(event="personal_data_accessed")
    assert str(entry.request_id) == told["request_id"]


def test_an_unknown_request_is_unknown(
    client: TestClient, token: dict[str, str]
) -> None:
    answer = client.get(f"{REQUESTS}/{request_id(9)}", headers=token)
    assert (answer.status_code, answer.json()["code"]) == (404, "404")


def test_what_is_being_erased_is_not_revoked(
    world: IntakeWorld, client: TestClient, token: dict[str, str]
) -> None:
    _, told = asked(client, world, token)
    key = RequestId(UUID(str(told["request_id"])))
    for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED, Stage.LOCATED):
        world.move(key, stage)
    world.move(key, Stage.SOURCES_ERASED)
    answer = client.request(
        "DELETE", f"{REQUESTS}/{key}", content=signed({}), headers=token
    )
    assert answer.status_code == 409
    assert answer.json()["message"].startswith("decision_refused")


def test_revoking_twice_is_revoking_once(
    world: IntakeWorld, client: TestClient, token: dict[str, str]
) -> None:
    _, told = asked(client, world, token)
    one = f"{REQUESTS}/{told['request_id']}"
    for _ in range(2):
        answer = client.request("DELETE", one, content=signed({}), headers=token)
        assert answer.json()["status"] == "revoked"


# Pairing.


def test_a_new_token_ends_the_one_before(
    world: IntakeWorld, client: TestClient
) -> None:
    tokens = []
    for _ in range(2):
        paired = client.post(f"/v1/agent/{AGENT}", content=signed(claims(world)))
        tokens.append({"Authorization": f"Bearer {paired.json()['token']}"})
        world.clock.move(timedelta(seconds=1))
    codes = [client.get(f"/v1/agent/{AGENT}", headers=it).status_code for it in tokens]
    assert codes == [401, 200]


def test_a_pairing_message_gives_one_token(
    world: IntakeWorld, client: TestClient
) -> None:
    message = signed(claims(world))
    first = client.post(f"/v1/agent/{AGENT}", content=message)
    again = client.post(f"/v1/agent/{AGENT}", content=message)
    assert (first.status_code, again.status_code, again.content) == (200, 403, b"")
    world.clock.move(timedelta(minutes=10))
    late = client.post(f"/v1/agent/{AGENT}", content=message)
    assert (late.status_code, late.content) == (403, b"")


@pytest.mark.parametrize(
    ("agent", "more", "signer"),
    [
        ("NOBODY", {"agent-id": "NOBODY"}, AGENT),
        (AGENT, {}, OTHER_AGENT),
        (AGENT, {"agent-id": OTHER_AGENT}, AGENT),
        (AGENT, {"business-id": BUSINESS.lower()}, AGENT),
        (AGENT, {"exercise": "deletion"}, AGENT),  # a request that somebody has seen
    ],
)
def test_who_is_not_the_agent_gets_no_token_and_no_reason(
    world: IntakeWorld,
    client: TestClient,
    agent: str,
    more: dict[str, object],
    signer: str,
) -> None:
    message = signed(claims(world, **more), agent=signer)
    answer = client.post(f"/v1/agent/{agent}", content=message)
    assert (answer.status_code, answer.content) == (403, b"")
    assert world.access.all_keys() == ()


def test_an_agent_that_was_taken_off_the_list_is_refused(
    world: IntakeWorld, token: dict[str, str]
) -> None:
    desk = replace(drp_desk(world), agents={})
    with TestClient(create_app(replace(world.service(), drp=desk))) as client:
        status, told = asked(client, world, token)
    assert (status, told["code"]) == (403, "403")


def test_no_log_says_who_was_asked_about(
    world: IntakeWorld,
    client: TestClient,
    token: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        asked(client, world, token)
        asked(client, world, token, email="no address")
    assert "request_received" in caplog.text
    assert NAME not in caplog.text
    assert EMAIL not in caplog.text
