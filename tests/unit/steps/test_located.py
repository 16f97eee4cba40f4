import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import records_from_bytes, records_to_bytes
from unlearn_core.errors import SealBrokenError
from unlearn_core.steps import scopes
from unlearn_core.steps.build_datasets import build_datasets
from unlearn_core.steps.erase_source_records import erase_source_records
from unlearn_core.steps.located import by_source, read_located
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration


def _work(controller: Controller, until: Stage) -> tuple[RequestId, Workbench]:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(until, request_id, bench=bench)
    return request_id, bench


def _leave_out_one(controller: Controller, request_id: RequestId) -> None:
    """Seal another list in place of the one that was located, as if it were older."""
    scope = scopes.working(request_id)
    records = records_from_bytes(controller.custody.get(scope, scopes.LOCATED))
    controller.custody.put(scope, scopes.LOCATED, records_to_bytes(records[1:]))


def test_what_was_located_is_read_back_by_source(controller: Controller) -> None:
    request_id, bench = _work(controller, Stage.LOCATED)
    found = by_source(read_located(request_id, bench=bench))
    assert {name: len(records) for name, records in found.items()} == {
        "corpus": 16,
        "support": 12,
        "customers": 1,
    }


def test_another_list_than_the_one_that_was_located_erases_nothing(
    controller: Controller,
) -> None:
    request_id, bench = _work(controller, Stage.LOCATED)
    _leave_out_one(controller, request_id)
    before = controller.paths.corpus.read_bytes()
    with pytest.raises(SealBrokenError, match=scopes.LOCATED):
        erase_source_records(request_id, bench=bench)
    assert controller.paths.corpus.read_bytes() == before
    assert controller.entries(request_id, "source_erasure_announced") == []


def test_no_sets_are_built_from_another_list(controller: Controller) -> None:
    request_id, bench = _work(controller, Stage.SOURCES_ERASED)
    _leave_out_one(controller, request_id)
    with pytest.raises(SealBrokenError, match=scopes.LOCATED):
        build_datasets(request_id, bench=bench)
