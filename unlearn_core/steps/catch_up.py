"""Catch up: give up a training that another request has overtaken.

From training to confirmation a worker holds the lease of the base model. If it dies in
between, another request may be promoted before this one is resumed. A pair that was
trained on the version before knows nothing of that other erasure and would undo it, so
the request is trained again on top of the latest version.
"""

from unlearn_core.domain.requests import TRANSITIONS, RequestId, Stage
from unlearn_core.observability import EventLog
from unlearn_core.steps.journal import read_result
from unlearn_core.steps.lineage import read_lineage
from unlearn_core.steps.results import Trained
from unlearn_core.steps.workbench import Workbench

_LOG = EventLog("worker")


def catch_up(request_id: RequestId, *, bench: Workbench) -> bool:
    """Start another round of training if the last one was overtaken.

    Returns:
        Whether it was.

    Raises:
        RegistryUnavailableError: The registry does not answer.
        LeaseLostError: Another worker has taken over.
    """
    if Stage.OVERTAKEN not in TRANSITIONS[bench.requests.get(request_id).stage]:
        return False
    trained = read_result(bench, request_id, Stage.TRAINED, result=Trained)
    lineage = read_lineage(bench=bench)
    if lineage.covers(request_id) or lineage.is_continued_by(trained):
        return False
    bench.check_lease()
    bench.ledger.advance(
        request_id,
        Stage.OVERTAKEN,
        {"sequence": trained.sequence, "latest": lineage.latest_digest},
        lease=bench.lease,
    )
    _LOG.warning("request_overtaken", request_id=request_id, sequence=trained.sequence)
    return True
