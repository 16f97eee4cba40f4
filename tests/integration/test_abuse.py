"""What somebody can send to a real service over a bare connection, beside the API."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from support.access import give_key
from support.chromium import served
from support.intake import IntakeWorld

from unlearn_core.domain.access import Role
from unlearn_core.domain.ledger import verify_chain
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.http_problems import MAXIMUM_BODY_BYTES
from unlearn_core.intake.app import create_app
from unlearn_core.intake.gate import COOKIE, Unlimited
from unlearn_core.intake.links import StatusLinks

pytestmark = pytest.mark.integration

REQUESTS = "/v1/erasure-requests"
PERSONAL = (b"Ottilie", b"ottilie")
PATIENCE_SECONDS = 60.0
FLOOD, CLIENTS, SHARE = 200, 8, 20


def identifiers(name: str) -> dict[str, object]:
    """Return a document about somebody."""
    email = f"{name.lower()}@fins.example"
    return {"identifiers": {"name": f"{name} Quast", "email": email}}


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


@pytest.fixture
def address(world: IntakeWorld) -> Iterator[str]:
    """Return the address of a service with console, pages and a limit for each key."""
    service = replace(
        world.service(),
        console=world.console(),
        web=world.web(),
        limits=Unlimited(requests_per_minute=SHARE),
    )
    give_key(world.access, Role.ADMIN)  # the API is not open
    with served(create_app(service)) as url:
        yield url


def connect(address: str) -> socket.socket:
    """Open a connection."""
    parts = urlsplit(address)
    assert parts.hostname
    return socket.create_connection(
        (parts.hostname, parts.port or 80), timeout=PATIENCE_SECONDS
    )


def raw(address: str, head: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; return status and everything that came back."""
    with connect(address) as line:
        line.sendall(head)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer


def get(path: bytes, *headers: bytes) -> bytes:
    """Return a request as it goes over the line."""
    lines = [b"GET " + path + b" HTTP/1.1", b"Host: x", b"Connection: close", *headers]
    return b"\r\n".join([*lines, b"", b""])


# Paths.


@pytest.mark.parametrize(
    "path",
    [
        b"/console/../v1/erasure-requests",
        b"/health/../console",
        b"/health/%2e%2e/console",
        b"//console",
        b"/./console",
        b"/console/",
        b"/console/%2e",
        b"/console;x=1",
        b"/console%00",
        b"/console%2f",
        b"/CONSOLE",
        b"/v1//erasure-requests",
        b"/v1/erasure-requests/",
        b"/v1%2ferasure-requests",
        b"/status/..%2f..%2fconsole",
        b"/status/%2e%2e",
        b"/style.css/../console",
        b"/style.css%00.html",
        b"/pages/style.css",
        b"/..%2f..%2f..%2fetc%2fpasswd",
        b"/\xff\xfe",
        b"http://other.example/console",
        b"/console/requests/00000000-0000-0000-0000-000000000000%00/certificate",
    ],
)
def test_no_spelling_of_a_path_leads_past_the_rules(
    world: IntakeWorld, address: str, path: bytes
) -> None:
    world.receive()
    before = len(list(world.store.entries()))
    status, answer = raw(address, get(path))
    # To the sign-in, to the declared spelling, or nowhere.
    assert status in {303, 307, 400, 401, 403, 404}
    assert not [word for word in PERSONAL if word in answer]
    assert len(list(world.store.entries())) == before


def test_another_method_in_a_header_is_not_heeded(
    world: IntakeWorld, address: str
) -> None:
    key = give_key(world.access, Role.AUDITOR)
    answer = httpx.post(
        f"{address}{REQUESTS}",
        headers={
            "Authorization": f"Bearer {key}",
            "X-HTTP-Method-Override": "GET",
            "X-Original-URL": "/health",
        },
    )
    assert answer.status_code == 403


# Headers and cookies.


@pytest.mark.parametrize(
    "header",
    [
        b"Cookie: " + COOKIE.encode() + b"=" + b"a" * 4000,
        b"Cookie: " + COOKIE.encode() + b"=\xff\xfe\x80",
        b"Cookie: " + COOKIE.encode() + b'="; Path=/; ' + b"=;" * 500,
        b"Cookie: " + b"; ".join([COOKIE.encode() + b"=x"] * 200),
        b"Authorization: Bearer " + b"a" * 4000,
        b"Authorization: Bearer \xe4\xff",
        b"Authorization: Basic YTpi",
        b"Authorization: " + b"Bearer " * 300,
        b"Authorization: Bearer a\r\nAuthorization: Bearer b",
        b"Forwarded: for=127.0.0.1\r\nX-Forwarded-For: " + b"1.1.1.1, " * 300,
        b"X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https",
    ],
)
@pytest.mark.parametrize(
    ("path", "statuses"), [(b"/console", {303}), (REQUESTS.encode(), {401})]
)
def test_no_header_opens_a_door_or_breaks_the_service(
    world: IntakeWorld, address: str, header: bytes, path: bytes, statuses: set[int]
) -> None:
    world.receive()
    status, answer = raw(address, get(path, header))
    assert status in statuses
    assert b"evil.example" not in answer
    assert not [word for word in PERSONAL if word in answer]


@pytest.mark.parametrize(
    "head",
    [
        get(b"/console", b"Cookie: " + b"a" * 200_000),
        get(b"/console", *(b"X-%d: y" % number for number in range(20_000))),
        b"GET /console HTTP/1.1\r\nHost: x\r\nnot a header\r\n\r\n",
        b"POST " + REQUESTS.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Content-Length: 6\r\n\r\nabcde",
        b"\x16\x03\x01 this is no HTTP\r\n\r\n",
    ],
)
def test_what_is_no_sensible_http_is_refused_before_anything_is_read(
    address: str, head: bytes
) -> None:
    try:
        status, _ = raw(address, head)
    except ConnectionError:
        status = 400  # the server has hung up while it was still being told
    assert 400 <= status < 500
    assert httpx.get(f"{address}/health").status_code == 200


