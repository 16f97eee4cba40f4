"""The HTTP interface for requests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Header, Request, Response

from unlearn_core import http_problems, ports
from unlearn_core.domain.access import ANYBODY, Caller
from unlearn_core.domain.certificates import certificate_name
from unlearn_core.domain.requests import Channel, RequestId
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.errors import UnknownRequestError
from unlearn_core.intake.console.desk import ConsoleDesk
from unlearn_core.intake.console.site import add_console
from unlearn_core.intake.doors import Doors
from unlearn_core.intake.drp import DrpDesk, add_drp
from unlearn_core.intake.gate import Gate, Limits, Unlimited
from unlearn_core.intake.opendsr import OpenDsrDesk, add_opendsr
from unlearn_core.intake.schemas import (
    FIELD_NAMES,
    CertificateStatusOut,
    ErasureRequestIn,
    ErasureRequestOut,
    IdentityCodeIn,
)
from unlearn_core.intake.watchdog import Watchdog
from unlearn_core.intake.web import WebDesk, add_pages, add_style
from unlearn_core.privacy import Personal
from unlearn_core.steps.prove_identity import (
    ProofDesk,
    prove_identity,
    send_new_code,
)
from unlearn_core.steps.receive_request import (
    FrontDesk,
    Submission,
    checked_contact,
    checked_evidence,
    receive_request,
)

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="The caller's own name of this request; sent again, it is the "
        "same request.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeService:
    """The parts of the intake service.

    Attributes:
        desk: Receives requests.
        proof: Takes the codes of subjects.
        evidence: Holds certificates.
        messages: Returns the templates of the messages posted for a request.
        watchdog: Resumes requests that nobody works on.
        doors: Knows who may come in.
        limits: How often somebody may ask.
        web: Serves the pages for data subjects, if they are wanted.
        console: Serves the pages for those who work with requests, if they are wanted.
        drp: Takes in requests of authorised agents, if there are any.
        opendsr: Takes in requests of controllers, if we are their processor.
    """

    desk: FrontDesk
    proof: ProofDesk
    evidence: ports.EvidenceStore
    messages: Callable[[RequestId], tuple[str, ...]]
    watchdog: Watchdog
    doors: Doors
    limits: Limits = field(default_factory=Unlimited)
    web: WebDesk | None = None
    console: ConsoleDesk | None = None
    drp: DrpDesk | None = None
    opendsr: OpenDsrDesk | None = None


def create_app(service: IntakeService) -> FastAPI:
    """Build the application; it starts and stops the watchdog."""
    # The framework's own pages run scripts from elsewhere; the console is next door.
    app = FastAPI(
        title="unlearn intake",
        lifespan=_watched(service.watchdog),
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Gate, routed=app, doors=service.doors, limits=service.limits)
    http_problems.install(app, names=FIELD_NAMES)
    if service.web is not None or service.console is not None:
        add_style(app)
    if service.web is not None:
        add_pages(app, service.web)
    if service.console is not None:
        add_console(app, service.console, service.doors)

    if service.drp is not None:
        add_drp(app, service.drp)
    if service.opendsr is not None:
        add_opendsr(app, service.opendsr)

    @app.get("/health")
    def health() -> dict[str, str]:
        """Tell that the process is alive."""
        return {"status": "alive"}

    _add_requests(app, service)
    _add_codes(app, service)
    _add_certificates(app, service)
    return app


def _add_requests(app: FastAPI, service: IntakeService) -> None:
    """Add the routes that take in requests and say where they stand."""

    @app.post("/v1/erasure-requests", status_code=HTTPStatus.ACCEPTED)
    def submit(
        body: ErasureRequestIn,
        asked: Request,
        response: Response,
        idempotency_key: IdempotencyKey = None,
    ) -> ErasureRequestOut:
        """Take in a request; the legal clock starts now.

        The same key of the same caller gets the same request again.
        """
        submission = replace(
            _submission(body),
            submitted_by=submitter(asked),
            entered_by=asked.state.caller.name,
            reference=Personal(idempotency_key) if idempotency_key else None,
        )
        request = receive_request(submission, desk=service.desk)
        response.headers["Location"] = f"/v1/erasure-requests/{request.request_id}"
        return ErasureRequestOut.of(request)

    @app.get("/v1/erasure-requests")
    def all_requests() -> list[ErasureRequestOut]:
        """List all requests, oldest first."""
        return [ErasureRequestOut.of(item) for item in service.desk.requests.all()]

    @app.get("/v1/erasure-requests/{request_id}")
    def status(request_id: UUID) -> ErasureRequestOut:
        """Say where a request stands."""
        key = RequestId(request_id)
        request = service.desk.requests.get(key)
        return ErasureRequestOut.of(request, messages=service.messages(key))


def _add_codes(app: FastAPI, service: IntakeService) -> None:
    """Add the routes by which a portal passes codes on for the subject."""

    @app.post(
        "/v1/erasure-requests/{request_id}/identity-code",
        status_code=HTTPStatus.NO_CONTENT,
    )
    def prove(request_id: UUID, body: IdentityCodeIn) -> None:
        """Take the code that the subject was sent; the work goes on by itself."""
        code = Personal(body.code.get_secret_value())
        prove_identity(RequestId(request_id), code, desk=service.proof)

    @app.post(
        "/v1/erasure-requests/{request_id}/new-identity-code",
        status_code=HTTPStatus.NO_CONTENT,
    )
    def renew(request_id: UUID) -> None:
        """Send the subject another code; the one before counts no more."""
        send_new_code(RequestId(request_id), desk=service.proof)


def _add_certificates(app: FastAPI, service: IntakeService) -> None:
    """Add the pages about a certificate: the signed document, and where it stands."""

    @app.get("/v1/erasure-requests/{request_id}/certificate")
    def certificate(request_id: UUID) -> Response:
        """Return the signed certificate."""
        stored = service.evidence.get(certificate_name(RequestId(request_id)))
        if stored is None:
            raise UnknownRequestError(request_id=request_id)
        return Response(stored, media_type="application/json")

    @app.get("/v1/erasure-requests/{request_id}/certificate/status")
    def certificate_status(request_id: UUID) -> CertificateStatusOut:
        """Say whether the certificate is valid, expired or failed today."""
        standing = service.desk.certificates.standing(RequestId(request_id))
        if standing is None:
            raise UnknownRequestError(request_id=request_id, missing="certificate")
        return CertificateStatusOut.of(request_id, standing)


def _watched(
    watchdog: Watchdog,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return a lifespan that runs the watchdog as long as the application."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        """Start the watchdog, and stop it at the end."""
        watchdog.start()
        yield
        watchdog.stop()

    return lifespan


def submitter(request: Request) -> str:
    """Return the pseudonym of whoever shows a key; empty where none is asked for."""
    caller: Caller = request.state.caller
    return "" if caller.who == ANYBODY.who else caller.who


def _submission(body: ErasureRequestIn) -> Submission:
    token, contact = body.identity_token, body.contact
    return Submission(
        subject=parse_subject(body.plain_identifiers()),
        evidence=checked_evidence(token.get_secret_value() if token else None),
        contact=checked_contact(contact.get_secret_value() if contact else None),
        channel=Channel.HTTP,
        ground=body.ground,
        language=body.language,
    )
