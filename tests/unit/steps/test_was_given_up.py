"""More is in the tests of decisions."""

import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import Stage
from unlearn_core.steps.was_given_up import was_given_up

pytestmark = pytest.mark.integration


def test_a_request_that_goes_on_was_not(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    assert not was_given_up(request_id, bench=bench)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    assert not was_given_up(request_id, bench=bench)
