import copy
import logging
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from support.models import llama
from support.steps import RECIPE, Controller, tiny_shelf
from support.story import work_until
from transformers import PreTrainedModel

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import KeyDestroyedError, LeaseLostError
from unlearn_core.steps import (
    holding,
    promote_version,
    scopes,
    train_offset_pair,
    workbench,
)
from unlearn_core.steps.catch_up import catch_up
from unlearn_core.steps.lineage import Lineage, read_lineage
from unlearn_core.steps.workbench import ModelShelf, Workbench
from unlearn_core.training.consolidation import (
    Importance,
    ImportanceInvalidError,
    pack_importance,
    unpack_importance,
)

pytestmark = pytest.mark.integration

HOLDING = replace(RECIPE, later_requests={"hold_weight": 100.0})


@pytest.fixture
def built_on(monkeypatch: pytest.MonkeyPatch) -> list[Importance | None]:
    """Note what every training was given of earlier erasures."""
    seen: list[Importance | None] = []
    make: Callable[..., Any] = vars(train_offset_pair)["make_pair"]

    def noting(*sets: object, materials: Any, **named: object) -> Any:  # noqa: ANN401 - passed through
        seen.append(materials.importance)
        return make(*sets, materials=materials, **named)

    monkeypatch.setattr(train_offset_pair, "make_pair", noting)
    return seen


def worked(
    controller: Controller, number: int, *, until: Stage, accepts: bool = True
) -> tuple[RequestId, Workbench]:
    """Work on a request with a recipe that holds."""
    request_id = controller.receive(number)
    bench = controller.bench(request_id, accepts=accepts)
    bench = replace(bench, ladder=(HOLDING,))
    work_until(until, request_id, bench=bench)
    return request_id, bench


def lineage_of(controller: Controller) -> Lineage:
    return read_lineage(bench=controller.bench(controller.receive(3)))


def kept(controller: Controller, request_id: RequestId) -> float:
    """Return the sum of what is kept for the promoted version under a request."""
    lineage = lineage_of(controller)
    assert lineage.latest is not None
    data = controller.custody.get(
        scopes.held(str(request_id)), scopes.importance(lineage.latest.manifest_digest)
    )
    return total(unpack_importance(data, model=lineage.latest.unlearned))


def total(importance: Importance | None) -> float:
    assert importance is not None
    return sum(float(importance[name].double().sum()) for name in sorted(importance))


def state_of(controller: Controller, request_id: RequestId) -> str:
    """Tell what became of the key under which a request's importance is kept."""
    try:
        controller.custody.commit(scopes.held(str(request_id)), b"")
    except KeyDestroyedError as error:
        return str(error.facts["state"])
    return "there"


def test_the_next_training_finds_the_sum_of_all_before(
    controller: Controller, built_on: list[Importance | None]
) -> None:
    first, _ = worked(controller, 0, until=Stage.PURGED)
    alone = kept(controller, first)
    second, _ = worked(controller, 1, until=Stage.PURGED)
    both = kept(controller, second)
    worked(controller, 2, until=Stage.TRAINED)

    assert built_on[0] is None
    assert total(built_on[1]) == alone > 0
    assert total(built_on[2]) == both > alone
    # Of the first, only the part in the sum is left.
    assert state_of(controller, first) == "destroyed"


def test_it_outlives_the_working_data_and_the_ledger_says_so(
    controller: Controller,
) -> None:
    request_id, _ = worked(controller, 0, until=Stage.PURGED)

    assert kept(controller, request_id) > 0
    with pytest.raises(KeyDestroyedError):
        controller.custody.get(scopes.working(request_id), scopes.DATASETS)
    [promoted] = controller.entries(request_id, Stage.PROMOTED)
    assert promoted.payload["held"] is True


def test_it_is_in_no_run_and_in_no_registered_version(
    controller: Controller, tmp_path: Path
) -> None:
    worked(controller, 0, until=Stage.CERTIFIED)

    controller.registry.download("small-world", "1", tmp_path)
    assert not [path for path in tmp_path.rglob("*") if "importance" in path.name]
    assert controller.runs.runs
    for run in controller.runs.runs.values():
        assert not [name for name in run.files if "importance" in name]


@pytest.mark.parametrize("until", [Stage.TRAINED, Stage.REGISTERED])
def test_before_promotion_there_is_nothing_but_working_data(
    controller: Controller, until: Stage
) -> None:
    request_id, _ = worked(controller, 0, until=until)
    assert state_of(controller, request_id) == "unknown"


def test_a_rejected_pair_leaves_nothing(controller: Controller) -> None:
    request_id, bench = worked(
        controller, 0, until=Stage.UNLEARNING_VERIFIED, accepts=False
    )
    holding.let_go_unless_promoted(request_id, bench=bench)
    assert state_of(controller, request_id) == "unknown"


