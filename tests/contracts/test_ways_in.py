"""The same request by every way becomes the same sealed request."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from support.access import give_key
from support.cli import unlearn
from support.drop import People, item, write_list
from support.intake import IntakeWorld
from support.senders import (
    AGENT,
    CONTROLLER,
    DOMAIN,
    EMAIL,
    NAME,
    drp_desk,
    dsr,
    exercise,
    identity,
    opendsr_desk,
    signed,
)
from support.steps import Controller, open_controller

from unlearn_core.adapters.drop_files import Download
from unlearn_core.cli.drop_wiring import DropAccess
from unlearn_core.domain.access import Role
from unlearn_core.domain.drop import FieldNames, standard_email
from unlearn_core.domain.requests import Channel, RequestId, Stage
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.intake.app import create_app
from unlearn_core.intake.links import StatusLinks
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes
from unlearn_core.steps.acknowledge_request import acknowledge_request
from unlearn_core.steps.import_drop import find_request
from unlearn_core.steps.receive_request import receive_request
from unlearn_core.steps.verify_identity import verify_identity

CCPA, GDPR = ("ccpa-7021", "2026-04-16"), ("gdpr-12-3", "2026-04-02")
"""Rule and due date of a request that was received on 2 March 2026."""


@dataclass(frozen=True, kw_only=True)
class Office:
    """An installation in memory with every way in.

    Attributes:
        world: Its stores.
        client: Asks over HTTP.
        folder: Where files are written.
        sources: Sources that lists of DROP are compared with.
    """

    world: IntakeWorld
    client: TestClient
    folder: Path
    sources: list[People] = field(default_factory=list)

    def bearer(self, role: Role, name: str) -> dict[str, str]:
        """Return the header with a key of a role."""
        return {
            "Authorization": f"Bearer {give_key(self.world.access, role, name=name)}"
        }


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What came of a request.

    Attributes:
        key: The request, if there is one.
        said: Everything that the sender was told.
    """

    key: RequestId | None
    said: str


Send = Callable[[Office, str, str], Sent]
"""Sends name and e-mail address, with the same reference every time."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way in.

    Attributes:
        channel: What is recorded about it.
        send: Sends a request.
        clock: Rule and due date.
        has_reference: Whether a sender can name a request.
        says_who: Whether it is recorded who has sent it.
    """

    channel: Channel
    send: Send
    clock: tuple[str, str] = GDPR
    has_reference: bool = True
    says_who: bool = True


def by_command(office: Office, name: str, email: str) -> Sent:
    """Submit from a terminal."""
    del office  # the command finds the same one by itself
    document = json.dumps({"identifiers": {"name": name, "email": email}}).encode()
    ran = unlearn("request", "submit", "--json", stdin=document)
    key = RequestId(UUID(ran.json()["request_id"])) if ran.code == 0 else None
    return Sent(key=key, said=ran.out + ran.err)


def by_table(office: Office, name: str, email: str) -> Sent:
    """Import a table with one line."""
    file = office.folder / "requests.csv"
    file.write_text(f"reference,name,email\nT-1,{name},{email}\n")
    ran = unlearn("request", "import", file, "--apply", "--json")
    rows = ran.json() if ran.code == 0 else []
    key = RequestId(UUID(rows[0]["request_id"])) if rows else None
    return Sent(key=key, said=ran.out + ran.err)


def by_api(office: Office, name: str, email: str) -> Sent:
    """Post a document with an idempotency key."""
    answer = office.client.post(
        "/v1/erasure-requests",
        json={"identifiers": {"name": name, "email": email}},
        headers={"Idempotency-Key": "T-1", **office.bearer(Role.OPERATOR, "shop")},
    )
    key = RequestId(UUID(answer.json()["request_id"])) if answer.is_success else None
    return Sent(key=key, said=answer.text)


def by_form(office: Office, name: str, email: str) -> Sent:
    """Fill in the page."""
    answer = office.client.post("/request", data={"name": name, "email": email})
    where = answer.headers.get("Location", "")
    links = StatusLinks(office.world.desk().pseudonymiser)
    key = links.read(where.removeprefix("/status/")) if where else None
    return Sent(key=key, said=answer.text + where)


def by_agent(office: Office, name: str, email: str) -> Sent:
    """Let an agent ask."""
    answer = office.client.post(
        "/v1/data-rights-request",
        content=signed(exercise(office.world, name=name, email=email)),
        headers=office.bearer(Role.AGENT, AGENT),
    )
    key = RequestId(UUID(answer.json()["request_id"])) if answer.is_success else None
    return Sent(key=key, said=answer.text)


def by_controller(office: Office, name: str, email: str) -> Sent:
    """Let a controller send what its own data subject has asked for."""
    document = dsr(
        subject_identities=[identity(email)],
        extensions={DOMAIN: {"name": name}},
        submitted_time="2026-03-02T09:30:00Z",
    )
    answer = office.client.post(
        "/v2/requests",
        json=document,
        headers=office.bearer(Role.CONTROLLER, CONTROLLER),
    )
    told = answer.json()
    told.pop("encoded_request", None)  # the protocol has the request sent back
    found = office.world.store.all()
    key = found[-1].request_id if answer.is_success else None
    return Sent(key=key, said=json.dumps(told))


