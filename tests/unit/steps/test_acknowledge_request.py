import pytest
from support.steps import Controller

from unlearn_core.domain.requests import Stage
from unlearn_core.steps.acknowledge_request import acknowledge_request
from unlearn_core.steps.receive_request import receive_request
from unlearn_core.steps.results import Acknowledged

pytestmark = pytest.mark.integration


def test_the_subject_is_told_when_the_answer_is_due(controller: Controller) -> None:
    request_id = controller.receive()

    result = acknowledge_request(request_id, bench=controller.bench(request_id))

    # Received on Monday 2 March 2026; a month later is Thursday 2 April.
    assert result == Acknowledged(due_on="2026-04-02", stage=Stage.ACKNOWLEDGED)
    assert controller.notifier.posted(request_id) == ("acknowledged",)


def test_a_request_without_an_address_is_acknowledged_too(
    controller: Controller,
) -> None:
    person = controller.population.trained[0]
    submission = controller.submission(person, has_contact=False)
    request_id = receive_request(submission, desk=controller.desk()).request_id

    acknowledge_request(request_id, bench=controller.bench(request_id))

    assert controller.notifier.posted(request_id) == ("acknowledged",)