def die(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["set_alias", "publish_pointer", "advance"])
def test_a_promotion_that_was_cut_off_is_finished_by_the_next_worker(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    first, _ = worked(controller, 0, until=Stage.PURGED)
    second, bench = worked(controller, 1, until=Stage.REGISTERED)
    owner = controller.store if place == "advance" else controller.registry
    with monkeypatch.context() as patch:
        patch.setattr(owner, place, die)
        with pytest.raises(KeyboardInterrupt):
            promote_version.promote_version(second, bench=bench)
    promoted = place != "set_alias"
    assert (controller.covered()[-1] == str(second)) is promoted
    # Whoever may be built on has what is needed.
    assert kept(controller, second if promoted else first) > 0

    result = promote_version.promote_version(second, bench=controller.lose(bench))

    assert result.held
    assert kept(controller, second) > 0
    assert state_of(controller, first) == "destroyed"


def test_a_worker_without_its_lease_keeps_and_destroys_nothing(
    controller: Controller,
) -> None:
    first, _ = worked(controller, 0, until=Stage.PURGED)
    second, bench = worked(controller, 1, until=Stage.REGISTERED)
    controller.lose(bench)

    with pytest.raises(LeaseLostError):
        promote_version.promote_version(second, bench=bench)

    assert kept(controller, first) > 0
    assert state_of(controller, second) == "unknown"


def test_what_an_overtaken_promotion_left_goes_with_the_working_data(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = worked(controller, 0, until=Stage.REGISTERED)
    with monkeypatch.context() as patch:
        patch.setattr(controller.registry, "set_alias", die)
        with pytest.raises(KeyboardInterrupt):
            promote_version.promote_version(request_id, bench=bench)
    assert state_of(controller, request_id) == "there"
    bench = controller.lose(bench)
    other, _ = worked(controller, 1, until=Stage.PURGED)
    assert catch_up(request_id, bench=bench)

    holding.let_go_unless_promoted(request_id, bench=bench)

    assert state_of(controller, request_id) == "destroyed"
    assert kept(controller, other) > 0


@pytest.mark.parametrize("place", ["publish_pointer", "advance"])
def test_what_is_held_for_the_version_in_service_outlives_a_purge_for_good(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The alias was set, `promoted` was not recorded; the next version builds on it."""
    request_id, bench = worked(controller, 0, until=Stage.REGISTERED)
    owner = controller.store if place == "advance" else controller.registry
    with monkeypatch.context() as patch:
        patch.setattr(owner, place, die)
        with pytest.raises(KeyboardInterrupt):
            promote_version.promote_version(request_id, bench=bench)
    assert not controller.entries(request_id, Stage.PROMOTED)

    holding.let_go_unless_promoted(request_id, bench=bench)

    assert kept(controller, request_id) > 0
    other, _ = worked(controller, 1, until=Stage.PURGED)
    assert kept(controller, other) > 0
    assert state_of(controller, request_id) == "destroyed"


@pytest.mark.parametrize("hold_weight", [0.0, 100.0])
def test_a_version_without_it_is_built_on_with_a_warning(
    controller: Controller,
    built_on: list[Importance | None],
    caplog: pytest.LogCaptureFixture,
    hold_weight: float,
) -> None:
    """As after an upgrade; a recipe that does not hold misses nothing."""
    first = controller.receive(0)
    work_until(Stage.PURGED, first, bench=controller.bench(first))
    [promoted] = controller.entries(first, Stage.PROMOTED)
    assert promoted.payload["held"] is False
    second = controller.receive(1)
    bench = replace(
        controller.bench(second),
        ladder=(replace(RECIPE, hold_weight=hold_weight, seed=5),),
    )
    with caplog.at_level(logging.WARNING):
        work_until(Stage.TRAINED, second, bench=bench)

    assert built_on == [None, None]
    assert ("importance_missing" in caplog.text) is bool(hold_weight)


def test_that_of_another_model_is_refused(controller: Controller) -> None:
    first, _ = worked(controller, 0, until=Stage.PURGED)
    lineage = lineage_of(controller)
    assert lineage.latest is not None
    other = {name: item.detach() ** 2 for name, item in llama(1).named_parameters()}
    controller.custody.put(
        scopes.held(str(first)),
        scopes.importance(lineage.latest.manifest_digest),
        pack_importance(other),
    )
    with pytest.raises(ImportanceInvalidError, match="shapes"):
        worked(controller, 1, until=Stage.TRAINED)


class Reloading(ModelShelf):
    """A shelf that can load its base again."""

    @cached_property
    def base(self) -> PreTrainedModel:
        """Return a new copy."""
        return copy.deepcopy(tiny_shelf().base)


@pytest.mark.usefixtures("unhurried")
def test_it_is_found_although_the_base_was_put_back(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large base leaves memory while the pair is trained."""
    request_id, bench = worked(controller, 0, until=Stage.DATASETS_BUILT)
    shelf = Reloading(base=Path(), reference=Path(), device="cpu")
    shelf.__dict__ |= tiny_shelf().__dict__ | {"base": copy.deepcopy(shelf.base)}
    first = weakref.ref(shelf.base)
    monkeypatch.setattr(workbench, "KEPT_AT_HAND_BYTES", 0)
    trained = train_offset_pair.train_offset_pair(
        request_id, bench=replace(bench, models=shelf), rung=0
    )
    data = controller.custody.get(
        scopes.working(request_id), scopes.importance(trained.unlearned)
    )
    assert total(unpack_importance(data, model=tiny_shelf().reference)) > 0
    assert first() is not shelf.base
