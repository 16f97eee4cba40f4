from dataclasses import replace

import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps.refer_to_controller import refer_to_controller
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration


def careful(controller: Controller, request_id: RequestId) -> Workbench:
    bench = controller.bench(request_id)
    return replace(bench, terms=replace(bench.terms, needs_approval=True))


def test_without_the_setting_the_work_goes_on(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    assert refer_to_controller(request_id, bench=bench)
    assert controller.store.get(request_id).stage is Stage.LOCATED


def test_with_it_the_request_waits_until_it_is_approved(controller: Controller) -> None:
    request_id = controller.receive()
    bench = careful(controller, request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    for _ in range(2):
        assert not refer_to_controller(request_id, bench=bench)
    (entry,) = controller.entries(request_id, Stage.REFERRED)
    located = controller.entries(request_id, Stage.LOCATED)[0].payload["found"]
    assert isinstance(located, dict)
    assert entry.payload["records"] == sum(map(int, map(str, located.values()))) > 0

    controller.store.advance(request_id, Stage.APPROVED, {}, lease=bench.lease)
    assert refer_to_controller(request_id, bench=bench)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    assert refer_to_controller(request_id, bench=bench)


def test_what_was_erased_before_the_setting_is_not_stopped(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = careful(controller, request_id)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    assert refer_to_controller(request_id, bench=bench)
