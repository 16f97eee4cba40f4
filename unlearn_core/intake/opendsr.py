"""OpenDSR 2.0, the processor's side: requests of controllers.

Who sends is known by an access key, and by a signature where a certificate of the
controller is registered; both are looked at before anything is read. Every answer is
signed, errors too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Protocol
from uuid import UUID

from fastapi import FastAPI, Request, Response

from unlearn_core.domain.access import Caller
from unlearn_core.domain.callbacks import to_text
from unlearn_core.domain.canonical import JsonValue, canonical_json
from unlearn_core.domain.decisions import DecisionRefusedError
from unlearn_core.domain.opendsr import (
    PENDING,
    Asked,
    Controller,
    cancellation_document,
    discovery_document,
    read_request,
    receipt_document,
    request_id,
)
from unlearn_core.domain.requests import Channel, ErasureRequest, Outcome, Stage
from unlearn_core.errors import UnlearnError
from unlearn_core.http_errors import ForbiddenError
from unlearn_core.http_problems import status_of
from unlearn_core.intake.drp import RawBody
from unlearn_core.privacy import Personal
from unlearn_core.steps.answer_senders import AnswerDesk, opendsr_status
from unlearn_core.steps.decide_request import DecisionDesk, withdraw_request
from unlearn_core.steps.receive_request import (
    FrontDesk,
    Submission,
    id_of_reference,
    receive_request,
)

DISCOVERY = "/v2/discovery"
CERTIFICATE = "/v2/certificate.pem"
REQUESTS = "/v2/requests"
ONE = REQUESTS + "/{subject_request_id}"
DOMAIN_HEADER = "X-OpenDSR-Processor-Domain"
SIGNATURE_HEADER = "X-OpenDSR-Signature"


class SignsAnswers(Protocol):
    """Signs as the processor."""

    @property
    def certificate(self) -> bytes:
        """Return the certificate, PEM."""
        ...

    def sign(self, raw: bytes) -> str:
        """Return the signature of some bytes, in base64."""
        ...


class ChecksSignatures(Protocol):
    """Verifies what controllers have signed."""

    def check(
        self, raw: bytes, *, signature: str, controller: str, now: datetime
    ) -> None:
        """Make sure that a controller has signed some bytes.

        Raises:
            SignedMessageError: It has not.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDsrDesk:
    """What the protocol's routes need.

    Attributes:
        domain: The processor's domain.
        key: Signs answers.
        controllers: Controllers of the configuration, by name.
        certificates: Verifies what they have signed.
        desk: Receives requests.
        decisions: Withdraws requests.
        answers: Says where requests stand.
    """

    domain: str
    key: SignsAnswers
    controllers: Mapping[str, Controller]
    certificates: ChecksSignatures
    desk: FrontDesk
    decisions: DecisionDesk
    answers: AnswerDesk

    def controller(self, caller: Caller) -> Controller:
        """Return the controller that shows a key.

        Raises:
            ForbiddenError: It is not of the configuration.
        """
        controller = self.controllers.get(caller.name)
        if controller is None:
            raise ForbiddenError(problem="the controller is not registered")
        return controller

    def request(self, controller: Controller, name: UUID) -> ErasureRequest:
        """Return a controller's request by its own name of it.

        Raises:
            UnknownRequestError: It has sent none of this name.
        """
        return self.desk.requests.get(
            id_of_reference(
                Channel.OPENDSR,
                sender_of(controller),
                Personal(str(name)),
                pseudonymiser=self.desk.pseudonymiser,
            )
        )

    def answer(self, document: dict[str, JsonValue], status: HTTPStatus) -> Response:
        """Return a signed answer.

        The member is the signature of the document without it, the header that of the
        whole body.
        """
        member = self.key.sign(canonical_json(document))
        body = canonical_json(document | {"processor_signature": member})
        return Response(
            body,
            status_code=status,
            media_type="application/json",
            headers={
                DOMAIN_HEADER: self.domain,
                SIGNATURE_HEADER: self.key.sign(body),
                "Cache-Control": "no-store",
            },
        )


def sender_of(controller: Controller) -> str:
    """Return by which name a controller stands in the ledger."""
    return f"controller:{controller.controller_id}"