def by_platform(office: Office, name: str, email: str) -> Sent:
    """Import a list of DROP whose digest a record of ours has."""
    record = {"name": name, "email": email}
    office.sources.append(People(record))
    lists = office.folder / "lists"
    lists.mkdir(exist_ok=True)
    write_list(lists, [item(1, standard_email(email) or "")])
    ran = unlearn("drop", "import", lists, "--apply", "--json")
    found = find_request("000000000001", desk=office.world.desk())
    return Sent(key=found.request_id if found else None, said=ran.out + ran.err)


WAYS = (
    Way(channel=Channel.CLI, send=by_command, has_reference=False),
    Way(channel=Channel.IMPORT, send=by_table),
    Way(channel=Channel.HTTP, send=by_api),
    Way(channel=Channel.WEB_PAGE, send=by_form, has_reference=False, says_who=False),
    Way(channel=Channel.DRP, send=by_agent, clock=CCPA),
    Way(channel=Channel.OPENDSR, send=by_controller),
    Way(channel=Channel.DROP, send=by_platform, clock=CCPA),
)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    world = IntakeWorld()
    desk = world.desk()
    for module in ("requests", "imports"):
        monkeypatch.setattr(
            f"unlearn_core.cli.{module}.office",
            lambda: SimpleNamespace(desk=lambda: desk),
        )
    service = replace(
        world.service(),
        web=replace(world.web(), desk=desk),
        drp=drp_desk(world),
        opendsr=opendsr_desk(world, tmp_path),
    )
    with TestClient(create_app(service), follow_redirects=False) as client:
        office = Office(world=world, client=client, folder=tmp_path)

        def drop_access(lists: Path) -> DropAccess:
            return DropAccess(
                download=Download(lists),
                sources=tuple(office.sources[-1:]),
                names=FieldNames(),
                desk=desk,
                decisions=world.console().decisions,
            )

        monkeypatch.setattr("unlearn_core.cli.drop.drop_access", drop_access)
        yield office


each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.channel.value)


def test_every_channel_is_a_way_in_of_this_test() -> None:
    assert {way.channel for way in WAYS} == set(Channel)


@each_way
def test_the_same_request_arrives_as_the_same_sealed_request(
    office: Office, way: Way
) -> None:
    key = way.send(office, NAME, EMAIL).key
    assert key is not None
    world, request = office.world, office.world.store.get(key)
    subject = parse_subject({"name": NAME, "email": EMAIL})
    sealed = json.loads(world.custody.get(scopes.working(key), scopes.CONTENT))
    assert sealed == {"name": [NAME], "email": [EMAIL]}
    assert request.commitments == subject.commitments(world.desk().pseudonymiser)
    assert (request.channel, request.stage) == (way.channel, Stage.RECEIVED)
    assert (request.deadline.rule, request.deadline.due_on.isoformat()) == way.clock
    # Nobody has shown any proof, so the policy decides about the same nothing.
    assert world.custody.get(scopes.evidence(key), scopes.CONTENT) == b"null"
    (entry,) = world.store.entries(key, event=Stage.RECEIVED)
    assert entry.payload["channel"] == way.channel.value
    assert entry.payload["identifiers"] == 2
    said = {"submitted_by", "entered_by"} & set(entry.payload)
    assert bool(said) is way.says_who
    assert world.trigger.runs == [(key, 1)]


@each_way
def test_sent_again_it_is_the_same_request_where_it_has_a_name(
    office: Office, way: Way
) -> None:
    first, again = (way.send(office, NAME, EMAIL).key for _ in range(2))
    assert (first == again) is way.has_reference
    assert len(office.world.store.all()) == (1 if way.has_reference else 2)


@each_way
@pytest.mark.parametrize(
    ("name", "email"), [("Ottilie", EMAIL), (NAME, "ottilie"), (NAME, "o" * 300)]
)
def test_bad_input_is_named_and_leaves_no_row(
    office: Office, way: Way, name: str, email: str
) -> None:
    sent = way.send(office, name, email)
    assert sent.key is None
    assert office.world.store.all() == ()
    assert list(office.world.store.entries(event=Stage.RECEIVED)) == []
    assert "Ottilie" not in sent.said
    if way.channel is Channel.DROP:  # our own record is at fault, not what was sent
        assert "incomplete" in sent.said
    elif way.channel is not Channel.WEB_PAGE:  # people read a sentence, not a code
        assert "invalid_identifier" in sent.said or "import_refused" in sent.said


@each_way
def test_nothing_personal_is_logged_or_told(
    office: Office, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        sent = way.send(office, NAME, EMAIL)
        way.send(office, NAME, "ottilie")
    assert "request_received" in caplog.text
    for word in (NAME, EMAIL, "ottilie"):
        assert word not in caplog.text
        assert word not in sent.said


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return open_controller(tmp_path)


@pytest.mark.parametrize("channel", list(Channel))
def test_an_unverified_request_of_any_way_neither_joins_nor_delays_a_verified_one(
    controller: Controller, channel: Channel
) -> None:
    submission = controller.submission(controller.population.trained[0])
    unverified = receive_request(
        replace(submission, evidence=Personal("nothing"), channel=channel),
        desk=controller.desk(),
    ).request_id
    verified = receive_request(submission, desk=controller.desk()).request_id
    bench = controller.bench(verified)
    acknowledge_request(verified, bench=bench)
    assert verify_identity(verified, bench=bench).stage is Stage.IDENTITY_VERIFIED
    bench = controller.bench(unverified)
    acknowledge_request(unverified, bench=bench)
    assert verify_identity(unverified, bench=bench).stage is Stage.REFUSED
