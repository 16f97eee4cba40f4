"""The Data Rights Protocol 1.0: requests of authorised agents.

Nothing of a message is read before its signature was verified with the key of the
agent whose token came with it. Errors have the protocol's form.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from unlearn_core.domain.access import Caller
from unlearn_core.domain.callbacks import to_text
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.decisions import DecisionRefusedError
from unlearn_core.domain.drp import (
    Agent,
    Exercise,
    read_claims,
    read_document,
    read_exercise,
)
from unlearn_core.domain.requests import (
    TRANSITIONS,
    Channel,
    ErasureRequest,
    Outcome,
    RequestId,
    Stage,
)
from unlearn_core.domain.senders import SignedMessageError
from unlearn_core.errors import LeaseBusyError, UnlearnError
from unlearn_core.http_errors import ForbiddenError
from unlearn_core.http_problems import status_of
from unlearn_core.steps.answer_senders import AnswerDesk, drp_status, is_from
from unlearn_core.steps.decide_request import DecisionDesk, withdraw_request
from unlearn_core.steps.pair_agent import PairingDesk, pair_agent
from unlearn_core.steps.receive_request import (
    FrontDesk,
    Submission,
    receive_request,
    senders_reference,
)

AGENT = "/v1/agent/{agent_id}"
REQUESTS = "/v1/data-rights-request"
ONE = REQUESTS + "/{request_id}"
NO_STORE = {"Cache-Control": "no-store"}


class OpensMessages(Protocol):
    """Verifies what agents have signed."""

    def open(self, raw: bytes, *, agent: str) -> bytes:
        """Return what an agent has signed.

        Raises:
            SignedMessageError: It is not signed by this agent.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DrpDesk:
    """What the protocol's routes need.

    Attributes:
        business: Our name in the network's directory.
        agents: Agents of the configuration, by name.
        messages: Verifies what they have signed.
        desk: Receives requests.
        pairing: Gives agents their tokens.
        decisions: Withdraws requests.
        answers: Says where requests stand.
    """

    business: str
    agents: Mapping[str, Agent]
    messages: OpensMessages
    desk: FrontDesk
    pairing: PairingDesk
    decisions: DecisionDesk
    answers: AnswerDesk

    def agent(self, caller: Caller) -> Agent:
        """Return the agent that shows a token.

        Raises:
            ForbiddenError: It is not of the configuration any more.
        """
        agent = self.agents.get(caller.name)
        if agent is None:
            raise ForbiddenError(problem="the agent is not registered")
        return agent

    def request(self, request_id: RequestId, agent: Agent) -> ErasureRequest:
        """Return a request of an agent.

        Raises:
            ForbiddenError: Somebody else has sent it.
            UnknownRequestError: There is no such request.
        """
        request = self.desk.requests.get(request_id)
        if not is_from(request_id, sender_of(agent), ledger=self.desk.ledger):
            raise ForbiddenError(problem="another agent's request")
        return request

    def status(self, request: ErasureRequest) -> Response:
        """Answer where a request stands."""
        reference = senders_reference(request.request_id, custody=self.desk.custody)
        told = drp_status(request, reference=reference, desk=self.answers)
        return JSONResponse(told, headers=NO_STORE)


async def raw_body(request: Request) -> bytes:
    """Return the body as it came."""
    return await request.body()


RawBody = Annotated[bytes, Depends(raw_body)]


def sender_of(agent: Agent) -> str:
    """Return by which name an agent stands in the ledger."""
    return f"agent:{agent.agent_id}"


