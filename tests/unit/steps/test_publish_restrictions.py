from dataclasses import replace
from datetime import timedelta

import pytest
from support.restrictions import OFFICERS, VALIDITY, RestrictionWorld
from support.steps import BASE_MODEL, Controller
from support.story import work_until

from unlearn_core.domain.requests import Stage
from unlearn_core.domain.restrictions import BLOCK_BYTES
from unlearn_core.errors import RegistryUnavailableError
from unlearn_core.steps import scopes
from unlearn_core.steps.cut_off_replica import FleetDesk, cut_off_replica
from unlearn_core.steps.publish_restrictions import (
    keep_restrictions,
    published_version,
)
from unlearn_core.steps.restrict_request import (
    RestrictionRefusedError,
    restrict_at_once,
    restrictions,
)
from unlearn_core.steps.spare_base_model import spare_base_model

pytestmark = pytest.mark.integration


@pytest.fixture
def world(controller: Controller) -> RestrictionWorld:
    return RestrictionWorld(controller)


def test_nothing_is_published_while_nothing_was_ever_restricted(
    world: RestrictionWorld,
) -> None:
    world.verified()
    assert keep_restrictions(world.keeper)
    assert world.controller.registry.restrictions(BASE_MODEL) is None


def test_a_restriction_is_published_sealed_and_in_force_when_all_replicas_say_so(
    world: RestrictionWorld,
) -> None:
    request_id = world.verified()
    world.restrict(request_id)
    world.controller.clock.move(timedelta(seconds=3))
    assert not keep_restrictions(world.keeper)
    assert world.names() == [world.name(), "Ida Unbekannt"]
    envelope = world.controller.registry.restrictions(BASE_MODEL)
    assert envelope is not None
    assert world.name().encode() not in envelope
    assert len(world.published().people) > BLOCK_BYTES
    version = world.published().version
    assert published_version(world.controller.store) == version
    world.told(version, "left")
    assert not keep_restrictions(world.keeper)
    assert world.state(request_id) == "restricted"
    world.told(version)
    assert keep_restrictions(world.keeper)
    assert world.state(request_id) == "restriction_in_force"
    (entry,) = world.controller.entries(request_id, "restriction_in_force")
    assert entry.payload == {"version": version, "replicas": 2, "seconds": 3.0}


@pytest.mark.parametrize(("has_stopped", "is_in_force"), [(False, False), (True, True)])
def test_a_replica_that_was_cut_off_is_waited_for_until_it_has_stopped(
    world: RestrictionWorld, *, has_stopped: bool, is_in_force: bool
) -> None:
    world.restrict(world.verified())
    keep_restrictions(world.keeper)
    world.told(world.published().version, "left")
    fleet_desk = FleetDesk(
        base_model=BASE_MODEL,
        officers=OFFICERS,
        requests=world.controller.store,
        ledger=world.controller.store,
        fleet=world.fleet,
    )
    cut_off_replica("right", officer="anna", is_gone=False, desk=fleet_desk)
    if has_stopped:
        world.fleet.stop("right")
    assert keep_restrictions(world.keeper) is is_in_force


def test_a_list_is_signed_again_before_it_expires_and_not_sooner(
    world: RestrictionWorld,
) -> None:
    world.restrict(world.verified())
    keep_restrictions(world.keeper)
    first = world.published()
    world.controller.clock.move(VALIDITY / 2 - timedelta(seconds=1))
    keep_restrictions(world.keeper)
    assert world.published() == first
    world.controller.clock.move(timedelta(seconds=1))
    keep_restrictions(world.keeper)
    renewed = world.published()
    assert (renewed.version, renewed.expires_at) == (
        first.version,
        world.controller.clock.now() + VALIDITY,
    )
    renewed.check_follows(first)


def test_an_effective_erasure_ends_the_restriction_by_itself(
    world: RestrictionWorld,
) -> None:
    request_id = world.verified()
    world.restrict(request_id)
    keep_restrictions(world.keeper)
    bench = world.controller.bench(request_id)
    work_until(Stage.SERVING_CONFIRMED, request_id, bench=bench)
    pointer = world.controller.pointer()
    assert pointer is not None
    assert pointer.restrictions == world.published().version
    keep_restrictions(world.keeper)
    assert world.names() == []
    (entry,) = world.controller.entries(request_id, "restriction_lifted")
    assert entry.payload == {"reason": "erasure_effective"}
    # Nobody is told: to the subject nothing changes.
    assert "restriction_lifted" not in world.controller.notifier.posted(request_id)
    with pytest.raises(RestrictionRefusedError, match="effective"):
        world.restrict(request_id)


