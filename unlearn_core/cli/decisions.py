"""``unlearn request approve|refuse|extend|hold|release|withdraw`` and others.

Who decides is named, and must be in the configuration. The command line does not know
who types; give each officer an account of their own and look at its records.
"""

import os
import socket
from typing import Annotated
from uuid import UUID

import typer

from unlearn_core.cli.output import AsJson, show
from unlearn_core.cli.wiring import office
from unlearn_core.domain.deadlines import ExtensionReason
from unlearn_core.domain.decisions import (
    ClosingReason,
    Decision,
    HoldReason,
    Reason,
    RefusalReason,
    Verb,
)
from unlearn_core.domain.grounds import Ground
from unlearn_core.domain.requests import RequestId
from unlearn_core.steps.decide_request import (
    DecisionDesk,
    check_officer,
    decide_request,
    withdraw_request,
)

RequestArgument = Annotated[UUID, typer.Argument(help="The request id.")]
By = Annotated[str, typer.Option("--by", help="The officer who decides.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to those about requests."""
    for command in (
        ask_for_proof,
        confirm_identity,
        approve,
        refuse,
        extend,
        hold,
        release,
        close_escalated,
        withdraw,
    ):
        app.command()(command)


def ask_for_proof(
    request_id: RequestArgument, *, by: By, as_json: AsJson = False
) -> None:
    """Ask the subject to prove who they are; takes effect at once.

    They have two weeks. Until somebody asks, they lose nothing by waiting.
    """
    _decide(Verb.ASK_FOR_PROOF, request_id, by, reason=None, as_json=as_json)


def confirm_identity(
    request_id: RequestArgument, *, by: By, as_json: AsJson = False
) -> None:
    """Confirm that the requester is the subject; takes effect at once.

    Whoever has entered the request cannot do it.
    """
    _decide(Verb.CONFIRM_IDENTITY, request_id, by, reason=None, as_json=as_json)


def approve(
    request_id: RequestArgument,
    *,
    by: By,
    ground: Annotated[
        Ground | None,
        typer.Option(help="Ground of Art. 17(1) GDPR; without it, as claimed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Approve the erasure of what was located; a second officer confirms.

    The second officer has to name the same ground, if one was named.
    """
    _decide(Verb.APPROVE, request_id, by, reason=None, ground=ground, as_json=as_json)


def refuse(
    request_id: RequestArgument,
    *,
    reason: Annotated[RefusalReason, typer.Option(help="Why.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Refuse a request; the subject reads why and how to complain.

    A second officer confirms with the same command and reason.
    """
    _decide(Verb.REFUSE, request_id, by, reason=reason, as_json=as_json)


def extend(
    request_id: RequestArgument,
    *,
    reason: Annotated[ExtensionReason, typer.Option(help="Why.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Take the longer period, and tell the subject; a second officer confirms."""
    _decide(Verb.EXTEND, request_id, by, reason=reason, as_json=as_json)


def hold(
    request_id: RequestArgument,
    *,
    reason: Annotated[HoldReason, typer.Option(help="Why.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Stop before anything is erased; takes effect at once."""
    _decide(Verb.HOLD, request_id, by, reason=reason, as_json=as_json)


def release(request_id: RequestArgument, *, by: By, as_json: AsJson = False) -> None:
    """Go on with a held request: search anew; a second officer confirms."""
    _decide(Verb.RELEASE, request_id, by, reason=None, as_json=as_json)


def close_escalated(
    request_id: RequestArgument,
    *,
    reason: Annotated[ClosingReason, typer.Option(help="Why.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """End an escalated request without suppression; a second officer confirms."""
    _decide(Verb.CLOSE_ESCALATED, request_id, by, reason=reason, as_json=as_json)


def withdraw(request_id: RequestArgument, *, by: By, as_json: AsJson = False) -> None:
    """Call a request off because the subject has asked for it; takes effect at once.

    Possible until records are erased, or until the moment that the subject was told.
    """
    desk, key = decision_desk(), RequestId(request_id)
    check_officer(by, desk=desk)
    withdraw_request(key, who=by, desk=desk)
    show(
        {
            "request_id": str(request_id),
            "stage": desk.requests.get(key).stage.value,
        },
        as_json=as_json,
    )


def _decide(
    verb: Verb,
    request_id: UUID,
    officer: str,
    *,
    reason: Reason | None,
    ground: Ground | None = None,
    as_json: bool,
) -> None:
    desk = decision_desk()
    key = RequestId(request_id)
    decision = Decision(verb=verb, officer=officer, reason=reason, ground=ground)
    is_done = decide_request(key, decision, desk=desk)
    request = desk.requests.get(key)
    show(
        {
            "request_id": str(request_id),
            "decision": verb.value,
            "carried_out": is_done,
            "waits_for": None if is_done else "a second officer",
            "stage": request.stage.value,
            "due_on": desk.docket(request).due_on.isoformat(),
        },
        as_json=as_json,
    )


def decision_desk() -> DecisionDesk:
    """Return what deciding needs, held by this process."""
    return office().decisions(holder=f"{socket.gethostname()}-{os.getpid()}")
