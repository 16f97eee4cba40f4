"""From settings to the intake service."""

import os
import socket
from collections.abc import Callable
from functools import cache

from unlearn_core import sender_wiring
from unlearn_core.adapters.envelopes import TrustedEnvelopes
from unlearn_core.adapters.identity_policies import proof_of
from unlearn_core.adapters.letters import SetLetters
from unlearn_core.adapters.oidc import OidcIssuer, Registration
from unlearn_core.domain.archive import pack
from unlearn_core.domain.certificates import PAYLOAD_TYPE, check_certificate
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.restricted import RESTRICTED
from unlearn_core.errors import SettingsError
from unlearn_core.intake.app import IntakeService
from unlearn_core.intake.console.desk import ConsoleDesk
from unlearn_core.intake.doors import Doors
from unlearn_core.intake.drp import DrpDesk
from unlearn_core.intake.links import StatusLinks
from unlearn_core.intake.opendsr import OpenDsrDesk
from unlearn_core.intake.watchdog import Watchdog
from unlearn_core.intake.web import WebDesk
from unlearn_core.restriction_wiring import restriction_desk, restriction_keeper
from unlearn_core.settings import Settings
from unlearn_core.steps.export_bundle import export_bundle
from unlearn_core.steps.pair_agent import PairingDesk
from unlearn_core.steps.publish_checkpoint import publish_checkpoint
from unlearn_core.steps.publish_restrictions import RestrictionKeeper, keep_restrictions
from unlearn_core.wiring import Office, open_office

CALLBACK = "/console/callback"


def build_service(settings: Settings) -> IntakeService:
    """Build the service; nothing is started yet.

    Raises:
        UnlearnError: A key or a setting is missing, or the database does not answer.
    """
    office = open_office(settings)
    desk = office.desk()
    holder = f"{socket.gethostname()}-{os.getpid()}"
    links = StatusLinks(desk.pseudonymiser)
    # Without the pages, a link would lead nowhere.
    public_url = settings.intake.public_url if settings.intake.pages else None

    def link(request_id: RequestId) -> str | None:
        return links.address(request_id, at=public_url) if public_url else None

    return IntakeService(
        desk=desk,
        proof=office.proof(holder=holder),
        evidence=office.evidence,
        messages=office.notifier.posted,
        watchdog=Watchdog(
            office.watch_post(),
            holder=holder,
            pause_seconds=settings.work.watch_seconds,
            room=office.post_room(holder=holder, link=link),
            restrictions=_restrictions(office, holder=holder),
        ),
        doors=_doors(office),
        limits=settings.intake,
        web=(
            WebDesk(
                desk=desk,
                proof=office.proof(holder=holder),
                decisions=office.decisions(holder=holder),
                authority=settings.legal.authority,
                asks_for=proof_of(settings.identity.policy),
            )
            if settings.intake.pages
            else None
        ),
        console=(_console(office, holder=holder) if settings.console.enabled else None),
        drp=_drp(office, holder=holder, link=link),
        opendsr=_opendsr(office, holder=holder, link=link),
    )


def _drp(
    office: Office, *, holder: str, link: Callable[[RequestId], str | None]
) -> DrpDesk | None:
    """Return what the routes of the Data Rights Protocol need, if it is served.

    Raises:
        SettingsError: The key of an agent is none.
    """
    settings = office.settings
    if settings.drp.business is None:
        return None
    return DrpDesk(
        business=settings.drp.business,
        agents=sender_wiring.agents(settings),
        messages=sender_wiring.agent_keys(settings),
        desk=office.desk(),
        pairing=PairingDesk(
            access=office.access,
            ledger=office.store,
            leases=office.leases,
            clock=office.clock,
        ),
        decisions=office.decisions(holder=holder),
        answers=office.answers(link=link),
    )


def _opendsr(
    office: Office, *, holder: str, link: Callable[[RequestId], str | None]
) -> OpenDsrDesk | None:
    """Return what the routes of OpenDSR need, if it is served.

    Raises:
        UnlearnError: A key or certificate is missing or wrong.
    """
    settings = office.settings
    if settings.opendsr.domain is None:
        return None
    return OpenDsrDesk(
        domain=settings.opendsr.domain,
        key=sender_wiring.processor_key(settings),
        controllers=sender_wiring.controllers(settings),
        certificates=sender_wiring.controller_certificates(settings),
        desk=office.desk(),
        decisions=office.decisions(holder=holder),
        answers=office.answers(link=link),
    )


def _restrictions(office: Office, *, holder: str) -> Callable[[], None]:
    """Return what publishes restrictions, and sees whether they are in force."""

    @cache
    def keeper() -> RestrictionKeeper:
        """Return what that needs: keys and a registry, opened once."""
        return restriction_keeper(office, holder=holder)

    def keep() -> None:
        """Do it, if anybody was ever restricted."""
        if any(office.store.entries(event=RESTRICTED)):
            keep_restrictions(keeper())

    return keep


def _console(office: Office, *, holder: str) -> ConsoleDesk:
    """Return what the console's pages need."""
    envelopes = TrustedEnvelopes(office.keys.trusted())

    def export(request_id: RequestId) -> bytes:
        publish_checkpoint(office.checkpoints(holder=holder))
        return pack(export_bundle(request_id, desk=office.export()))

    return ConsoleDesk(
        decisions=office.decisions(holder=holder),
        restriction=restriction_desk(office),
        review=office.review(holder=holder),
        certificates=office.certificates,
        evidence=office.evidence,
        letters=SetLetters(),
        export_bundle=export,
        open_certificate=lambda raw: check_certificate(
            raw,
            open_envelope=lambda data: envelopes.open(data, payload_type=PAYLOAD_TYPE),
        ),
        fleet=office.fleet,
        access=office.access,
    )


def _doors(office: Office) -> Doors:
    """Return who may come in.

    Raises:
        SettingsError: There is an issuer, and no address that it could lead back to.
    """
    settings, public_url = office.settings.console, office.settings.intake.public_url
    issuer = None
    if settings.issuer is not None:
        if public_url is None:
            raise SettingsError(variable="UNLEARN_INTAKE__PUBLIC_URL")
        registration = Registration(
            issuer=settings.issuer,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            redirect=public_url.rstrip("/") + CALLBACK,
            name_claim=settings.name_claim,
            roles_claim=settings.roles_claim,
        )
        issuer = OidcIssuer(registration, clock=office.clock)
    return Doors(
        access=office.access,
        ledger=office.store,
        clock=office.clock,
        pseudonymiser=office.keys.pseudonymiser(),
        api_key=office.settings.intake.api_key,
        issuer=issuer,
        always_ask=settings.enabled,
    )
