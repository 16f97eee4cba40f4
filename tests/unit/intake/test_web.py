import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.domain import request_id
from support.intake import IntakeWorld
from support.renewals import note_certificate

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.codes import Proof
from unlearn_core.domain.deadlines import ExtensionReason
from unlearn_core.domain.decisions import (
    COMPLAINT,
    ERASURE_ANNOUNCED,
    JUDICIAL_REMEDY,
    REFUSALS,
    RefusalReason,
)
from unlearn_core.domain.requests import Channel, Outcome, RequestId, Stage
from unlearn_core.intake.app import create_app
from unlearn_core.intake.links import StatusLinks
from unlearn_core.intake.texts import ENGLISH
from unlearn_core.steps import scopes

NAME, EMAIL, TOKEN = "Ottilie Quastenflosser", "ottilie@fins.example", "my-evidence"
FILLED = {"name": NAME, "email": EMAIL, "phone": "", "identity_token": TOKEN}


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


@pytest.fixture
def client(world: IntakeWorld) -> Iterator[TestClient]:
    service = replace(
        world.service(api_key="for programs only"),
        web=world.web(authority="the Authority of Ulm"),
    )
    with TestClient(create_app(service), follow_redirects=False) as client:
        yield client


def send(client: TestClient, **changes: str) -> Any:  # noqa: ANN401 - an answer
    return client.post("/request", data=FILLED | changes)


def assert_impersonal(answer: Any) -> None:  # noqa: ANN401 - an answer
    shown = answer.text + str(answer.headers)
    assert not [word for word in ("Ottilie", "ottilie", TOKEN) if word in shown]


def test_a_form_that_was_sent_leads_to_a_status_page_that_names_nobody(
    world: IntakeWorld, client: TestClient
) -> None:
    sent = send(client)
    assert (sent.status_code, sent.text) == (303, "")
    assert_impersonal(sent)
    shown = client.get(sent.headers["Location"])
    assert shown.status_code == 200
    assert "Received" in shown.text
    assert "2026-04-02" in shown.text
    assert_impersonal(shown)
    (request,) = world.store.all()
    assert request.channel is Channel.WEB_PAGE
    scope = scopes.working(request.request_id)
    sealed = json.loads(world.custody.get(scope, scopes.CONTENT))
    assert sealed == {"name": [NAME], "email": [EMAIL]}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Ottilie"}, "name"),
        ({"email": ""}, "email"),
        ({"email": "ottilie"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"phone": "1" * 300}, "phone"),
        ({"customer_number": "!"}, "customer_number"),
        ({"identity_token": TOKEN * 500}, "identity_token"),
        ({"ottilie": "ottilie"}, "name"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_repeated_or_kept(
    world: IntakeWorld, client: TestClient, changes: dict[str, str], field: str
) -> None:
    answer = send(client, **changes)
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert f'id="{field}-problem"' in answer.text
    assert_impersonal(answer)
    assert world.store.all() == ()


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"\xff", 403), (b"a=1&" * 100, 403), (b"name=%ff", 403)],
)
def test_what_is_no_form_is_refused(
    client: TestClient, body: bytes, status: int
) -> None:
    assert client.post("/request", content=body).status_code == status


def test_other_sites_cannot_send_the_form(
    world: IntakeWorld, client: TestClient
) -> None:
    for foreign in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://elsewhere.example"},
    ):
        answer = client.post("/request", data=FILLED, headers=foreign)
        assert answer.status_code == 403
        assert 'href="/request"' in answer.text
        assert_impersonal(answer)
    assert world.store.all() == ()


@pytest.mark.parametrize("path", ["/request", "/status/unknown", "/style.css"])
def test_every_page_is_strict_about_what_may_run_and_be_kept(
    client: TestClient, path: str
) -> None:
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "<script" not in answer.text
    assert "set-cookie" not in answer.headers


def test_only_the_whole_link_opens_a_status_page(
    world: IntakeWorld, client: TestClient
) -> None:
    location = send(client).headers["Location"]
    (request,) = world.store.all()
    unknown = StatusLinks(world.desk().pseudonymiser).token(request_id(9))
    for wrong in (location[:-1], f"/status/{request.request_id}", f"/status/{unknown}"):
        assert client.get(wrong).status_code == 404


