"""What a request has come to, read from its ledger entries."""

from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.steps.journal import find_entry
from unlearn_core.steps.workbench import Workbench


def outcome_of(request_id: RequestId, *, bench: Workbench) -> Outcome:
    """Return the honest word for what was achieved.

    Suppression counts only after every replica has confirmed. A source that could not
    be searched, or may not be erased, makes it partial, and so does a record on hold.
    """
    early = bench.requests.get(request_id).outcome
    if early is not None:
        return early
    if find_entry(bench, request_id, Stage.SERVING_CONFIRMED) is None:
        return Outcome.FAILED
    if is_partial(request_id, bench=bench):
        return Outcome.PARTIAL
    return Outcome.SUPPRESSED_AT_OUTPUT


def is_partial(request_id: RequestId, *, bench: Workbench) -> bool:
    """Tell whether a source was not searched or not erased, or a record stays."""
    located = find_entry(bench, request_id, Stage.LOCATED) or {}
    erased = find_entry(bench, request_id, Stage.SOURCES_ERASED) or {}
    return bool(located.get("unsearched") or erased.get("kept") or erased.get("held"))
