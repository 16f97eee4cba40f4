"""Escalate: every rung was rejected, so a person has to decide."""

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.observability import EventLog
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.results import Escalated
from unlearn_core.steps.workbench import Workbench

_LOG = EventLog("worker")


@recorded(Stage.ESCALATED, result=Escalated)
def escalate_to_controller(request_id: RequestId, *, bench: Workbench) -> Escalated:
    """Record that nothing was registered; working data stays sealed until decided."""
    _LOG.warning("request_escalated", request_id=request_id)
    return Escalated(rungs=len(bench.ladder))
