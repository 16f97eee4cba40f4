"""Restriction on the page of a request: whether it is in force, and the two forms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from fastapi import Request

from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.restricted import (
    DECIDED,
    EVENTS,
    RESTRICTED,
    RESTRICTION_LIFTED,
    LiftProposal,
    LiftReason,
    RestrictionReason,
    is_effective,
    read_restrictions,
    restriction_state,
)
from unlearn_core.http_errors import ForbiddenError
from unlearn_core.intake.console.desk import ConsoleDesk, caller_of, form_of
from unlearn_core.steps.restrict_request import lift_restriction, restrict_request

Reason = TypeVar("Reason", RestrictionReason, LiftReason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRestriction:
    """What a page says of a restriction.

    Attributes:
        state: `restricted`, `restriction_in_force` or `restriction_lifted`.
        proposal: What one officer has proposed to end it.
        since: When it came to this.
    """

    state: str
    proposal: LiftProposal | None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """Reasons of the forms that can be filled in now; none where there is no form."""

    restrict: tuple[StrEnum, ...] = ()
    lift: tuple[StrEnum, ...] = ()


def shown_restriction(entries: Sequence[LedgerEntry]) -> ShownRestriction | None:
    """Return how things stand; None if nothing was ever restricted."""
    state = restriction_state(entries)
    if not state:
        return None
    told = [entry for entry in entries if entry.event in EVENTS]
    since = max(
        entry.recorded_at for entry in told if entry.event in {state, RESTRICTED}
    )
    open_ = list(read_restrictions(told).values())
    return ShownRestriction(
        state=state, since=since, proposal=open_[0].proposal if open_ else None
    )


def forms(entries: Sequence[LedgerEntry]) -> Forms:
    """Return which forms can be filled in."""
    done = {entry.event for entry in entries}
    shown = shown_restriction(entries)
    if shown is not None:
        return Forms(lift=() if shown.state == RESTRICTION_LIFTED else DECIDED)
    is_known = Stage.IDENTITY_VERIFIED in done
    is_late = is_effective(entries) or Stage.PURGED in done
    return Forms(restrict=tuple(RestrictionReason) if is_known and not is_late else ())


def values(entries: Sequence[LedgerEntry], *, may_decide: bool) -> dict[str, object]:
    """Return what the page of a request shows."""
    return {
        "restriction": shown_restriction(entries),
        "forms": forms(entries) if may_decide else Forms(),
    }


def restrict(request: Request, key: RequestId, desk: ConsoleDesk) -> str:
    """Carry out the form that restricts; return what to say.

    Raises:
        ForbiddenError: It was not filled in.
        RestrictionRefusedError: It is not possible.
    """
    reason = _reason(request, RestrictionReason)
    caller = caller_of(request)
    restrict_request(
        key, reason, officer=caller.name, who=caller.who, desk=desk.restriction
    )
    return "done"


def lift(request: Request, key: RequestId, desk: ConsoleDesk) -> str:
    """Carry out the form that lifts, or propose it; return what to say.

    Raises:
        ForbiddenError: It was not filled in.
        RestrictionRefusedError: It is not possible.
    """
    reason = _reason(request, LiftReason)
    caller = caller_of(request)
    is_done = lift_restriction(
        key, reason, officer=caller.name, who=caller.who, desk=desk.restriction
    )
    return "done" if is_done else "proposed"


def _reason(request: Request, kind: type[Reason]) -> Reason:
    form = form_of(request)
    if form.get("confirmed") != "yes":
        raise ForbiddenError(problem="not confirmed")
    try:
        return kind(form.get("reason", ""))
    except ValueError:
        raise ForbiddenError(problem="no such reason") from None