@pytest.mark.parametrize(
    ("stages", "headline"),
    [
        ([(Stage.ACKNOWLEDGED, {}, None)], "In progress"),
        ([(Stage.WITHDRAWN, {"on": "2026-03-03"}, Outcome.WITHDRAWN)], "Withdrawn"),
        (
            [
                (
                    Stage.DECLINED,
                    {"reason": "legal_claims", "on": "2026-03-03"},
                    Outcome.REFUSED,
                )
            ],
            "Art. 17(3)(e)",
        ),
        (
            [
                (Stage.ACKNOWLEDGED, {}, None),
                (Stage.REFUSED, {"reason": "expired"}, Outcome.REFUSED),
            ],
            "the Authority of Ulm",
        ),
        (
            [
                (Stage.ACKNOWLEDGED, {}, None),
                (Stage.IDENTITY_VERIFIED, {}, None),
                (Stage.ON_HOLD, {"reason": "objection", "on": "2026-03-03"}, None),
            ],
            "On hold",
        ),
    ],
)
def test_the_status_page_tells_how_it_stands(
    world: IntakeWorld,
    client: TestClient,
    stages: list[tuple[Stage, dict[str, str], Outcome | None]],
    headline: str,
) -> None:
    location = send(client).headers["Location"]
    (request,) = world.store.all()
    lease = world.leases.acquire(
        str(request.request_id), holder="w", ttl=timedelta(minutes=1)
    )
    for stage, payload, outcome in stages:
        world.store.advance(
            request.request_id, stage, payload, lease=lease, outcome=outcome
        )
    assert headline in client.get(location).text


@pytest.mark.parametrize("outcome", list(Outcome))
def test_who_got_less_than_asked_for_reads_how_to_complain(
    world: IntakeWorld, client: TestClient, outcome: Outcome
) -> None:
    location = send(client).headers["Location"]
    (request,) = world.store.all()
    world.move(request.request_id, Stage.ACKNOWLEDGED)
    world.move(request.request_id, Stage.REFUSED, {"reason": "expired"}, outcome)
    is_told = "the Authority of Ulm" in client.get(location).text
    assert is_told == (outcome in {"partial", "exempt", "refused", "failed"})


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "legal claims (Art. 17(3)(e) GDPR)"),
        ("de", "Rechtsansprüche (Art. 17(3)(e) GDPR)"),
    ],
)
def test_the_status_page_tells_what_stays_and_on_which_ground(
    world: IntakeWorld, client: TestClient, language: str, said: str
) -> None:
    location = send(client).headers["Location"]
    (request,) = world.store.all()
    world.move(request.request_id, Stage.ACKNOWLEDGED)
    world.move(request.request_id, Stage.IDENTITY_VERIFIED)
    world.move(request.request_id, Stage.LOCATED)
    staying: dict[str, JsonValue] = {"tickets": {"legal_claims": 3}}
    world.move(request.request_id, Stage.SOURCES_ERASED, {"staying": staying})
    in_language = {"Accept-Language": language}
    assert said not in client.get(location, headers=in_language).text
    world.move(request.request_id, Stage.DATASETS_BUILT)
    world.move(request.request_id, Stage.ESCALATED)
    world.move(request.request_id, Stage.GIVEN_UP, {}, Outcome.FAILED)
    page = client.get(location, headers=in_language).text
    assert "tickets: 3 " in page
    assert said in page
    assert "Art. 77" in page
    assert "the Authority of Ulm" in page


@pytest.mark.parametrize("reason", list(ExtensionReason))
def test_the_status_page_tells_why_it_takes_longer(
    world: IntakeWorld, client: TestClient, reason: ExtensionReason
) -> None:
    location = send(client).headers["Location"]
    (request,) = world.store.all()
    assert "more time" not in client.get(location).text
    world.store.note(
        "deadline_extended", {"reason": reason.value}, request_id=request.request_id
    )
    assert ENGLISH.extensions[reason] in client.get(location).text


def test_the_status_page_tells_how_a_restriction_stands(
    world: IntakeWorld, client: TestClient
) -> None:
    location = send(client).headers["Location"]
    (request,) = world.store.all()
    assert "Restricted use" not in client.get(location).text
    for event, words in ENGLISH.restrictions.items():
        world.store.note(event, {}, request_id=request.request_id)
        assert f"<dt>Restricted use</dt><dd>{words}</dd>" in client.get(location).text


