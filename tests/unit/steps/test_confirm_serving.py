from dataclasses import replace
from datetime import timedelta

import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.adapters.memory.delivery import MemoryFleet
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import LeaseLostError, ServingUnavailableError
from unlearn_core.ports import ReplicaState
from unlearn_core.steps.confirm_serving import confirm_serving
from unlearn_core.steps.cut_off_replica import FleetDesk, cut_off_replica
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration

PATIENT = timedelta(seconds=20)


def _ready(
    controller: Controller, *, wait: timedelta = timedelta(0)
) -> tuple[RequestId, Workbench, MemoryFleet]:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.PROMOTED, request_id, bench=bench)
    fleet = MemoryFleet(["left", "right"])
    terms = replace(bench.terms, confirm_timeout=wait)
    return request_id, replace(bench, fleet=fleet, terms=terms), fleet


def test_older_versions_are_forbidden_once_every_replica_serves_the_new_one(
    controller: Controller,
) -> None:
    request_id, bench, fleet = _ready(controller)
    for name in ("left", "right"):
        fleet.serve(name, version="1", sequence=1)

    result = confirm_serving(request_id, bench=bench)

    assert (result.replicas, result.sequence) == (["left", "right"], 1)
    assert result.effective_at == controller.clock.now()
    pointer = controller.pointer()
    assert pointer is not None
    assert pointer.minimum_sequence == 1


def test_replicas_of_best_effort_are_named(controller: Controller) -> None:
    request_id, bench, fleet = _ready(controller)
    fleet.serve("left", version="1", sequence=1)
    fleet.serve("right", version="1", sequence=1, is_best_effort=True)

    assert confirm_serving(request_id, bench=bench).best_effort == ["right"]


def test_nothing_is_confirmed_while_two_replicas_have_one_name(
    controller: Controller,
) -> None:
    request_id, bench, fleet = _ready(controller)
    for name in ("left", "right"):
        fleet.serve(name, version="1", sequence=1)
    fleet.call("right", "left")
    with pytest.raises(
        ServingUnavailableError, match=r"replica=left.*problem=name_taken"
    ):
        confirm_serving(request_id, bench=bench)
    assert not list(controller.store.entries(event=Stage.SERVING_CONFIRMED))
    fleet.call("right", "right")
    assert confirm_serving(request_id, bench=bench).replicas == ["left", "right"]


def _cut_off(bench: Workbench, name: str, *, gone: bool = False) -> None:
    desk = FleetDesk(
        base_model=bench.terms.base_model,
        officers=("anna",),
        requests=bench.requests,
        ledger=bench.ledger,
        fleet=bench.fleet,
    )
    cut_off_replica(name, officer="anna", is_gone=gone, desk=desk)


def test_the_time_from_registration_is_recorded(controller: Controller) -> None:
    request_id, bench, fleet = _ready(controller)
    for name in ("left", "right"):
        fleet.serve(name, version="1", sequence=1)
    controller.clock.move(timedelta(seconds=90))
    confirm_serving(request_id, bench=bench)
    (entry,) = controller.store.entries(request_id, event=Stage.SERVING_CONFIRMED)
    assert entry.payload["seconds"] == pytest.approx(90, abs=1)


def test_a_replica_that_is_cut_off_meanwhile_is_told_and_waited_for_until_it_stops(
    controller: Controller,
) -> None:
    request_id, bench, fleet = _ready(controller, wait=PATIENT)
    fleet.serve("left", version="1", sequence=1)
    fleet.serve("right", version="0", sequence=0)
    asked = 0

    class Obeying:
        """A fleet whose right replica is cut off, reads of it, and stops."""

        def states(self) -> tuple[ReplicaState, ...]:
            nonlocal asked
            asked += 1
            if asked == 2:
                _cut_off(replace(bench, fleet=fleet), "right")
            pointer = controller.pointer()
            if pointer is not None and pointer.cut_off == ("right",):
                fleet.stop("right", oldest_in_flight=0 if asked < 5 else None)
            return fleet.states()

    result = confirm_serving(request_id, bench=replace(bench, fleet=Obeying()))

    assert asked == 5
    assert (result.replicas, result.cut_off, result.unheard) == (
        ["left"],
        ["right"],
        [],
    )
    pointer = controller.pointer()
    assert pointer is not None
    assert (pointer.minimum_sequence, pointer.cut_off) == (1, ("right",))


