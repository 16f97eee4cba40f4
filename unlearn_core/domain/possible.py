"""What can be decided about a request now; the rules are those of `decisions`."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

from unlearn_core.domain.deadlines import (
    ExtensionReason,
    ExtensionRefusedError,
    check_extension,
)
from unlearn_core.domain.decisions import (
    EFFECTS,
    ClosingReason,
    DecisionRefusedError,
    HoldReason,
    RefusalReason,
    Verb,
    check_can_be_asked,
    check_not_too_late,
)
from unlearn_core.domain.docket import Docket
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import TRANSITIONS, ErasureRequest, Stage
from unlearn_core.domain.stage_limits import (
    WorkingDataExpiredError,
    check_not_expired,
)

REASONS: Mapping[Verb, type[StrEnum]] = {
    Verb.REFUSE: RefusalReason,
    Verb.EXTEND: ExtensionReason,
    Verb.HOLD: HoldReason,
    Verb.CLOSE_ESCALATED: ClosingReason,
}
"""Coded reasons of each decision that needs one."""


def possible_decisions(
    request: ErasureRequest,
    entries: Sequence[LedgerEntry],
    *,
    docket: Docket,
    today: date,
    now: datetime,
) -> tuple[Verb, ...]:
    """Return what officers may decide about a request at this moment."""
    return tuple(
        verb
        for verb in Verb
        if _is_possible(verb, request, entries, docket=docket, today=today, now=now)
    )


def can_be_withdrawn(
    request: ErasureRequest, entries: Sequence[LedgerEntry], *, now: datetime
) -> bool:
    """Tell whether the subject may still call the request off."""
    return _may_move(Stage.WITHDRAWN, request, entries, now=now)


def _is_possible(
    verb: Verb,
    request: ErasureRequest,
    entries: Sequence[LedgerEntry],
    *,
    docket: Docket,
    today: date,
    now: datetime,
) -> bool:
    stage = EFFECTS[verb].stage
    if stage is not None:
        return _may_move(stage, request, entries, now=now)
    if verb is Verb.ASK_FOR_PROOF:
        return _can_be_asked(request, entries)
    try:
        check_extension(docket.deadline, on=today, is_extended=docket.is_extended)
    except ExtensionRefusedError:
        return False
    return not request.is_closed


def _can_be_asked(request: ErasureRequest, entries: Sequence[LedgerEntry]) -> bool:
    try:
        check_can_be_asked(entries, request.stage)
    except (DecisionRefusedError, WorkingDataExpiredError):
        return False
    return True


def _may_move(
    stage: Stage,
    request: ErasureRequest,
    entries: Sequence[LedgerEntry],
    *,
    now: datetime,
) -> bool:
    try:
        check_not_too_late(entries, stage, now=now)
        check_not_expired(entries, stages={stage})
    except (DecisionRefusedError, WorkingDataExpiredError):
        return False
    return stage in TRANSITIONS[request.stage]