def test_the_status_page_tells_how_the_certificate_stands(
    world: IntakeWorld, client: TestClient
) -> None:
    location = send(client).headers["Location"]
    (request,) = world.store.all()
    assert "Certificate" not in client.get(location).text
    until = world.clock.now() + timedelta(days=90)
    note_certificate(world.store, request.request_id, expires_at=until)
    assert "Valid until 2026-05-31" in client.get(location).text
    world.clock.move(timedelta(days=91))
    assert "Expired on 2026-05-31" in client.get(location).text


def test_without_the_setting_there_are_no_pages(world: IntakeWorld) -> None:
    with TestClient(create_app(world.service())) as client:
        assert client.get("/request").status_code == 404


def test_a_subject_proves_with_the_code_on_the_status_page_without_scripts(
    world: IntakeWorld, client: TestClient
) -> None:
    key = world.ask_for_code()
    place = f"/status/{StatusLinks(world.desk().pseudonymiser).token(key)}"
    shown = client.get(place).text
    assert f'action="{place}/code"' in shown
    assert 'autocomplete="one-time-code"' in shown
    sealed = world.custody.get(scopes.evidence(key), scopes.CODE)
    code = json.loads(sealed)["code"]

    wrong = client.post(f"{place}/code", data={"code": f"{int(code) ^ 1:08d}"})
    assert wrong.status_code == 422
    assert "not the code that we sent last" in wrong.text
    assert code not in wrong.text + shown
    for foreign in ({"Origin": "https://elsewhere.example"},):
        answer = client.post(f"{place}/code", data={"code": code}, headers=foreign)
        assert answer.status_code == 403
        assert f'href="{place}"' in answer.text

    sent = client.post(f"{place}/code", data={"code": f"{code[:4]} {code[4:]}"})
    assert (sent.status_code, sent.headers["Location"]) == (303, place)
    assert world.store.get(key).stage is Stage.PROOF_GIVEN
    assert "one-time-code" not in client.get(place).text
    assert "No code is needed" not in client.get(place).text


def test_a_subject_may_ask_for_three_codes(
    world: IntakeWorld, client: TestClient
) -> None:
    key = world.ask_for_code()
    place = f"/status/{StatusLinks(world.desk().pseudonymiser).token(key)}"
    for status in (303, 303, 422):
        assert client.post(f"{place}/new-code").status_code == status
    assert f'action="{place}/new-code"' not in client.get(place).text
    assert client.post("/status/unknown/code").status_code == 404


@pytest.mark.parametrize(
    ("asks_for", "said", "has_field"),
    [
        (Proof.WITH_REQUEST, "Identity token", True),
        (Proof.CODE, "a code of eight digits", False),
        (Proof.OFFICER, "Somebody in our office checks", False),
    ],
)
def test_the_form_asks_for_the_proof_that_counts(
    world: IntakeWorld, asks_for: Proof, said: str, *, has_field: bool
) -> None:
    web = world.web(asks_for=asks_for)
    with TestClient(create_app(replace(world.service(), web=web))) as client:
        for form in (client.get("/request"), client.post("/request", data={})):
            assert said in form.text
            assert ('name="identity_token"' in form.text) is has_field


# Changing one's mind.


def place_of(world: IntakeWorld, key: RequestId) -> str:
    return f"/status/{StatusLinks(world.desk().pseudonymiser).token(key)}"


def cool(world: IntakeWorld) -> RequestId:
    """Return a request that can be cancelled until one hour from now."""
    key = world.receive()
    for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED, Stage.LOCATED):
        world.move(key, stage)
    until = world.clock.now() + timedelta(hours=1)
    world.move(key, Stage.COOLING_OFF, {"until": until.isoformat()})
    return key


