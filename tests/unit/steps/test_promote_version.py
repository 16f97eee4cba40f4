from datetime import timedelta

import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import LeaseLostError, RegistryUnavailableError
from unlearn_core.steps.promote_version import promote_version
from unlearn_core.steps.results import Promoted
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration


def _ready(controller: Controller, number: int = 0) -> tuple[RequestId, Workbench]:
    request_id = controller.receive(number)
    bench = controller.bench(request_id)
    work_until(Stage.REGISTERED, request_id, bench=bench)
    return request_id, bench


def test_the_signed_pointer_names_the_version(controller: Controller) -> None:
    request_id, bench = _ready(controller)

    assert promote_version(request_id, bench=bench) == Promoted(version="1", sequence=1)

    pointer = controller.pointer()
    [registered] = controller.registry.versions("small-world")
    assert pointer is not None
    assert (pointer.base_model, pointer.version) == ("small-world", "1")
    assert pointer.manifest == registered.manifest
    assert pointer.issued_at == controller.clock.now()
    assert pointer.expires_at - pointer.issued_at == timedelta(hours=24)
    assert controller.registry.alias("small-world", "serving") == "1"


def test_the_version_before_may_answer_until_all_have_the_new_one(
    controller: Controller,
) -> None:
    first, bench = _ready(controller)
    work_until(Stage.SERVING_CONFIRMED, first, bench=bench)
    second, bench = _ready(controller, 1)

    promote_version(second, bench=bench)

    pointer = controller.pointer()
    assert pointer is not None
    assert (pointer.sequence, pointer.minimum_sequence) == (2, 1)


def test_a_pointer_is_never_published_before_the_alias_is_set(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else another request could build on a version older than the served one."""
    request_id, bench = _ready(controller)

    def down(_base_model: str, _alias: str, _version: str) -> None:
        raise RegistryUnavailableError(code="unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(controller.registry, "set_alias", down)
        with pytest.raises(RegistryUnavailableError):
            promote_version(request_id, bench=bench)
    assert controller.pointer() is None

    assert promote_version(request_id, bench=bench).sequence == 1


def test_a_worker_that_is_overtaken_in_between_publishes_nothing(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller)
    set_alias = controller.registry.set_alias

    def taken_over(base_model: str, alias: str, version: str) -> None:
        set_alias(base_model, alias, version)
        controller.lose(bench)

    monkeypatch.setattr(controller.registry, "set_alias", taken_over)
    with pytest.raises(LeaseLostError):
        promote_version(request_id, bench=bench)

    assert controller.pointer() is None
    assert controller.store.get(request_id).stage is Stage.REGISTERED
