"""From settings to who sends requests for somebody else, and how they are answered."""

import json
from collections.abc import Mapping

from unlearn_core.adapters.callbacks import (
    TO_AGENTS,
    TO_CONTROLLERS,
    CallbackCarrier,
)
from unlearn_core.adapters.opendsr import ControllerCertificates, ProcessorKey
from unlearn_core.adapters.signed_messages import AgentKeys
from unlearn_core.domain.callbacks import is_allowable
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.dispatches import MessageRefusedError, Route
from unlearn_core.domain.drp import Agent
from unlearn_core.domain.opendsr import Controller
from unlearn_core.errors import SettingsError
from unlearn_core.ports import Message
from unlearn_core.settings import Settings
from unlearn_core.steps.answer_senders import (
    AnswerDesk,
    drp_status,
    opendsr_status,
    sender_of,
)

DOMAIN_HEADER = "X-OpenDSR-Processor-Domain"
SIGNATURE_HEADER = "X-OpenDSR-Signature"


def callback_routes(settings: Settings) -> tuple[Route, ...]:
    """Return the ways to senders that are served."""
    agents = (TO_AGENTS,) if settings.drp.business else ()
    return (*agents, TO_CONTROLLERS) if settings.opendsr.domain else agents


def callback_carriers(
    settings: Settings, answers: AnswerDesk
) -> tuple[CallbackCarrier, ...]:
    """Return who tells senders how it goes on.

    Raises:
        KeyMissingError: The processor's key or certificate is missing.
        SettingsError: An address is allowed that is not reached over TLS.
    """
    carriers = []
    if settings.drp.business:
        carriers.append(_to_agents(settings, answers))
    if settings.opendsr.domain:
        carriers.append(_to_controllers(settings, answers))
    return tuple(carriers)


def allowed_callbacks(settings: Settings) -> tuple[str, ...]:
    """Return every address below which senders may be called."""
    agents = (it.callbacks for it in settings.drp.agents.values())
    controllers = (it.callbacks for it in settings.opendsr.controllers.values())
    return tuple(root for roots in (*agents, *controllers) for root in roots)


def agents(settings: Settings) -> dict[str, Agent]:
    """Return the agents of the settings."""
    return {
        name: Agent(agent_id=name, callbacks=agent.callbacks)
        for name, agent in settings.drp.agents.items()
    }


def agent_keys(settings: Settings) -> AgentKeys:
    """Return what opens messages of agents.

    Raises:
        SettingsError: The key of an agent is none.
    """
    named = settings.drp.agents.items()
    return AgentKeys({name: agent.verify_key for name, agent in named})


def controllers(settings: Settings) -> dict[str, Controller]:
    """Return the controllers of the settings."""
    return {
        name: Controller(
            controller_id=name,
            callbacks=controller.callbacks,
            signs=controller.certificate is not None,
        )
        for name, controller in settings.opendsr.controllers.items()
    }


def controller_certificates(settings: Settings) -> ControllerCertificates:
    """Return what verifies requests of controllers.

    Raises:
        KeyMissingError: The certificate of a controller is missing.
    """
    named = settings.opendsr.controllers.items()
    return ControllerCertificates(
        {name: it.certificate for name, it in named if it.certificate is not None}
    )


def processor_key(settings: Settings) -> ProcessorKey:
    """Return what signs answers to controllers.

    Raises:
        KeyMissingError: Key or certificate are missing.
        SettingsError: They do not belong together, or not to the domain.
    """
    return ProcessorKey(
        domain=settings.opendsr.domain or "",
        key=settings.opendsr.key,
        certificate=settings.opendsr.certificate,
    )


def _to_agents(settings: Settings, answers: AnswerDesk) -> CallbackCarrier:
    def write(message: Message, _url: str) -> tuple[bytes, Mapping[str, str]]:
        reference = message.senders_reference
        told = drp_status(message.request, reference=reference, desk=answers)
        return json.dumps(told).encode(), {}

    allowed = [root for it in settings.drp.agents.values() for root in it.callbacks]
    _check_allowable(allowed, "UNLEARN_DRP__AGENTS")
    return CallbackCarrier(route=TO_AGENTS, allowed=allowed, write=write)


def _to_controllers(settings: Settings, answers: AnswerDesk) -> CallbackCarrier:
    key, domain = processor_key(settings), settings.opendsr.domain or ""

    def write(message: Message, url: str) -> tuple[bytes, Mapping[str, str]]:
        if message.senders_reference is None:
            raise MessageRefusedError(reason="reference_gone")
        told = opendsr_status(
            message.request,
            controller=sender_of(message.request.request_id, ledger=answers.ledger),
            subject_request_id=message.senders_reference,
            domain=domain,
            desk=answers,
        )
        body = canonical_json(told | {"status_callback_url": url})
        return body, {DOMAIN_HEADER: domain, SIGNATURE_HEADER: key.sign(body)}

    named = settings.opendsr.controllers.values()
    allowed = [root for it in named for root in it.callbacks]
    _check_allowable(allowed, "UNLEARN_OPENDSR__CONTROLLERS")
    return CallbackCarrier(route=TO_CONTROLLERS, allowed=allowed, write=write)


def _check_allowable(allowed: list[str], variable: str) -> None:
    if not all(map(is_allowable, allowed)):
        raise SettingsError(variable=variable)
