"""From settings to senders, and to a callback that a real server receives."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from fastapi.testclient import TestClient
from support.access import give_key
from support.intake import IntakeWorld
from support.receivers import receiver
from support.senders import (
    AGENT,
    AGENT_KEYS,
    BUSINESS,
    CONTROLLER,
    DOMAIN,
    SUBJECT_REQUEST_ID,
    answer_desk,
    drp_desk,
    dsr,
    exercise,
    opendsr_desk,
    processor,
    signed,
)

from unlearn_core import sender_wiring
from unlearn_core.adapters.callbacks import TO_AGENTS, TO_CONTROLLERS
from unlearn_core.adapters.memory.contact import MemoryNotifier
from unlearn_core.domain.access import Role
from unlearn_core.domain.dispatches import DispatchState
from unlearn_core.domain.drp import Agent
from unlearn_core.domain.opendsr import Controller
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.errors import SettingsError
from unlearn_core.intake.app import create_app
from unlearn_core.intake_settings import (
    DrpAgent,
    DrpSettings,
    OpenDsrController,
    OpenDsrSettings,
)
from unlearn_core.privacy import Personal
from unlearn_core.settings import Settings
from unlearn_core.steps import scopes
from unlearn_core.steps.deliver_messages import PostRoom, deliver_messages


def settings(folder: Path, *roots: str) -> Settings:
    files = processor(folder)
    key = AGENT_KEYS[AGENT].public_key().public_bytes_raw()
    agent = DrpAgent(verify_key=base64.b64encode(key).decode(), callbacks=roots)
    return Settings(
        drp=DrpSettings(business=BUSINESS, agents={AGENT: agent}),
        opendsr=OpenDsrSettings(
            domain=DOMAIN,
            key=files.key,
            certificate=files.certificate,
            controllers={CONTROLLER: OpenDsrController(callbacks=roots)},
        ),
    )


def test_senders_of_the_settings_are_served(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "https://a.example/")
    assert sender_wiring.callback_routes(chosen) == (TO_AGENTS, TO_CONTROLLERS)
    assert sender_wiring.agents(chosen)[AGENT].callbacks == ("https://a.example/",)
    assert not sender_wiring.controllers(chosen)[CONTROLLER].signs
    assert b"BEGIN CERTIFICATE" in sender_wiring.processor_key(chosen).certificate


def test_without_settings_nobody_is_served() -> None:
    world = IntakeWorld()
    assert sender_wiring.callback_routes(Settings()) == ()
    assert sender_wiring.callback_carriers(Settings(), answer_desk(world)) == ()


def test_an_address_without_tls_is_a_wrong_setting(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "http://shop.example/")
    with pytest.raises(SettingsError) as caught:
        sender_wiring.callback_carriers(chosen, answer_desk(IntakeWorld()))
    assert caught.value.facts == {"variable": "UNLEARN_DRP__AGENTS"}


def refuse(world: IntakeWorld, key: RequestId) -> None:
    """Let a request end as refused, as a worker does, and tell its sender."""
    contact = json.loads(world.custody.get(scopes.contact(key), scopes.CONTENT))
    world.move(key, Stage.ACKNOWLEDGED)
    world.move(key, Stage.REFUSED, outcome=Outcome.REFUSED)
    world.move(key, Stage.PURGED)
    assert world.notifier.notify(
        world.store.get(key), template="refused", contact=Personal(contact)
    )
    world.move(key, Stage.NOTIFIED)


def test_senders_are_told_at_their_own_address_and_it_is_then_forgotten(
    tmp_path: Path,
) -> None:
    world = IntakeWorld()
    with receiver(200) as (root, came):
        chosen = settings(tmp_path, root)
        world.notifier = MemoryNotifier(
            clock=world.clock, routes=sender_wiring.callback_routes(chosen)
        )
        keys = send_both(world, tmp_path, root)
        for key in keys:
            refuse(world, key)
        room = PostRoom(
            holder="intake",
            carriers=sender_wiring.callback_carriers(chosen, answer_desk(world)),
            outbox=world.notifier,
            requests=world.store,
            ledger=world.store,
            leases=world.leases,
            custody=world.custody,
            clock=world.clock,
        )
        tried = deliver_messages(room)
    assert [dispatch.state for dispatch in tried] == [DispatchState.SENT] * 2
    (_, to_agent), (headers, to_controller) = came
    told = json.loads(to_agent)
    assert (told["status"], told["reason"]) == ("denied", "insuf_verification")
    assert told["agent_request_id"] == "r-1"
    told = json.loads(to_controller)
    assert told["controller_id"] == CONTROLLER
    assert told["subject_request_id"] == SUBJECT_REQUEST_ID
    assert told["status_callback_url"] == f"{root}/controller"
    assert told["request_status"] == "cancelled"
    check(headers, to_controller, sender_wiring.processor_key(chosen).certificate)
    assert not any(
        world.custody.has(scopes.contact(key), name)
        for key in keys
        for name in (scopes.CONTENT, scopes.REFERENCE)
    )


def send_both(world: IntakeWorld, folder: Path, root: str) -> list[RequestId]:
    """Send a request of an agent and one of a controller."""
    drp = replace(
        drp_desk(world), agents={AGENT: Agent(agent_id=AGENT, callbacks=(root,))}
    )
    opendsr = replace(
        opendsr_desk(world, folder),
        controllers={
            CONTROLLER: Controller(controller_id=CONTROLLER, callbacks=(root,))
        },
    )
    service = replace(world.service(), drp=drp, opendsr=opendsr)
    agent = give_key(world.access, Role.AGENT, name=AGENT)
    controller = give_key(world.access, Role.CONTROLLER, name=CONTROLLER)
    with TestClient(create_app(service)) as client:
        message = exercise(world, status_callback=f"{root}/agent")
        answer = client.post(
            "/v1/data-rights-request",
            content=signed(message),
            headers={"Authorization": f"Bearer {agent}"},
        )
        first = RequestId(UUID(answer.json()["request_id"]))
        document = dsr(status_callback_urls=[f"{root}/controller"])
        client.post(
            "/v2/requests",
            json=document,
            headers={"Authorization": f"Bearer {controller}"},
        )
    (second,) = {request.request_id for request in world.store.all()} - {first}
    return [first, second]


def check(headers: dict[str, str], body: bytes, certificate: bytes) -> None:
    """Verify a callback as a controller does."""
    named = {name.lower(): value for name, value in headers.items()}
    assert named["x-opendsr-processor-domain"] == DOMAIN
    public = x509.load_pem_x509_certificate(certificate).public_key()
    assert isinstance(public, RSAPublicKey)
    public.verify(
        base64.b64decode(named["x-opendsr-signature"]),
        body,
        padding.PKCS1v15(),
        hashes.SHA256(),
    )
