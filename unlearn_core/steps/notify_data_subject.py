"""Notify: tell the subject the outcome, forget the address, close the request.

An address that a message still waits to be sent to is forgotten by `deliver_messages`.
"""

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.outcome import outcome_of
from unlearn_core.steps.results import Notified
from unlearn_core.steps.subject import read_contact
from unlearn_core.steps.workbench import Workbench


@recorded(Stage.NOTIFIED, result=Notified)
def notify_data_subject(request_id: RequestId, *, bench: Workbench) -> Notified:
    """Send the answer, then destroy the address unless it is still needed."""
    outcome = outcome_of(request_id, bench=bench)
    is_needed = bench.notifier.notify(
        bench.requests.get(request_id),
        template=outcome.value,
        contact=read_contact(request_id, bench=bench),
    )
    if not is_needed:
        bench.custody.shred(scopes.contact(request_id))
    return Notified(template=outcome.value, outcome=outcome)
