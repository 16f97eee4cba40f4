"""Can the request still be cancelled, so that nothing may be erased yet?"""

from unlearn_core.domain.cooling import last_moment, stated, template_of
from unlearn_core.domain.decisions import ERASURE_ANNOUNCED
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps.journal import find_entry, recorded
from unlearn_core.steps.results import CoolingOff
from unlearn_core.steps.subject import read_contact
from unlearn_core.steps.workbench import Workbench


def cools_off(request_id: RequestId, *, bench: Workbench) -> bool:
    """State until when the request can be cancelled; tell whether it still can.

    A moment that was stated or promised is kept, whatever the setting is by now.
    Without one the work goes on.
    """
    if find_entry(bench, request_id, Stage.COOLING_OFF) is None and _is_due(
        request_id, bench=bench
    ):
        return False
    return bench.clock.now() < _state(request_id, bench=bench).until


@recorded(Stage.COOLING_OFF, result=CoolingOff)
def _state(request_id: RequestId, *, bench: Workbench) -> CoolingOff:
    entries = tuple(bench.ledger.entries(request_id))
    until = last_moment(
        entries, now=bench.clock.now(), cooling_off=bench.terms.cooling_off
    )
    bench.notifier.notify(
        bench.requests.get(request_id),
        template=template_of(len(stated(entries)) + 1),
        contact=read_contact(request_id, bench=bench),
    )
    return CoolingOff(until=until)


def _is_due(request_id: RequestId, *, bench: Workbench) -> bool:
    """Tell whether nothing is left to be waited for, or the erasure has begun."""
    entries, now = tuple(bench.ledger.entries(request_id)), bench.clock.now()
    begun = {ERASURE_ANNOUNCED, Stage.SOURCES_ERASED}
    if any(entry.event in begun for entry in entries):
        return True
    return last_moment(entries, now=now, cooling_off=bench.terms.cooling_off) <= now
