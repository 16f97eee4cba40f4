import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.steps import Controller, open_controller
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


@pytest.mark.parametrize(("others", "too_much"), [(33, []), (32, ["corpus"])])
def test_what_matches_half_of_a_source_is_laid_before_the_officers(
    tmp_path: Path, others: int, too_much: list[str]
) -> None:
    controller = open_controller(tmp_path)
    path = controller.paths.corpus
    number = controller.population.trained[0].facts["customer_number"]
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    theirs = [line for line in lines if line.get("customer") == number]
    rest = [line for line in lines if line not in theirs][:others]
    again = [{**line, "id": f"again-{line['id']}"} for line in theirs]
    rows = (*rest, *theirs, *again)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    (located,) = controller.entries(request_id, Stage.LOCATED)
    assert located.payload["found"] == {"corpus": 32, "support": 12, "customers": 1}
    assert located.payload["too_much"] == too_much

    assert refer_to_controller(request_id, bench=bench) is not bool(too_much)

    referred = controller.entries(request_id, Stage.REFERRED)
    assert [entry.payload["too_much"] for entry in referred] == (
        [too_much] if too_much else []
    )
    if too_much:
        assert path.read_text("utf-8").count("\n") == others + 32
        controller.store.advance(request_id, Stage.APPROVED, {}, lease=bench.lease)
        assert refer_to_controller(request_id, bench=bench)
