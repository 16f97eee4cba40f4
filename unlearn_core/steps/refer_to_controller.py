"""Refer: let officers approve before anything is erased, where that is asked for.

A code proves that somebody reads one mailbox, not that the other identifiers are
theirs, so what was found by those is laid before the officers always; also where one
of them has confirmed the identity because no code came back. So is a request that would
touch half of a source or more: its identifiers may be everybody's.
"""

from unlearn_core.domain.codes import Proof
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.observability import EventLog
from unlearn_core.steps.journal import find_entry, recorded
from unlearn_core.steps.results import Referred
from unlearn_core.steps.workbench import Workbench

_LOG = EventLog("worker")


def refer_to_controller(request_id: RequestId, *, bench: Workbench) -> bool:
    """Lay the request before the officers, unless they have approved it.

    One that cools off was decided under the setting of that time; officers can hold it.

    Returns:
        Whether the work may go on now.
    """
    passed = (Stage.APPROVED, Stage.COOLING_OFF, Stage.SOURCES_ERASED)
    if any(find_entry(bench, request_id, stage) is not None for stage in passed):
        return True
    needs_approval = (
        bench.terms.needs_approval
        or _was_to_prove_an_address(request_id, bench=bench)
        or _too_much(request_id, bench=bench)
    )
    if not needs_approval:
        return True
    _refer(request_id, bench=bench)
    return False


@recorded(Stage.REFERRED, result=Referred)
def _refer(request_id: RequestId, *, bench: Workbench) -> Referred:
    located = find_entry(bench, request_id, Stage.LOCATED) or {}
    _LOG.warning("request_referred", request_id=request_id)
    return Referred(
        records=sum(located.get("found", {}).values()),
        too_much=_too_much(request_id, bench=bench),
    )


def _too_much(request_id: RequestId, *, bench: Workbench) -> list[str]:
    located = find_entry(bench, request_id, Stage.LOCATED) or {}
    return list(located.get("too_much", ()))


def _was_to_prove_an_address(request_id: RequestId, *, bench: Workbench) -> bool:
    awaited = find_entry(bench, request_id, Stage.PROOF_AWAITED) or {}
    return awaited.get("proof") == Proof.CODE