def add_drp(app: FastAPI, drp: DrpDesk) -> None:
    """Add the protocol's routes to the application."""
    _add_pairing(app, drp)

    @app.post(REQUESTS, include_in_schema=False)
    @_in_the_protocols_form
    def exercise(asked: Request, body: RawBody) -> Response:
        """Take in a request; the same message, or name of it, is the same request."""
        agent = drp.agent(asked.state.caller)
        message = drp.messages.open(body, agent=agent.agent_id)
        claims = read_claims(
            message,
            agent=agent.agent_id,
            business=drp.business,
            now=drp.desk.clock.now(),
        )
        asked_for = read_exercise(claims, message=message, agent=agent)
        submission = _submission(asked_for, agent)
        return drp.status(receive_request(submission, desk=drp.desk))

    @app.get(ONE, include_in_schema=False)
    @_in_the_protocols_form
    def status(asked: Request, request_id: UUID) -> Response:
        """Say where a request of the agent stands."""
        agent = drp.agent(asked.state.caller)
        return drp.status(drp.request(RequestId(request_id), agent))

    @app.delete(ONE, include_in_schema=False)
    @_in_the_protocols_form
    def revoke(asked: Request, request_id: UUID, body: RawBody) -> Response:
        """Call a request off; why is not kept, because it may say anything."""
        agent = drp.agent(asked.state.caller)
        read_document(drp.messages.open(body, agent=agent.agent_id))
        request = drp.request(RequestId(request_id), agent)
        if request.outcome is not Outcome.WITHDRAWN:
            if Stage.WITHDRAWN not in TRANSITIONS[request.stage]:
                raise DecisionRefusedError(problem="it is too late")
            withdraw_request(
                request.request_id, who=sender_of(agent), desk=drp.decisions
            )
        return drp.status(drp.desk.requests.get(request.request_id))


def _submission(asked_for: Exercise, agent: Agent) -> Submission:
    return Submission(
        subject=asked_for.subject,
        evidence=None,
        contact=to_text([asked_for.callback] if asked_for.callback else []),
        channel=Channel.DRP,
        submitted_by=sender_of(agent),
        reference=asked_for.reference,
        rule=asked_for.rule,
        echoes_reference=asked_for.is_named,
    )


def _add_pairing(app: FastAPI, drp: DrpDesk) -> None:
    """Add the routes by which an agent gets a token, and sees that it counts."""

    @app.post(AGENT, include_in_schema=False)
    def pair(agent_id: str, body: RawBody) -> Response:
        """Give an agent a token; one that cannot be verified is told nothing."""
        now = drp.desk.clock.now()
        try:
            message = drp.messages.open(body, agent=agent_id)
            claims = read_claims(
                message, agent=agent_id, business=drp.business, now=now
            )
            _check_asks_for_nothing_else(claims)
            token = pair_agent(
                agent_id,
                message=message,
                expires_at=datetime.fromisoformat(str(claims["expires-at"])),
                desk=drp.pairing,
            )
        except (SignedMessageError, LeaseBusyError):
            return Response(status_code=HTTPStatus.FORBIDDEN)
        return JSONResponse({"agent-id": agent_id, "token": token}, headers=NO_STORE)

    @app.get(AGENT, include_in_schema=False)
    @_in_the_protocols_form
    def confirm(asked: Request, agent_id: str) -> Response:
        """Tell an agent that its token still counts."""
        if drp.agent(asked.state.caller).agent_id != agent_id:
            raise ForbiddenError(problem="another agent's token")
        return JSONResponse({})


def _check_asks_for_nothing_else(claims: Mapping[str, JsonValue]) -> None:
    """Refuse a request in place of a pairing message; others may have seen it.

    Raises:
        SignedMessageError: It is a request.
    """
    if "exercise" in claims:
        raise SignedMessageError(problem="it asks for something else")


def _in_the_protocols_form(
    handle: Callable[..., Response],
) -> Callable[..., Response]:
    """Answer errors as the protocol has them: code and message."""

    @wraps(handle)
    def handled(*arguments: Any, **named: Any) -> Response:  # noqa: ANN401 - passed on
        try:
            return handle(*arguments, **named)
        except UnlearnError as error:
            status = status_of(error)
            if status is HTTPStatus.UNPROCESSABLE_ENTITY:
                status = HTTPStatus.BAD_REQUEST
            said: dict[str, object] = {
                "code": str(status.value),
                "message": f"{error.code}: {error.diagnostics()}",
            }
            if isinstance(error, SignedMessageError):
                said["fatal"] = True
            return JSONResponse(said, status_code=status, headers=NO_STORE)

    return handled
