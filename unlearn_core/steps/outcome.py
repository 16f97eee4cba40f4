"""What a request has come to, read from its ledger entries."""

from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.steps.journal import find_entry
from unlearn_core.steps.workbench import Workbench


def outcome_of(request_id: RequestId, *, bench: Workbench) -> Outcome:
    """Return the honest word for what was achieved.

    An unsearched source makes everything partial. Suppression counts only after every
    replica has confirmed.
    """
    early = bench.requests.get(request_id).outcome
    if early is not None:
        return early
    located = find_entry(bench, request_id, Stage.LOCATED) or {}
    erased = find_entry(bench, request_id, Stage.SOURCES_ERASED) or {}
    if located.get("unsearched"):
        return Outcome.PARTIAL
    if find_entry(bench, request_id, Stage.SERVING_CONFIRMED):
        return Outcome.PARTIAL if erased.get("kept") else Outcome.SUPPRESSED_AT_OUTPUT
    return Outcome.FAILED
