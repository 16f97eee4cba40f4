"""Resume: find requests that nobody works on and ask for another run.

The ledger knows what is left to do and the leases know who is alive, so a lost worker
needs no report: its lease expires. A run that dies before it takes a lease leaves no
trace at all; after `PATIENCE` without one the run counts as lost and another is asked
for.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from unlearn_core import ports
from unlearn_core.domain.codes import ANSWER_WITHIN, asked_at
from unlearn_core.domain.cooling import cancel_until
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import (
    WAITS,
    ErasureRequest,
    RequestId,
    Stage,
)
from unlearn_core.errors import OrchestratorUnavailableError
from unlearn_core.observability import EventLog

WORK_STARTED = "work_started"
RUN_LOST = "run_lost"
ATTEMPTS_EXHAUSTED = "attempts_exhausted"
ATTEMPTS_GRANTED = "attempts_granted"
PATIENCE = timedelta(minutes=10)

_LOG = EventLog("watchdog")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPost:
    """What the watchdog needs."""

    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    trigger: ports.WorkflowTrigger
    clock: ports.Clock
    maximum_attempts: int


def resume_requests(post: WatchPost) -> tuple[RequestId, ...]:
    """Start a run for every request that is neither closed, waiting nor worked on.

    Returns:
        The requests for which a run was asked.
    """
    asked: list[RequestId] = []
    for request in post.requests.all():
        if request.is_closed:
            continue
        entries = tuple(post.ledger.entries(request.request_id))
        wakes_at = _wakes_at(request, entries)
        if wakes_at is None or post.clock.now() < wakes_at:
            continue
        if not post.leases.is_free(str(request.request_id)):
            continue
        if _ask(request, entries, post, since=wakes_at):
            asked.append(request.request_id)
    return tuple(asked)


def _wakes_at(
    request: ErasureRequest, entries: Sequence[LedgerEntry]
) -> datetime | None:
    """Return from when on there is work; None as long as a person has to act.

    A proof is not awaited for ever, and what cools off does so until a stated moment.
    """
    if request.stage is Stage.COOLING_OFF:
        return cancel_until(entries)
    if request.stage is Stage.PROOF_AWAITED:
        asked = asked_at(entries)
        return asked + ANSWER_WITHIN if asked else None
    if request.stage in WAITS:
        return None
    return entries[-1].recorded_at


def _ask(
    request: ErasureRequest,
    entries: Sequence[LedgerEntry],
    post: WatchPost,
    *,
    since: datetime,
) -> bool:
    events, recent = Counter(entry.event for entry in entries), _recent(entries)
    started, granted = recent[WORK_STARTED], recent[ATTEMPTS_GRANTED]
    if started >= post.maximum_attempts * (1 + granted):
        if recent[ATTEMPTS_EXHAUSTED] <= granted:
            post.ledger.note(
                ATTEMPTS_EXHAUSTED,
                {"attempts": started},
                request_id=request.request_id,
            )
            _LOG.error("attempts_exhausted", request_id=request.request_id)
        return False
    is_lost = post.clock.now() - max(since, entries[-1].recorded_at) > PATIENCE
    attempt = events[WORK_STARTED] + events[RUN_LOST] + is_lost + 1
    try:
        post.trigger.start(request.request_id, attempt=attempt)
    except OrchestratorUnavailableError as error:
        _LOG.warning("resume_failed", request_id=request.request_id, code=error.code)
        return False
    if is_lost:
        post.ledger.note(
            RUN_LOST, {"attempt": attempt - 1}, request_id=request.request_id
        )
    return True


def grant_attempts(request_id: RequestId, *, ledger: ports.Ledger) -> bool:
    """Let a request whose attempts are exhausted be tried as often again.

    Returns:
        Whether they were exhausted; otherwise nothing is recorded.
    """
    events = _recent(tuple(ledger.entries(request_id)))
    is_exhausted = events[ATTEMPTS_EXHAUSTED] > events[ATTEMPTS_GRANTED]
    if is_exhausted:
        ledger.note(ATTEMPTS_GRANTED, {}, request_id=request_id)
    return is_exhausted


def _recent(entries: Sequence[LedgerEntry]) -> Counter[str]:
    """Count what has happened since the request last waited.

    A run that ended because somebody was asked, or time had to pass, was no failure.
    """
    events = [entry.event for entry in entries]
    waits = (number for number, event in enumerate(events, 1) if event in WAITS)
    return Counter(events[max(waits, default=0) :])
