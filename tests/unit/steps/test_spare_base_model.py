import sqlite3
from dataclasses import replace

import pytest
from support.steps import BASE_MODEL, Controller
from support.story import work_until

from unlearn_core.domain.requests import Outcome, RequestId, RequestStatus, Stage
from unlearn_core.errors import IllegalTransitionError
from unlearn_core.steps.build_datasets import build_datasets
from unlearn_core.steps.issue_certificate import issue_certificate
from unlearn_core.steps.notify_data_subject import notify_data_subject
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.receive_request import receive_request
from unlearn_core.steps.spare_base_model import spare_base_model
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration


def _trained_on(bench: Workbench, *sources: str) -> Workbench:
    """Return a bench whose base model was trained on some sources only."""
    trained = {name: ("another",) for name in bench.sources if name not in sources}
    return replace(bench, data_map=replace(bench.data_map, trained=trained))


def _erased(controller: Controller) -> tuple[RequestId, Workbench]:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.SOURCES_ERASED, request_id, bench=bench)
    return request_id, bench


def test_a_base_that_was_trained_on_any_of_it_has_to_forget(
    controller: Controller,
) -> None:
    request_id, bench = _erased(controller)

    assert not spare_base_model(request_id, bench=_trained_on(bench, "customers"))

    assert controller.store.get(request_id).stage is Stage.SOURCES_ERASED


def test_a_request_ends_where_the_base_was_trained_on_none_of_it(
    controller: Controller,
) -> None:
    request_id, bench = _erased(controller)
    bench = _trained_on(bench)

    assert spare_base_model(request_id, bench=bench)
    bench = _trained_on(controller.lose(bench))
    assert spare_base_model(request_id, bench=bench)
    with pytest.raises(IllegalTransitionError):
        build_datasets(request_id, bench=bench)
    for step in (purge_working_data, issue_certificate, notify_data_subject):
        step(request_id, bench=bench)

    request = controller.store.get(request_id)
    assert (request.is_closed, request.status) == (True, RequestStatus.FULFILLED)
    certificate = controller.certificate(request_id)
    assert certificate.outcome == "erased_at_source"
    assert certificate.scope is None
    assert certificate.forget_set is None
    assert {name: found["erased"] for name, found in certificate.sources.items()} == {
        "corpus": 16,
        "support": 12,
        "customers": 1,
    }
    (spared,) = controller.entries(request_id, "base_spared")
    assert spared.payload["base_model"] == BASE_MODEL


def test_where_a_record_has_to_stay_it_is_partial(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    with sqlite3.connect(controller.paths.customers) as connection:
        # Another row has the identifier by now, so both stay.
        connection.execute(
            "INSERT INTO customers SELECT * FROM customers WHERE name = ?",
            (controller.population.trained[0].name,),
        )
    connection.close()
    work_until(Stage.SOURCES_ERASED, request_id, bench=bench)

    assert spare_base_model(request_id, bench=_trained_on(bench))

    assert controller.store.get(request_id).outcome == "partial"


def _given_up(controller: Controller, number: int, base_model: str) -> None:
    """Let a request fail that has erased what the base was trained on."""
    submission = controller.submission(controller.population.trained[number])
    desk = replace(controller.desk(), base_model=base_model)
    request_id = receive_request(submission, desk=desk).request_id
    bench = controller.bench(request_id)
    work_until(Stage.SOURCES_ERASED, request_id, bench=bench)
    lease = bench.lease
    for stage in (Stage.DATASETS_BUILT, Stage.TRAINED, Stage.UNLEARNING_REJECTED):
        controller.store.advance(request_id, stage, {}, lease=lease)
    controller.store.advance(request_id, Stage.ESCALATED, {}, lease=lease)
    controller.store.advance(
        request_id, Stage.GIVEN_UP, {}, lease=lease, outcome=Outcome.FAILED
    )
    purge_working_data(request_id, bench=bench)
    controller.leases.release(lease)


@pytest.mark.parametrize(
    ("number", "base_model", "outcome"),
    [
        (0, BASE_MODEL, "failed"),
        (0, "another", "erased_at_source"),
        (1, BASE_MODEL, "erased_at_source"),
    ],
)
def test_the_base_still_states_what_an_earlier_request_of_the_same_person_erased(
    controller: Controller, number: int, base_model: str, outcome: str
) -> None:
    """It failed for the base, and no search finds what it erased any more."""
    customers = controller.paths.customers.read_bytes()
    _given_up(controller, number, base_model)
    controller.paths.customers.write_bytes(customers)
    request_id, bench = _erased(controller)

    assert spare_base_model(request_id, bench=_trained_on(bench))

    assert controller.store.get(request_id).outcome == outcome


def test_what_has_gone_on_under_an_earlier_data_map_goes_on(
    controller: Controller,
) -> None:
    request_id, bench = _erased(controller)
    build_datasets(request_id, bench=bench)

    assert not spare_base_model(request_id, bench=_trained_on(bench))