def test_the_page_says_until_when_and_takes_the_subjects_word(
    world: IntakeWorld, client: TestClient
) -> None:
    key = cool(world)
    place = place_of(world, key)
    shown = client.get(place).text
    assert "You can cancel the request until 2026-03-02 11:30 CET." in shown
    assert client.post(f"{place}/cancel", data={"a": "b"}).status_code == 409
    assert world.store.get(key).stage is Stage.COOLING_OFF
    world.clock.move(timedelta(minutes=60) - timedelta(microseconds=1))

    sent = client.post(f"{place}/cancel", data={"confirmed": "yes"})

    assert (sent.status_code, sent.headers["Location"]) == (303, place)
    request = world.store.get(key)
    assert (request.stage, request.outcome) == (Stage.WITHDRAWN, Outcome.WITHDRAWN)
    (entry,) = world.store.entries(key, event=Stage.WITHDRAWN)
    assert entry.payload["who"] == "subject"
    shown = client.get(place).text
    assert "Withdrawn" in shown
    assert f"{place}/cancel" not in shown


def test_from_the_stated_moment_on_the_subject_cannot_cancel(
    world: IntakeWorld, client: TestClient
) -> None:
    key = cool(world)
    place = place_of(world, key)
    world.clock.move(timedelta(hours=1))
    assert f"{place}/cancel" not in client.get(place).text
    answer = client.post(f"{place}/cancel", data={"confirmed": "yes"})
    assert answer.status_code == 409
    assert "It is too late: the request cannot be cancelled." in answer.text
    assert world.store.get(key).stage is Stage.COOLING_OFF


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([], "as long as nothing was erased"),
        (
            [(Stage.ACKNOWLEDGED, {"cancel_until": "2026-03-05T09:30:00Z"})],
            "until 2026-03-05 10:30 CET at least",
        ),
        (
            [(Stage.ACKNOWLEDGED, {"cancel_until": "2026-03-02T09:30:00Z"})],
            "as long as nothing was erased",
        ),
    ],
)
def test_before_the_moment_is_fixed_the_page_says_what_was_promised(
    world: IntakeWorld,
    client: TestClient,
    stages: list[tuple[Stage, dict[str, JsonValue]]],
    said: str,
) -> None:
    key = world.receive()
    for stage, payload in stages:
        world.move(key, stage, payload)
    assert said in client.get(place_of(world, key)).text


def test_what_is_erased_already_cannot_be_cancelled(
    world: IntakeWorld, client: TestClient
) -> None:
    key = world.receive()
    for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED, Stage.LOCATED):
        world.move(key, stage)
    world.store.note(ERASURE_ANNOUNCED, {}, request_id=key)
    answer = client.post(f"{place_of(world, key)}/cancel", data={"confirmed": "yes"})
    assert "your data is being erased" in answer.text
    world.move(key, Stage.SOURCES_ERASED)
    world.move(key, Stage.DATASETS_BUILT)
    answer = client.post(f"{place_of(world, key)}/cancel", data={"confirmed": "yes"})
    assert answer.status_code == 409
    assert client.post("/status/unknown/cancel").status_code == 404


def test_a_ground_can_be_claimed_and_no_other_is_taken(
    world: IntakeWorld, client: TestClient
) -> None:
    assert 'value="consent_withdrawn"' in client.get("/request").text
    wrong = send(client, ground="because")
    assert wrong.status_code == 422
    assert 'id="ground-problem"' in wrong.text
    assert "because" not in wrong.text
    assert world.store.all() == ()
    assert send(client, ground="consent_withdrawn").status_code == 303
    (entry,) = world.store.entries(event="received")
    assert entry.payload["ground"] == "consent_withdrawn"


@pytest.mark.parametrize("reason", RefusalReason)
def test_no_refusal_lacks_its_reason_the_complaint_and_the_court(
    world: IntakeWorld, client: TestClient, reason: RefusalReason
) -> None:
    key = world.receive()
    said = {"reason": reason.value, "on": "2026-03-03"}
    world.move(key, Stage.DECLINED, said, Outcome.REFUSED)
    shown = unescape(client.get(place_of(world, key)).text)
    for text in (REFUSALS[reason], COMPLAINT, JUDICIAL_REMEDY):
        assert text in shown


@pytest.mark.parametrize("stage", [Stage.REFUSED, Stage.JOINED])
def test_who_is_refused_without_officers_reads_how_to_complain_too(
    world: IntakeWorld, client: TestClient, stage: Stage
) -> None:
    key = world.receive()
    world.move(key, Stage.ACKNOWLEDGED)
    world.move(key, stage, {"reason": "no_evidence"}, Outcome.REFUSED)
    shown = unescape(client.get(place_of(world, key)).text)
    assert COMPLAINT in shown
    assert JUDICIAL_REMEDY in shown
