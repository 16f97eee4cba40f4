"""Those who send requests for somebody else: agents and controllers."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.certificates import Issued, issue
from support.intake import IntakeWorld

from unlearn_core.adapters.opendsr import ControllerCertificates, ProcessorKey
from unlearn_core.adapters.signed_messages import AgentKeys, sign_message
from unlearn_core.domain.drp import Agent
from unlearn_core.domain.opendsr import Controller
from unlearn_core.domain.requests import RequestId
from unlearn_core.intake.drp import DrpDesk
from unlearn_core.intake.opendsr import OpenDsrDesk
from unlearn_core.steps.answer_senders import AnswerDesk
from unlearn_core.steps.pair_agent import PairingDesk

AGENT = "AGENT_ONE"
OTHER_AGENT = "AGENT_TWO"
BUSINESS = "UNLEARN"
CALLBACKS = "https://agent.example/callbacks"
CONTROLLER, SIGNING_CONTROLLER = "shop", "bank"
DOMAIN = "opendsr.unlearn.example"
CONTROLLER_CALLBACKS = "https://shop.example/opendsr"
SUBJECT_REQUEST_ID = "a7551968-d5d6-44b2-9831-815ac9017798"
NAME, EMAIL, PHONE = "Ottilie Quastenflosser", "ottilie@fins.example", "+49301234567"

AGENT_KEYS = {
    agent: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    for number, agent in enumerate((AGENT, OTHER_AGENT), start=1)
}


def answer_desk(world: IntakeWorld) -> AnswerDesk:
    """Return what says where requests stand."""

    def link(request_id: RequestId) -> str | None:
        return f"https://here/status/{request_id}"

    desk = world.desk()
    return AnswerDesk(
        ledger=world.store,
        clock=world.clock,
        timezone=desk.timezone,
        is_holiday=desk.is_holiday,
        link=link,
    )


def drp_desk(world: IntakeWorld) -> DrpDesk:
    """Return the desk at which two agents are served."""
    keys = {
        agent: base64.b64encode(key.public_key().public_bytes_raw()).decode()
        for agent, key in AGENT_KEYS.items()
    }
    return DrpDesk(
        business=BUSINESS,
        agents={
            agent: Agent(agent_id=agent, callbacks=(CALLBACKS,)) for agent in AGENT_KEYS
        },
        messages=AgentKeys(keys),
        desk=world.desk(),
        pairing=PairingDesk(
            access=world.access,
            ledger=world.store,
            leases=world.leases,
            clock=world.clock,
        ),
        decisions=world.console().decisions,
        answers=answer_desk(world),
    )


def opendsr_desk(world: IntakeWorld, folder: Path) -> OpenDsrDesk:
    """Return the desk at which two controllers are served; one of them signs."""
    ours, theirs = processor(folder), controller(folder)
    return OpenDsrDesk(
        domain=DOMAIN,
        key=ProcessorKey(domain=DOMAIN, key=ours.key, certificate=ours.certificate),
        controllers={
            name: Controller(
                controller_id=name, callbacks=(CONTROLLER_CALLBACKS,), signs=signs
            )
            for name, signs in ((CONTROLLER, False), (SIGNING_CONTROLLER, True))
        },
        certificates=ControllerCertificates({SIGNING_CONTROLLER: theirs.certificate}),
        desk=world.desk(),
        decisions=world.console().decisions,
        answers=answer_desk(world),
    )


def processor(folder: Path) -> Issued:
    """Return the processor's key and certificate."""
    return issue(folder, DOMAIN, number=1)


def controller(folder: Path) -> Issued:
    """Return key and certificate of the controller that signs."""
    return issue(folder, "bank.example", number=2)


def dsr(**more: object) -> dict[str, object]:
    """Return what a controller sends, and more."""
    return {
        "regulation": "gdpr",
        "subject_request_id": SUBJECT_REQUEST_ID,
        "subject_request_type": "erasure",
        "submitted_time": "2026-03-02T09:00:00Z",
        "subject_identities": [identity(EMAIL)],
        "api_version": "2.0",
        "extensions": {DOMAIN: {"name": NAME}},
        **more,
    }


def identity(
    value: object, kind: str = "email", encoding: str = "raw"
) -> dict[str, object]:
    """Return an identity as the protocol has it."""
    return {
        "identity_type": kind,
        "identity_value": value,
        "identity_format": encoding,
    }


def claims(world: IntakeWorld, **more: object) -> dict[str, object]:
    """Return what every message says, and more."""
    now = world.clock.now()
    return {
        "agent-id": AGENT,
        "business-id": BUSINESS,
        "issued-at": now.isoformat(),
        "expires-at": (now + timedelta(minutes=10)).isoformat(),
        "drp.version": "1.0",
        **more,
    }


def exercise(world: IntakeWorld, **more: object) -> dict[str, object]:
    """Return a request for deletion, and more."""
    asked: dict[str, object] = {
        "exercise": "deletion",
        "regime": "ccpa",
        "agent-request-id": "r-1",
        "name": NAME,
        "email": EMAIL,
        "email_verified": True,
    }
    return claims(world, **{**asked, **more})


def signed(document: Mapping[str, object], *, agent: str = AGENT) -> bytes:
    """Sign a document as an agent does."""
    return sign_message(json.dumps(document).encode(), private_key=AGENT_KEYS[agent])
