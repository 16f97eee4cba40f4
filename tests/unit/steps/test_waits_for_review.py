"""More is in the tests of reviewing."""

import pytest
from support.reviews import plant_namesakes
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import Stage
from unlearn_core.steps.waits_for_review import waits_for_review

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("namesakes", [0, 1])
def test_a_request_waits_if_there_is_something_to_decide(
    controller: Controller, namesakes: int
) -> None:
    plant_namesakes(controller, count=namesakes)
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    assert waits_for_review(request_id, bench=bench) is bool(namesakes)
