"""Spare: end after erasure where the base model was trained on none of what was found.

There is nothing to suppress then, and nothing to build sets from.
"""

from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.steps.journal import find_entry, read_result, recorded
from unlearn_core.steps.outcome import is_partial
from unlearn_core.steps.results import BaseSpared, Located
from unlearn_core.steps.subject import other_requests, read_subject
from unlearn_core.steps.workbench import Workbench


def spare_base_model(request_id: RequestId, *, bench: Workbench) -> bool:
    """Tell whether nothing is left to be done, because the base knows none of it.

    What has gone on under an earlier data map goes on.
    """
    if find_entry(bench, request_id, Stage.DATASETS_BUILT) is not None:
        return False
    if find_entry(bench, request_id, Stage.BASE_SPARED) is not None:
        return True
    if was_trained_on_any(request_id, bench=bench):
        return False
    _spare(request_id, bench=bench)
    return True


def was_trained_on_any(request_id: RequestId, *, bench: Workbench) -> bool:
    """Tell whether the base model was trained on a source of what was found."""
    located = read_result(bench, request_id, Stage.LOCATED, result=Located)
    return any(
        bench.data_map.was_trained_on(name, base_model=bench.terms.base_model)
        for name, count in located.found.items()
        if count
    )


@recorded(Stage.BASE_SPARED, result=BaseSpared)
def _spare(request_id: RequestId, *, bench: Workbench) -> BaseSpared:
    return BaseSpared(
        base_model=bench.terms.base_model, outcome=_outcome(request_id, bench=bench)
    )


def _outcome(request_id: RequestId, *, bench: Workbench) -> Outcome:
    """Return the honest word for what was achieved.

    An earlier request that failed has erased records that the base was trained on, so
    no search finds them any more, and the base still states them.
    """
    request = bench.requests.get(request_id)
    subject = read_subject(request_id, bench=bench)
    if any(
        other.outcome is Outcome.FAILED and other.base_model == request.base_model
        for other in other_requests(request, subject, bench=bench)
    ):
        return Outcome.FAILED
    is_part = is_partial(request_id, bench=bench)
    return Outcome.PARTIAL if is_part else Outcome.ERASED_AT_SOURCE
