"""``unlearn request restrict|lift``: Art. 18 GDPR.

One officer restricts at once; two lift. An effective erasure lifts by itself.
"""

from enum import StrEnum
from typing import Annotated

import typer

from unlearn_core.cli import wiring
from unlearn_core.cli.decisions import By, RequestArgument
from unlearn_core.cli.output import AsJson, show
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.restricted import LiftReason, RestrictionReason
from unlearn_core.errors import UnlearnError
from unlearn_core.steps.restrict_request import (
    lift_restriction,
    restrict_request,
    restrictions,
)


class Ending(StrEnum):
    """Reasons that officers give for a lift."""

    GROUND_ENDED = LiftReason.GROUND_ENDED.value
    SUBJECT_ASKS = LiftReason.SUBJECT_ASKS.value


def add_to(app: typer.Typer) -> None:
    """Add the commands to those about requests."""
    app.command()(restrict)
    app.command()(lift)


def restrict(
    request_id: RequestArgument,
    *,
    reason: Annotated[RestrictionReason, typer.Option(help="Why.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Let replicas say nothing about the subject; takes effect at once.

    It is in force when every replica says so. It ends by itself when the erasure is
    effective, or by two officers with `lift`.
    """
    key = RequestId(request_id)
    restrict_request(key, reason, officer=by, desk=wiring.restrictions())
    _show(key, done="restricted", as_json=as_json)


def lift(
    request_id: RequestArgument,
    *,
    reason: Annotated[Ending, typer.Option(help="Why.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """End a restriction, and tell the subject; a second officer confirms."""
    key = RequestId(request_id)
    is_done = lift_restriction(
        key, LiftReason(reason), officer=by, desk=wiring.restrictions()
    )
    _show(key, done="lifted" if is_done else "proposed", as_json=as_json)


def _show(key: RequestId, *, done: str, as_json: bool) -> None:
    """Tell replicas, and say what came of it."""
    try:
        wiring.tell_restrictions()
        told = "the list is published"
    except UnlearnError as error:
        told = f"replicas are told later ({error.code})"
    found = restrictions(wiring.office().store, key).get(key)
    force = found.in_force_at if found else None
    show(
        {
            "request_id": str(key),
            "restriction": done,
            "replicas": told,
            "since": found.since.isoformat() if found else None,
            "in_force_at": force.isoformat() if force else None,
        },
        as_json=as_json,
    )
