import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from support.intake import IntakeWorld
from support.mailbox import open_mailbox

from unlearn_core.adapters.mail import EMAIL, MailServer, SmtpCarrier
from unlearn_core.adapters.memory.contact import MemoryNotifier
from unlearn_core.domain.dispatches import DispatchState
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import UnlearnError
from unlearn_core.http_errors import ApiKeyError, ForbiddenError, RateLimitedError
from unlearn_core.intake.app import create_app
from unlearn_core.intake.gate import Unlimited
from unlearn_core.intake.languages import TEXTS
from unlearn_core.intake.links import StatusLinks
from unlearn_core.intake.rendering import PAGES
from unlearn_core.intake.texts import ENGLISH
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes
from unlearn_core.steps.deliver_messages import PostRoom, deliver_messages
from unlearn_core.steps.prove_identity import send_code
from unlearn_core.steps.receive_request import subjects_language

FOR_SUBJECTS = ("base.html", "form.html", "status.html", "missing.html", "refused.html")


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


@pytest.fixture
def client(world: IntakeWorld) -> Iterator[TestClient]:
    service = replace(world.service(), web=world.web(authority=None))
    app = create_app(service)
    with TestClient(app, base_url="https://testserver") as client:
        yield client


@pytest.fixture
def status(world: IntakeWorld) -> str:
    """Return the path of the page of a request that is on hold."""
    key = world.receive()
    for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED):
        world.move(key, stage)
    held = {"reason": "objection", "on": "2026-03-02", "officer": "Olga"}
    world.move(key, Stage.ON_HOLD, held)
    return f"/status/{StatusLinks(world.desk().pseudonymiser).token(key)}"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de-AT,en;q=0.8", "de"), ("fr,de;q=0.5", "de"), ("en", "en"), ("fr", "en")],
)
def test_a_page_speaks_what_the_browser_prefers(
    client: TestClient, accepted: str, language: str
) -> None:
    shown = client.get("/request", headers={"Accept-Language": accepted})
    assert f'<html lang="{language}">' in shown.text
    assert shown.headers["Content-Language"] == language
    assert TEXTS[language].page["form_title"] in shown.text
    assert "set-cookie" not in shown.headers


def test_a_choice_is_kept_and_the_cookie_holds_nothing_else(
    client: TestClient, status: str
) -> None:
    chosen = client.get("/request?language=de")
    cookie = chosen.headers["set-cookie"]
    assert cookie.startswith("__Host-unlearn-language=de;")
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    for path in (status, "/request", "/status/unknown"):
        assert '<html lang="de">' in client.get(path).text, path


def test_the_status_page_leads_to_itself_in_the_other_language(
    client: TestClient, status: str
) -> None:
    shown = client.get(status, headers={"Accept-Language": "de"})
    assert "Angehalten" in shown.text
    assert "02.03.2026" in shown.text
    assert f'href="{status}?language=en" hreflang="en" lang="en">English' in shown.text
    assert "On hold" in client.get(f"{status}?language=en").text


@pytest.mark.parametrize(("language", "said"), [("de", "Vor- und"), ("en", "first")])
def test_a_refused_form_says_why_in_the_same_language(
    client: TestClient, language: str, said: str
) -> None:
    answer = client.post(
        "/request",
        data={"name": "", "email": "a@b.example"},
        headers={"Accept-Language": language},
    )
    assert answer.status_code == 422
    assert said in answer.text
    assert f'<html lang="{language}">' in answer.text


def test_what_is_not_ours_is_refused_in_german_too(client: TestClient) -> None:
    headers = {"Accept-Language": "de", "Sec-Fetch-Site": "cross-site"}
    answer = client.post("/request", data={"name": "x"}, headers=headers)
    assert answer.status_code == 403
    assert "Das ist nicht möglich" in answer.text
    assert TEXTS["de"].gate["the form is not from here"] in answer.text
    assert ForbiddenError.summary not in answer.text


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (RateLimitedError(retry_seconds=7), "rate_limited"),
        (ForbiddenError(problem="not a form"), "not a form"),
        (ForbiddenError(problem="the role is missing"), "the role is missing"),
        (ForbiddenError(problem="nobody has decided who may"), "other"),
        (ApiKeyError(), "other"),
    ],
)
def test_why_the_gate_refuses_is_said_in_the_language_of_the_page(
    error: UnlearnError, word: str
) -> None:
    for texts in TEXTS.values():
        assert texts.why_refused(error) == texts.gate[word]


