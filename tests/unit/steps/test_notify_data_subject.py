import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import Outcome, RequestStatus, Stage
from unlearn_core.steps.acknowledge_request import acknowledge_request
from unlearn_core.steps.notify_data_subject import notify_data_subject
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.results import Notified
from unlearn_core.steps.verify_identity import verify_identity

pytestmark = pytest.mark.integration


def test_the_subject_learns_the_outcome_and_the_request_is_closed(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.CERTIFIED, request_id, bench=bench)

    result = notify_data_subject(request_id, bench=bench)

    assert result == Notified(
        template="suppressed_at_output", outcome=Outcome.SUPPRESSED_AT_OUTPUT
    )
    assert controller.notifier.posted(request_id)[-1] == "suppressed_at_output"
    request = controller.store.get(request_id)
    assert request.is_closed
    assert request.status is RequestStatus.FULFILLED
    assert request.outcome is Outcome.SUPPRESSED_AT_OUTPUT


def test_the_address_is_forgotten_after_the_answer(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.CERTIFIED, request_id, bench=bench)
    assert controller.custody.has(f"{request_id}.contact", "content")

    notify_data_subject(request_id, bench=bench)

    assert not controller.custody.has(f"{request_id}.contact", "content")


def test_an_answer_that_was_sent_and_not_recorded_is_recorded_without_the_address(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.CERTIFIED, request_id, bench=bench)

    def die(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(controller.store, "advance", die)
        with pytest.raises(KeyboardInterrupt):
            notify_data_subject(request_id, bench=bench)

    notify_data_subject(request_id, bench=controller.lose(bench))

    assert controller.store.get(request_id).is_closed
    assert controller.notifier.posted(request_id).count("suppressed_at_output") == 1


def test_a_refused_requester_is_told_so(controller: Controller) -> None:
    request_id = controller.receive(is_genuine=False)
    bench = controller.bench(request_id)
    acknowledge_request(request_id, bench=bench)
    verify_identity(request_id, bench=bench)
    purge_working_data(request_id, bench=bench)

    result = notify_data_subject(request_id, bench=bench)

    assert result.outcome is Outcome.REFUSED
    assert controller.store.get(request_id).status is RequestStatus.DENIED
