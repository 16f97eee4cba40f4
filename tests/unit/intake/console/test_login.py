from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from support.access import give_key
from support.browser import SignIn
from support.intake import IntakeWorld
from support.issuer import ADDRESS

from unlearn_core.domain.access import Role
from unlearn_core.intake.console.login import LOGIN_COOKIE, Handshake
from unlearn_core.intake.gate import COOKIE

SAFE = {"secure", "httponly", "samesite=lax", "path=/"}


def cookies(answer: Any) -> dict[str, tuple[str, set[str]]]:  # noqa: ANN401 - an answer
    """Return the cookies that an answer sets, each with value and attributes."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        first, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = first.partition("=")
        found[name] = (value, {item.lower() for item in attributes})
    return found


@given(st.text(min_size=1))
def test_what_a_handshake_shows_does_not_tell_what_it_hides(secret: str) -> None:
    shaken = Handshake.of(secret)
    assert len({*shaken, shaken.challenge}) == 4
    assert {len(part) for part in (*shaken, shaken.challenge)} == {43}
    assert shaken == Handshake.of(secret)
    assert shaken.state != Handshake.of(secret + "x").state


def test_the_challenge_is_that_of_the_standard() -> None:
    # The example of RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    shaken = Handshake(state="", nonce="", verifier=verifier)
    assert shaken.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def begin(client: TestClient) -> tuple[str, dict[str, str]]:
    """Go to the issuer; return the cookie of the way, and what the issuer gets."""
    answer = client.get("/console/login/issuer")
    place = answer.headers["Location"]
    assert place.startswith(f"{ADDRESS}/authorize?")
    value, attributes = cookies(answer)[LOGIN_COOKIE]
    assert attributes >= SAFE | {"max-age=600"}
    client.cookies.clear()
    return value, dict(parse_qsl(urlsplit(place).query))


def come_back(client: TestClient, query: str, cookie: str | None) -> Any:  # noqa: ANN401 - an answer
    headers = {} if cookie is None else {"Cookie": f"{LOGIN_COOKIE}={cookie}"}
    return client.get(f"/console/callback?{query}", headers=headers)


def test_a_person_signs_in_with_the_issuer(
    world: IntakeWorld, client: TestClient
) -> None:
    cookie, query = begin(client)
    assert cookie not in str(query)
    answer = come_back(client, world.provider.sign_in(query), cookie)
    assert answer.headers["Location"] == "/console"
    found = cookies(answer)
    token, attributes = found[COOKIE]
    assert attributes == SAFE  # and it ends with the browser
    assert found[LOGIN_COOKIE][1] >= {"max-age=0"}
    caller = world.doors().by_session(token)
    assert caller is not None
    assert (caller.name, caller.roles) == ("Olga Officer", frozenset({Role.APPROVER}))


@pytest.mark.parametrize("cookie", [None, "", "of another sign-in"])
def test_an_answer_that_this_browser_did_not_ask_for_is_refused(
    world: IntakeWorld, client: TestClient, cookie: str | None
) -> None:
    _, query = begin(client)
    answer = come_back(client, world.provider.sign_in(query), cookie)
    assert answer.status_code == 403
    assert COOKIE not in cookies(answer)


@pytest.mark.parametrize("query", ["", "state=x", "error=access_denied", "code=x"])
def test_an_answer_without_a_code_of_ours_is_refused(
    client: TestClient, query: str
) -> None:
    cookie, _ = begin(client)
    state = Handshake.of(cookie).state
    for sent in (query, f"{query}&state={state}"):
        answer = come_back(client, sent, cookie)
        assert answer.status_code == 403


def test_whom_the_issuer_gives_no_role_is_told_so(
    world: IntakeWorld, client: TestClient
) -> None:
    world.provider.claims["roles"] = ["cook"]
    cookie, query = begin(client)
    answer = come_back(client, world.provider.sign_in(query), cookie)
    assert answer.status_code == 403
    assert "ask for a role" in answer.text


def test_an_issuer_that_is_away_leaves_the_key(
    world: IntakeWorld, client: TestClient
) -> None:
    world.provider.is_away = True
    answer = client.get("/console/login/issuer")
    assert "does not answer" in answer.text
    assert 'name="key"' in answer.text


def test_a_key_opens_the_console_and_is_not_repeated(
    world: IntakeWorld, client: TestClient
) -> None:
    key = give_key(world.access, Role.AUDITOR)
    answer = client.post("/console/login", data={"key": f" {key} "})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    assert cookies(answer)[COOKIE][1] == SAFE
    wrong = client.post("/console/login", data={"key": key + "x"})
    assert wrong.status_code == 403
    assert key not in wrong.text
    assert COOKIE not in cookies(wrong)


def test_signing_out_ends_the_session(world: IntakeWorld, sign_in: SignIn) -> None:
    browser = sign_in(Role.OPERATOR)
    assert browser.post("/console/logout") == (303, "/console/login")
    assert world.doors().by_session(browser.token) is None
    assert browser.post("/console/logout") == (303, "/console/login")
