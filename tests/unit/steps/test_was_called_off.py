"""More is in the tests of decisions."""

import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import Stage
from unlearn_core.steps.was_called_off import was_called_off

pytestmark = pytest.mark.integration


def test_a_request_that_goes_on_was_not(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    assert not was_called_off(request_id, bench=bench)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    assert not was_called_off(request_id, bench=bench)