@pytest.mark.parametrize("outcome", ["erased_at_source", "partial"])
def test_where_the_model_knows_none_of_it_the_end_of_the_erasure_is_that_of_both(
    world: RestrictionWorld,
    monkeypatch: pytest.MonkeyPatch,
    outcome: str,
) -> None:
    """Unless a source was not searched, of which nobody knows what is in it."""
    request_id = world.verified()
    world.restrict(request_id)
    bench = world.controller.bench(request_id)
    work_until(Stage.SOURCES_ERASED, request_id, bench=bench)
    trained = dict.fromkeys(bench.sources, ("another",))
    bench = replace(bench, data_map=replace(bench.data_map, trained=trained))
    is_part = outcome == "partial"
    monkeypatch.setattr(
        "unlearn_core.steps.spare_base_model.is_partial", lambda *_, **__: is_part
    )
    assert spare_base_model(request_id, bench=bench)
    keep_restrictions(world.keeper)
    assert (world.names() == []) is not is_part
    assert not restrict_at_once(request_id, desk=world.desk)


def test_a_restriction_outlasts_a_request_that_is_refused(
    world: RestrictionWorld,
) -> None:
    request_id = world.verified()
    world.restrict(request_id)
    world.controller.custody.shred(scopes.working(request_id))
    keep_restrictions(world.keeper)
    assert world.names()[0] == world.name()


def test_what_retention_has_destroyed_is_off_the_list(world: RestrictionWorld) -> None:
    request_id = world.verified()
    world.restrict(request_id)
    world.controller.custody.shred(scopes.restriction(request_id))
    keep_restrictions(world.keeper)
    assert world.names() == []
    assert restrictions(world.controller.store) == {}


def test_a_registry_that_is_down_leaves_the_restriction_for_the_next_look(
    world: RestrictionWorld,
) -> None:
    request_id = world.verified()
    world.restrict(request_id)
    world.controller.registry.is_reachable = False
    with pytest.raises(RegistryUnavailableError):
        keep_restrictions(world.keeper)
    world.controller.registry.is_reachable = True
    keep_restrictions(world.keeper)
    assert world.names()[0] == world.name()


def test_who_is_restricted_while_a_list_is_made_is_on_the_one_behind_it(
    world: RestrictionWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.restrict(world.verified())
    late = world.verified(1)
    custody = world.controller.custody
    holds = custody.holds

    def meanwhile(scope: str) -> bool:
        monkeypatch.setattr(custody, "holds", holds)
        world.restrict(late)
        return custody.holds(scope)

    monkeypatch.setattr(custody, "holds", meanwhile)
    keep_restrictions(world.keeper)
    assert world.names() == [world.name(), world.name(1), "Ida Unbekannt"]
    (ordered,) = world.controller.entries(late, "restricted")
    assert world.published().version == ordered.sequence


def test_a_list_that_was_cut_off_while_it_was_written_is_written_again(
    world: RestrictionWorld,
) -> None:
    world.restrict(world.verified())
    keep_restrictions(world.keeper)
    envelope = world.controller.registry.restrictions(BASE_MODEL)
    assert envelope is not None
    world.controller.registry.publish_restrictions(BASE_MODEL, envelope[:-9])
    keep_restrictions(world.keeper)
    assert world.names()[0] == world.name()


def test_a_keeper_that_was_killed_behind_publishing_tells_the_ledger_later(
    world: RestrictionWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.restrict(world.verified())

    def killed(*_facts: object, **_of: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world.controller.store, "note", killed)
        with pytest.raises(KeyboardInterrupt):
            keep_restrictions(world.keeper)
    assert published_version(world.controller.store) == 0
    keep_restrictions(world.keeper)
    assert published_version(world.controller.store) == world.published().version


def test_what_an_officer_who_was_cut_off_has_left_is_destroyed_with_the_next_list(
    world: RestrictionWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = world.verified()
    world.restrict(request_id)
    keep_restrictions(world.keeper)
    world.lift(request_id, "anna")

    def killed(_scope: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world.controller.custody, "shred", killed)
        with pytest.raises(KeyboardInterrupt):
            world.lift(request_id, "berta")
    scope = scopes.restriction(request_id)
    assert world.controller.custody.holds(scope)
    keep_restrictions(world.keeper)
    assert not world.controller.custody.holds(scope)
    assert world.names() == []


def test_replicas_of_another_base_model_bring_nothing_into_force(
    world: RestrictionWorld,
) -> None:
    request_id = world.verified()
    world.restrict(request_id)
    (ordered,) = world.controller.entries(request_id, "restricted")
    world.told(ordered.sequence)
    assert keep_restrictions(replace(world.keeper, base_model="another"))
    assert world.state(request_id) == "restricted"