def add_opendsr(app: FastAPI, dsr: OpenDsrDesk) -> None:
    """Add the protocol's routes to the application."""
    _add_sending(app, dsr)
    _add_following(app, dsr)

    @app.get(DISCOVERY, include_in_schema=False)
    def discovery() -> Response:
        """Say what is supported."""
        address = f"https://{dsr.domain}{CERTIFICATE}"
        return dsr.answer(discovery_document(certificate=address), HTTPStatus.OK)

    @app.get(CERTIFICATE, include_in_schema=False)
    def certificate() -> Response:
        """Return the certificate that answers are signed with."""
        return Response(dsr.key.certificate, media_type="application/x-pem-file")


def _add_sending(app: FastAPI, dsr: OpenDsrDesk) -> None:
    """Add the route that takes in requests."""

    @app.post(REQUESTS, include_in_schema=False)
    @_in_the_protocols_form(dsr)
    def send(asked: Request, body: RawBody) -> Response:
        """Take in a request; the same name of it is the same request."""
        controller, now = dsr.controller(asked.state.caller), dsr.desk.clock.now()
        if controller.signs:
            dsr.certificates.check(
                body,
                signature=asked.headers.get(SIGNATURE_HEADER, ""),
                controller=controller.controller_id,
                now=now,
            )
        found = read_request(body, controller=controller, domain=dsr.domain, now=now)
        request = receive_request(_submission(found, controller), desk=dsr.desk)
        (first,) = dsr.desk.ledger.entries(request.request_id, event=Stage.RECEIVED)
        told = receipt_document(
            dsr.answers.docket(request),
            controller=controller.controller_id,
            subject_request_id=found.subject_request_id,
            received_at=first.recorded_at,
            raw=body,
            zone=dsr.answers.timezone,
        )
        return dsr.answer(told, HTTPStatus.CREATED)


def _add_following(app: FastAPI, dsr: OpenDsrDesk) -> None:
    """Add the routes about one request."""
    in_its_form = _in_the_protocols_form(dsr)

    @app.get(ONE, include_in_schema=False)
    @in_its_form
    def status(asked: Request, subject_request_id: str) -> Response:
        """Say where a request of the controller stands."""
        controller = dsr.controller(asked.state.caller)
        request = dsr.request(controller, request_id(subject_request_id))
        told = opendsr_status(
            request,
            controller=controller.controller_id,
            subject_request_id=Personal(subject_request_id),
            domain=dsr.domain,
            desk=dsr.answers,
        )
        return dsr.answer(told, HTTPStatus.OK)

    @app.delete(ONE, include_in_schema=False)
    @in_its_form
    def cancel(asked: Request, subject_request_id: str) -> Response:
        """Cancel a request that is pending."""
        controller = dsr.controller(asked.state.caller)
        name = request_id(subject_request_id)
        request = dsr.request(controller, name)
        if request.outcome is not Outcome.WITHDRAWN:
            if request.stage not in PENDING:
                raise DecisionRefusedError(problem="it is not pending")
            withdraw_request(
                request.request_id, who=sender_of(controller), desk=dsr.decisions
            )
        told = cancellation_document(
            controller=controller.controller_id,
            subject_request_id=name,
            received_at=dsr.desk.clock.now(),
        )
        return dsr.answer(told, HTTPStatus.ACCEPTED)


def _submission(found: Asked, controller: Controller) -> Submission:
    return Submission(
        subject=found.subject,
        evidence=None,
        contact=to_text(found.callbacks),
        channel=Channel.OPENDSR,
        submitted_by=sender_of(controller),
        reference=Personal(str(found.subject_request_id)),
        received_at=found.submitted_at,
        rule=found.rule,
        echoes_reference=True,
    )


_Handle = Callable[..., Response]


def _in_the_protocols_form(dsr: OpenDsrDesk) -> Callable[[_Handle], _Handle]:
    """Return what answers errors as the protocol has them, signed."""

    def wrap(handle: _Handle) -> _Handle:
        @wraps(handle)
        def handled(*arguments: Any, **named: Any) -> Response:  # noqa: ANN401
            try:
                return handle(*arguments, **named)
            except UnlearnError as error:
                return dsr.answer(*_refusal(error))

        return handled

    return wrap


def _refusal(error: UnlearnError) -> tuple[dict[str, JsonValue], HTTPStatus]:
    status = status_of(error)
    if status is HTTPStatus.UNPROCESSABLE_ENTITY:
        status = HTTPStatus.BAD_REQUEST
    problem = str(error.facts.get("problem", error.summary))
    detail: dict[str, JsonValue] = {
        "domain": "request",
        "reason": error.code,
        "message": problem,
    }
    message = error.diagnostics()
    return {
        "error": {"code": status.value, "message": message, "errors": [detail]}
    }, status
