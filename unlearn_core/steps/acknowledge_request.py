"""Acknowledge: tell the subject that the request arrived and when it is due.

Where requests cool off, it also says until when at least the request can be cancelled.
"""

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.results import Acknowledged
from unlearn_core.steps.subject import read_contact
from unlearn_core.steps.workbench import Workbench


@recorded(Stage.ACKNOWLEDGED, result=Acknowledged)
def acknowledge_request(request_id: RequestId, *, bench: Workbench) -> Acknowledged:
    """Send the acknowledgement."""
    request = bench.requests.get(request_id)
    bench.notifier.notify(
        request, template="acknowledged", contact=read_contact(request_id, bench=bench)
    )
    cooling_off = bench.terms.cooling_off
    return Acknowledged(
        due_on=request.deadline.due_on.isoformat(),
        cancel_until=bench.clock.now() + cooling_off if cooling_off else None,
    )
