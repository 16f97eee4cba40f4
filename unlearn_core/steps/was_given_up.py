"""Was the request ended by officers, although it was not achieved?"""

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps.journal import find_entry
from unlearn_core.steps.workbench import Workbench


def was_given_up(request_id: RequestId, *, bench: Workbench) -> bool:
    """Tell whether an escalated request ends without suppression."""
    return find_entry(bench, request_id, Stage.GIVEN_UP) is not None
