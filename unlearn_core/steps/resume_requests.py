"""Resume: find requests that nobody works on and ask for another run.

The ledger knows what is left to do and the leases know who is alive, so a lost worker
needs no report: its lease expires. A run that dies before it takes a lease leaves no
trace at all; after `PATIENCE` without one the run counts as lost and another is asked
for.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from unlearn_core import ports
from unlearn_core.domain.codes import ANSWER_WITHIN
from unlearn_core.domain.requests import (
    WAITS_FOR_A_PERSON,
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
        if request.is_closed or _is_waiting(request, post):
            continue
        if not post.leases.is_free(str(request.request_id)):
            continue
        if _ask(request, post):
            asked.append(request.request_id)
    return tuple(asked)


def _is_waiting(request: ErasureRequest, post: WatchPost) -> bool:
    """Tell whether a person has to do something; a proof is not awaited for ever."""
    if request.stage is not Stage.PROOF_AWAITED:
        return request.stage in WAITS_FOR_A_PERSON
    asked_at = max(
        entry.recorded_at
        for entry in post.ledger.entries(request.request_id)
        if entry.event == Stage.PROOF_AWAITED
    )
    return post.clock.now() < asked_at + ANSWER_WITHIN


def _ask(request: ErasureRequest, post: WatchPost) -> bool:
    entries = tuple(post.ledger.entries(request.request_id))
    events = Counter(entry.event for entry in entries)
    started, granted = events[WORK_STARTED], events[ATTEMPTS_GRANTED]
    if started >= post.maximum_attempts * (1 + granted):
        if events[ATTEMPTS_EXHAUSTED] <= granted:
            post.ledger.note(
                ATTEMPTS_EXHAUSTED,
                {"attempts": started},
                request_id=request.request_id,
            )
            _LOG.error("attempts_exhausted", request_id=request.request_id)
        return False
    is_lost = post.clock.now() - entries[-1].recorded_at > PATIENCE
    attempt = started + events[RUN_LOST] + is_lost + 1
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
    events = Counter(entry.event for entry in ledger.entries(request_id))
    is_exhausted = events[ATTEMPTS_EXHAUSTED] > events[ATTEMPTS_GRANTED]
    if is_exhausted:
        ledger.note(ATTEMPTS_GRANTED, {}, request_id=request_id)
    return is_exhausted
