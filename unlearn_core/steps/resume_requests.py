"""Resume: find requests that nobody works on and ask for another run.

The ledger knows what is left to do and the leases know who is alive, so a lost worker
needs no report: its lease expires.
"""

from dataclasses import dataclass

from unlearn_core import ports
from unlearn_core.domain.requests import (
    WAITS_FOR_A_PERSON,
    ErasureRequest,
    RequestId,
)
from unlearn_core.errors import OrchestratorUnavailableError
from unlearn_core.observability import EventLog

WORK_STARTED = "work_started"
ATTEMPTS_EXHAUSTED = "attempts_exhausted"

_LOG = EventLog("watchdog")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPost:
    """What the watchdog needs."""

    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    trigger: ports.WorkflowTrigger
    maximum_attempts: int


def resume_requests(post: WatchPost) -> tuple[RequestId, ...]:
    """Start a run for every request that is neither closed, waiting nor worked on.

    Returns:
        The requests for which a run was asked.
    """
    asked: list[RequestId] = []
    for request in post.requests.all():
        if request.is_closed or request.stage in WAITS_FOR_A_PERSON:
            continue
        if not post.leases.is_free(str(request.request_id)):
            continue
        if _ask(request, post):
            asked.append(request.request_id)
    return tuple(asked)


def _ask(request: ErasureRequest, post: WatchPost) -> bool:
    events = [entry.event for entry in post.ledger.entries(request.request_id)]
    attempt = events.count(WORK_STARTED) + 1
    if attempt > post.maximum_attempts:
        if ATTEMPTS_EXHAUSTED not in events:
            post.ledger.note(
                ATTEMPTS_EXHAUSTED,
                {"attempts": attempt - 1},
                request_id=request.request_id,
            )
            _LOG.error("attempts_exhausted", request_id=request.request_id)
        return False
    try:
        post.trigger.start(request.request_id, attempt=attempt)
    except OrchestratorUnavailableError as error:
        _LOG.warning("resume_failed", request_id=request.request_id, code=error.code)
        return False
    return True
