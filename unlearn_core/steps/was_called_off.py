"""Was the request declined by officers, or withdrawn by the subject?"""

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps.journal import find_entry
from unlearn_core.steps.workbench import Workbench


def was_called_off(request_id: RequestId, *, bench: Workbench) -> bool:
    """Tell whether nothing is left but to destroy the working data and answer."""
    return find_entry(bench, request_id, Stage.DECLINED, Stage.WITHDRAWN) is not None