def test_a_silent_replica_is_out_only_if_an_officer_says_that_it_is_gone(
    controller: Controller,
) -> None:
    request_id, bench, fleet = _ready(controller)
    bench = replace(bench, fleet=fleet)
    fleet.serve("left", version="1", sequence=1)
    fleet.serve("right", version="0", sequence=0)
    _cut_off(bench, "right")
    fleet.lose("right")
    with pytest.raises(ServingUnavailableError, match="replica=http://right"):
        confirm_serving(request_id, bench=bench)
    _cut_off(bench, "right", gone=True)

    result = confirm_serving(request_id, bench=bench)

    assert (result.cut_off, result.unheard) == (["right"], ["right"])


def test_nothing_is_confirmed_if_every_replica_is_cut_off(
    controller: Controller,
) -> None:
    request_id, bench, fleet = _ready(controller)
    for name in ("left", "right"):
        fleet.serve(name, version="1", sequence=1)
        _cut_off(bench, name)
        fleet.stop(name)
    with pytest.raises(ServingUnavailableError, match="replica=none"):
        confirm_serving(request_id, bench=bench)


@pytest.mark.parametrize("problem", ["unreachable", "behind", "still answering"])
def test_a_replica_that_does_not_confirm_is_named(
    controller: Controller, problem: str
) -> None:
    request_id, bench, fleet = _ready(controller)
    fleet.serve("left", version="1", sequence=1)
    match problem:
        case "behind":
            fleet.serve("right", version="", sequence=0)
        case "still answering":
            fleet.serve("right", version="1", sequence=1, oldest_in_flight=0)

    # One that was never heard has no name but its address.
    name = "http://right" if problem == "unreachable" else "right"
    with pytest.raises(ServingUnavailableError, match=f"replica={name}, sequence=1"):
        confirm_serving(request_id, bench=bench)

    pointer = controller.pointer()
    assert pointer is not None
    assert pointer.minimum_sequence == 0
    assert controller.store.get(request_id).stage is Stage.PROMOTED


def test_answers_of_the_new_version_may_still_be_running(
    controller: Controller,
) -> None:
    request_id, bench, fleet = _ready(controller)
    fleet.serve("left", version="1", sequence=1, oldest_in_flight=1)
    fleet.serve("right", version="1", sequence=1)

    assert confirm_serving(request_id, bench=bench).replicas == ["left", "right"]


def test_a_fleet_without_replicas_confirms_nothing(controller: Controller) -> None:
    request_id, bench, _ = _ready(controller)

    with pytest.raises(ServingUnavailableError, match="replica=none"):
        confirm_serving(request_id, bench=replace(bench, fleet=MemoryFleet([])))


class _Late:
    """A fleet in which something happens when it is asked for the third time."""

    def __init__(self, fleet: MemoryFleet, event: object) -> None:
        self._fleet = fleet
        self._event = event
        self.asked = 0

    def states(self) -> tuple[ReplicaState, ...]:
        """Count, and let the event happen in time."""
        self.asked += 1
        if self.asked == 3:
            self._event()  # type: ignore[operator]  # a function without arguments
        return self._fleet.states()


def test_a_slow_replica_is_waited_for(controller: Controller) -> None:
    request_id, bench, fleet = _ready(controller, wait=PATIENT)
    fleet.serve("left", version="1", sequence=1)
    late = _Late(fleet, lambda: fleet.serve("right", version="1", sequence=1))

    result = confirm_serving(request_id, bench=replace(bench, fleet=late))

    assert result.replicas == ["left", "right"]
    assert late.asked == 3


def test_a_worker_that_is_overtaken_while_it_waits_stops(
    controller: Controller,
) -> None:
    request_id, bench, fleet = _ready(controller, wait=PATIENT)
    late = _Late(fleet, lambda: controller.lose(bench))

    with pytest.raises(LeaseLostError):
        confirm_serving(request_id, bench=replace(bench, fleet=late))

    assert late.asked == 3


def test_a_worker_that_is_overtaken_at_the_end_raises_no_minimum(
    controller: Controller,
) -> None:
    request_id, bench, fleet = _ready(controller, wait=PATIENT)

    def confirmed_and_taken_over() -> None:
        for name in ("left", "right"):
            fleet.serve(name, version="1", sequence=1)
        controller.lose(bench)

    late = _Late(fleet, confirmed_and_taken_over)
    with pytest.raises(LeaseLostError):
        confirm_serving(request_id, bench=replace(bench, fleet=late))

    pointer = controller.pointer()
    assert pointer is not None
    assert pointer.minimum_sequence == 0
