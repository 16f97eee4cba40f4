"""Every route of the application with every role."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Route
from support.access import give_key
from support.domain import request_id
from support.intake import IntakeWorld
from support.senders import (
    AGENT,
    CONTROLLER,
    SUBJECT_REQUEST_ID,
    drp_desk,
    opendsr_desk,
)

from unlearn_core.domain.access import GRANTED, Role, form_token
from unlearn_core.intake.app import create_app
from unlearn_core.intake.gate import COOKIE
from unlearn_core.intake.rules import RULES, Door

REFUSED = {401, 403}
NOBODY = "nobody"
FOLDER = Path(mkdtemp(prefix="unlearn-rules-"))
SIGN_INS = {
    "POST /console/login",
    "GET /console/callback",
    "POST /v1/agent/{agent_id}",
}
"""Open to everybody, but without a key or a code nobody gets in."""


def whole_app(world: IntakeWorld) -> FastAPI:
    """Return an application with everything switched on."""
    return create_app(
        replace(
            world.service(),
            web=world.web(),
            console=world.console(),
            drp=drp_desk(world),
            opendsr=opendsr_desk(world, FOLDER),
        )
    )


def declared() -> list[str]:
    """Return ``METHOD /path`` of every route, as the application declares it."""
    found = []
    for route in whole_app(IntakeWorld.with_issuer()).routes:
        assert isinstance(route, Route | APIRoute)
        methods = set(route.methods or ()) - {"HEAD"}
        found += [f"{method} {route.path}" for method in sorted(methods)]
    return found


def filled(path: str) -> str:
    """Return a path of nothing that is there, but of an agent who is."""
    return path.format(
        request_id=request_id(9),
        token="A" * 43,
        key_id="none",
        agent_id=AGENT,
        subject_request_id=SUBJECT_REQUEST_ID,
    )


ROUTES = declared()


@pytest.fixture(scope="module")
def world() -> IntakeWorld:
    return IntakeWorld.with_issuer()


@pytest.fixture(scope="module")
def client(world: IntakeWorld) -> Iterator[TestClient]:
    with TestClient(
        whole_app(world), base_url="https://testserver", follow_redirects=False
    ) as client:
        yield client


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    assert sorted(ROUTES) == sorted(RULES)


def test_nothing_is_open_that_shows_a_request() -> None:
    """The list of what nobody is asked for, written out by hand."""
    assert {name for name, rule in RULES.items() if rule.door is Door.PUBLIC} == {
        "GET /health",
        "GET /openapi.json",
        "GET /style.css",
        "GET /v2/discovery",
        "GET /v2/certificate.pem",
        "GET /request",
        "POST /request",
        "GET /console/live.js",
        "GET /console/login",
        "POST /console/login",
        "GET /console/login/issuer",
        "GET /console/callback",
        "POST /v1/agent/{agent_id}",
    }


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_page_runs_scripts_from_elsewhere_beside_the_console(
    client: TestClient, path: str
) -> None:
    assert client.get(path).status_code == 404


def test_every_rule_with_a_door_names_who_may() -> None:
    for rule in RULES.values():
        assert bool(rule.roles) is (rule.door is not Door.PUBLIC)
        assert Role.SUBJECT not in rule.roles or rule.door is Door.LINK


def test_whatever_shows_one_request_is_recorded() -> None:
    for name, rule in RULES.items():
        if "{request_id}" in name:
            assert rule.reads, name


@pytest.mark.parametrize("role", [NOBODY, *sorted(GRANTED)])
@pytest.mark.parametrize("name", ROUTES)
def test_a_route_lets_in_whom_its_rule_names_and_nobody_else(
    world: IntakeWorld, client: TestClient, name: str, role: str
) -> None:
    rule = RULES[name]
    method, path = name.split(" ", 1)
    path = filled(path)
    headers, form = {}, {}
    if role != NOBODY:
        key = give_key(
            world.access, Role(role), name=AGENT if role == Role.AGENT else CONTROLLER
        )
        token = world.doors().sign_in_with_key(key)
        headers = {"Authorization": f"Bearer {key}", "Cookie": f"{COOKIE}={token}"}
        form = {"form_token": form_token(token)}
    answer = client.request(method, path, headers=headers, data=form or None)
    if rule.door is Door.PUBLIC:
        assert answer.status_code not in REFUSED or name in SIGN_INS
    elif rule.door is Door.LINK:
        assert answer.status_code == 404  # whatever the role, it is no link
    elif role == NOBODY and rule.door is Door.SESSION:
        assert answer.headers["Location"] == "/console/login"
    elif role == NOBODY:
        assert answer.status_code == 401
    elif role in rule.roles:
        assert answer.status_code not in REFUSED
    else:
        assert answer.status_code == 403


@pytest.mark.parametrize("name", ROUTES)
def test_the_door_of_programs_heeds_no_cookie_and_that_of_people_no_key(
    world: IntakeWorld, client: TestClient, name: str
) -> None:
    rule = RULES[name]
    method, path = name.split(" ", 1)
    path = filled(path)
    key = give_key(world.access, next(iter(rule.roles - {Role.SUBJECT}), Role.ADMIN))
    if rule.door is Door.KEY:
        cookie = f"{COOKIE}={world.doors().sign_in_with_key(key)}"
        answer = client.request(method, path, headers={"Cookie": cookie})
        assert answer.status_code == 401
    if rule.door is Door.SESSION:
        shown = {"Authorization": f"Bearer {key}"}
        answer = client.request(method, path, headers=shown)
        assert answer.headers["Location"] == "/console/login"
