import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import RequestStatus, Stage
from unlearn_core.errors import IllegalTransitionError
from unlearn_core.steps.escalate_to_controller import escalate_to_controller
from unlearn_core.steps.issue_certificate import issue_certificate
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.results import Escalated
from unlearn_core.steps.train_offset_pair import train_offset_pair
from unlearn_core.steps.verify_unlearning import verify_unlearning

pytestmark = pytest.mark.integration


def test_a_request_that_every_rung_failed_waits_for_a_person(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id, accepts=False)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    for rung in range(2):
        train_offset_pair(request_id, bench=bench, rung=rung)
        assert not verify_unlearning(request_id, bench=bench, rung=rung).passed

    result = escalate_to_controller(request_id, bench=bench)

    assert result == Escalated(rungs=2)
    assert controller.registry.versions("small-world") == ()
    assert controller.registry.pointer("small-world") is None
    request = controller.store.get(request_id)
    assert (request.status, request.outcome) == (RequestStatus.IN_PROGRESS, None)
    # The working data is kept for the person who decides.
    assert controller.custody.has(str(request_id), "datasets")


def test_another_round_starts_from_the_first_rung_with_the_same_sets(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id, accepts=False)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    controller.store.advance(request_id, Stage.ESCALATED, {}, lease=bench.lease)
    controller.store.advance(request_id, Stage.RETRIED, {}, lease=bench.lease)
    controller.leases.release(bench.lease)

    work_until(Stage.NOTIFIED, request_id, bench=controller.bench(request_id))

    assert controller.covered() == [str(request_id)]
    assert len(controller.entries(request_id, Stage.DATASETS_BUILT)) == 1


def test_a_request_that_is_given_up_ends_without_claiming_suppression(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id, accepts=False)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    controller.store.advance(request_id, Stage.ESCALATED, {}, lease=bench.lease)
    controller.store.advance(request_id, Stage.GIVEN_UP, {}, lease=bench.lease)

    purge_working_data(request_id, bench=bench)
    issue_certificate(request_id, bench=bench)

    certificate = controller.certificate(request_id)
    assert (certificate.outcome.value, certificate.scope) == ("failed", None)


def test_nothing_is_escalated_while_a_pair_is_verified(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.UNLEARNING_VERIFIED, request_id, bench=bench)

    with pytest.raises(IllegalTransitionError):
        escalate_to_controller(request_id, bench=bench)
