"""Does somebody have to decide about uncertain records before anything goes on?"""

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps.workbench import Workbench


def waits_for_review(request_id: RequestId, *, bench: Workbench) -> bool:
    """Tell whether the review list has records that nobody has decided about."""
    return bench.requests.get(request_id).stage is Stage.UNDER_REVIEW