# Slow clients.


def test_clients_that_never_finish_delay_nobody_else(
    world: IntakeWorld, address: str
) -> None:
    """More of them than there are threads; some stop in a header, some in a body."""
    key = give_key(world.access, Role.OPERATOR)
    begun = get(b"/health")[:-2]
    body = (
        f"POST {REQUESTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    ).encode()
    with ExitStack() as lines:
        for number in range(120):
            line = lines.enter_context(connect(address))
            line.sendall(begun if number % 2 else body)
        answer = httpx.post(
            f"{address}{REQUESTS}",
            json=identifiers("Ottilie"),
            headers={
                "Authorization": "Bearer "
                + give_key(world.access, Role.OPERATOR, name="other")
            },
            timeout=PATIENCE_SECONDS,
        )
        assert answer.status_code == 202
    (request,) = world.store.all()
    assert str(request.request_id) == answer.json()["request_id"]


def test_a_body_without_end_is_cut_off_at_the_limit(
    world: IntakeWorld, address: str
) -> None:
    key = give_key(world.access, Role.OPERATOR)

    def endless() -> Iterator[bytes]:
        for _ in range(MAXIMUM_BODY_BYTES // 10_000 + 2):
            yield b" " * 10_000

    answer = httpx.post(
        f"{address}{REQUESTS}",
        content=endless(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        timeout=PATIENCE_SECONDS,
    )
    assert answer.status_code == 413
    assert world.store.all() == ()


# Floods.


def submit(address: str, key: str, name: str) -> httpx.Response:
    """Submit a request about somebody."""
    return httpx.post(
        f"{address}{REQUESTS}",
        json=identifiers(name),
        headers={"Authorization": f"Bearer {key}"},
        timeout=PATIENCE_SECONDS,
    )


def test_a_flood_for_one_person_is_cut_off_and_another_s_request_goes_on(
    world: IntakeWorld, address: str
) -> None:
    loud = give_key(world.access, Role.OPERATOR, name="loud")
    quiet = give_key(world.access, Role.OPERATOR, name="quiet")
    with ThreadPoolExecutor(CLIENTS) as pool:
        flood = [pool.submit(submit, address, loud, "Ottilie") for _ in range(FLOOD)]
        other = submit(address, quiet, "Quentin")
        answers = [future.result() for future in flood]
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {202, 429}
    assert all(
        "Retry-After" in answer.headers
        for answer in answers
        if answer.status_code == 429
    )
    # Everything that was accepted is kept, and nothing else.
    accepted = {
        answer.json()["request_id"] for answer in answers if answer.status_code == 202
    }
    assert len(accepted) == statuses.count(202) >= SHARE
    kept = {str(request.request_id) for request in world.store.all()}
    assert kept == accepted | {other.json()["request_id"]}
    assert verify_chain(world.store.entries()) > len(kept)
    # The other's request is a request of its own, and nobody works on the flood's.
    theirs = RequestId(UUID(other.json()["request_id"]))
    world.move(theirs, Stage.ACKNOWLEDGED)
    assert world.store.get(theirs).stage is Stage.ACKNOWLEDGED
    assert len(world.store.with_commitments(world.store.get(theirs).commitments)) == 1


def test_status_links_cannot_be_found_by_trying(
    world: IntakeWorld, address: str
) -> None:
    """Neither the request's number nor a neighbour's link is any help."""
    key = world.receive()
    token = StatusLinks(world.desk().pseudonymiser).token(key)
    guesses = [token[:-2] + ending for ending in ("AA", "AB", "zz", "__", "--")]
    guesses += [str(key), str(key).replace("-", ""), token.lower(), f"{token}="]
    guesses = [guess for guess in guesses if guess != token]
    answers = [httpx.get(f"{address}/status/{guess}") for guess in guesses]
    assert {answer.status_code for answer in answers} == {404}
    # An unknown number and a known one without its code are answered alike.
    assert len({answer.text for answer in answers}) == 1
    assert httpx.get(f"{address}/status/{token}").status_code == 200


def test_a_request_that_is_sent_again_is_the_same_request(
    world: IntakeWorld, address: str
) -> None:
    key = give_key(world.access, Role.OPERATOR)
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "replayed"}

    def replay(_number: int) -> httpx.Response:
        return httpx.post(
            f"{address}{REQUESTS}",
            content=json.dumps(identifiers("Ottilie")),
            headers=headers | {"Content-Type": "application/json"},
            timeout=PATIENCE_SECONDS,
        )

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(replay, range(CLIENTS)))
    # Who comes while the first is being taken in is told to come again.
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len(world.store.all()) == 1
    assert replay(0).json()["request_id"] == str(world.store.all()[0].request_id)


# Clocks.


def test_a_clock_that_is_set_back_loses_nothing_and_lets_nobody_in_for_longer(
    world: IntakeWorld,
) -> None:
    doors = world.doors()
    token = doors.sign_in_with_key(give_key(world.access, Role.OPERATOR))
    key = world.receive()
    held = world.leases.acquire(str(key), holder="one", ttl=timedelta(minutes=1))
    world.clock.move(-timedelta(hours=1))
    world.store.advance(key, Stage.ACKNOWLEDGED, {}, lease=held)
    verify_chain(world.store.entries())
    assert not world.leases.is_free(str(key))
    world.clock.move(timedelta(hours=1, minutes=1))
    assert world.leases.is_free(str(key))
    world.clock.move(timedelta(hours=13))
    assert doors.by_session(token) is None