def test_whoever_sends_too_many_forms_reads_in_german_to_wait(
    world: IntakeWorld,
) -> None:
    service = replace(
        world.service(), web=world.web(), limits=Unlimited(forms_per_minute=1)
    )
    with TestClient(create_app(service), base_url="https://testserver") as client:
        headers = {"Accept-Language": "de"}
        answers = [
            client.post("/request", data={"name": "x"}, headers=headers)
            for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [422, 429]
    assert "Warten Sie eine Minute" in answers[1].text
    assert int(answers[1].headers["Retry-After"]) > 0


FILLED = {"name": "Ottilie Quastenflosser", "email": "ottilie@fins.example"}


def carry_all(world: IntakeWorld, mail: SmtpCarrier) -> None:
    room = PostRoom(
        holder="intake-1",
        carriers=(mail,),
        outbox=world.notifier,
        requests=world.store,
        ledger=world.store,
        leases=world.leases,
        custody=world.custody,
        clock=world.clock,
    )
    delivered = deliver_messages(room)
    assert {dispatch.state for dispatch in delivered} == {DispatchState.SENT}


def test_mail_is_in_the_language_in_which_somebody_asked(
    world: IntakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.notifier = MemoryNotifier(clock=world.clock, routes=(EMAIL,))
    with (
        caplog.at_level(logging.DEBUG),
        TestClient(
            create_app(replace(world.service(), web=world.web())),
            base_url="https://testserver",
        ) as client,
        open_mailbox() as (mailbox, port),
    ):
        for language in ("de", "en"):
            headers = {"Accept-Language": language}
            filled = FILLED | {"email": f"form-{language}@fins.example"}
            client.post("/request", data=filled, headers=headers)
        statuses = []
        for said in ("de", None, "fr"):
            filled = FILLED | {"email": f"api-{said}@fins.example"}
            asked = {"identifiers": filled, "language": said}
            statuses.append(client.post("/v1/erasure-requests", json=asked).status_code)
        for request in world.store.all():
            lease = world.leases.acquire("r", holder="w", ttl=timedelta(minutes=1))
            assert send_code(request.request_id, lease=lease, desk=world.proof())
            world.leases.release(lease)
        server = MailServer(host="127.0.0.1", port=port, encrypts=False)
        sender = "privacy@unlearn.example"
        carry_all(world, SmtpCarrier(server=server, sender=sender, language="en"))
    assert statuses == [202, 202, 400]
    mails = dict(mailbox.taken)
    assert {to: str(mail["Content-Language"]) for to, mail in mails.items()} == {
        "form-de@fins.example": "de",
        "form-en@fins.example": "en",
        "api-de@fins.example": "de",
        "api-None@fins.example": "en",
    }
    shown = mails["form-de@fins.example"].get_content()
    assert "Er gilt eine halbe Stunde" in shown
    recorded = [
        entry.payload
        for request in world.store.all()
        for entry in world.store.entries(request.request_id)
    ]
    assert recorded
    assert not [payload for payload in recorded if {"de", "en"} & {*payload.values()}]
    logged = [vars(item) for item in caplog.records if item.name.startswith("unlearn")]
    assert logged
    assert "language" not in str(logged) + str(recorded)


def test_the_language_is_forgotten_with_the_address(world: IntakeWorld) -> None:
    service = replace(world.service(), web=world.web())
    with TestClient(create_app(service), base_url="https://testserver") as client:
        client.post("/request", data=FILLED, headers={"Accept-Language": "de"})
    (key,) = (request.request_id for request in world.store.all())
    assert subjects_language(key, custody=world.custody) == Personal("de")
    world.custody.shred(scopes.contact(key))
    assert subjects_language(key, custody=world.custody) is None


def test_every_word_that_a_page_names_exists_and_is_used() -> None:
    named = {
        word
        for name in FOR_SUBJECTS
        for word in re.findall(r"\bt\.(\w+)", (PAGES / name).read_text())
    }
    assert named | {"why", "what_you_can_do", "asked"} == set(ENGLISH.page)
