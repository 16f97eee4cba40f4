from dataclasses import replace

import pytest
from support.restrictions import RestrictionWorld
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.restricted import LiftReason
from unlearn_core.steps import scopes
from unlearn_core.steps.publish_restrictions import (
    keep_restrictions,
)
from unlearn_core.steps.restrict_request import (
    RestrictionRefusedError,
    lift_restriction,
)
from unlearn_core.steps.verify_identity import verify_identity
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration


@pytest.fixture
def world(controller: Controller) -> RestrictionWorld:
    return RestrictionWorld(controller)


def test_two_officers_lift_and_the_subject_is_told(world: RestrictionWorld) -> None:
    request_id = world.verified()
    world.restrict(request_id)
    keep_restrictions(world.keeper)
    before = world.published()
    assert not world.lift(request_id, "anna")
    assert world.controller.notifier.posted(request_id) == ("acknowledged",)
    with pytest.raises(RestrictionRefusedError, match="second officer"):
        world.lift(request_id, "anna")
    assert world.lift(request_id, "berta")
    assert world.controller.notifier.posted(request_id)[-1] == "restriction_lifted"
    keep_restrictions(world.keeper)
    assert world.names() == []
    world.published().check_follows(before)
    assert world.published().version > before.version
    assert not world.controller.custody.holds(scopes.restriction(request_id))
    assert world.state(request_id) == "restriction_lifted"
    with pytest.raises(RestrictionRefusedError, match="nothing is restricted"):
        world.lift(request_id, "berta")


def test_the_same_key_is_the_same_officer(world: RestrictionWorld) -> None:
    request_id = world.verified()
    world.restrict(request_id)
    reason = LiftReason.SUBJECT_ASKS
    desk = world.desk
    lift_restriction(request_id, reason, officer="anna", who="key-1", desk=desk)
    with pytest.raises(RestrictionRefusedError, match="second officer"):
        lift_restriction(request_id, reason, officer="berta", who="key-1", desk=desk)
    # Another reason is another proposal.
    other = LiftReason.GROUND_ENDED
    assert not lift_restriction(request_id, other, officer="berta", desk=desk)


def test_who_is_not_verified_or_purged_or_restricted_cannot_be_restricted(
    world: RestrictionWorld,
) -> None:
    received = world.controller.receive(1)
    with pytest.raises(RestrictionRefusedError, match="not verified"):
        world.restrict(received)
    request_id = world.verified()
    with pytest.raises(RestrictionRefusedError, match="not an officer"):
        world.restrict(request_id, officer="mallory")
    world.restrict(request_id)
    with pytest.raises(RestrictionRefusedError, match="already"):
        world.restrict(request_id)
    other = world.verified(2)
    world.controller.custody.shred(scopes.working(other))
    with pytest.raises(RestrictionRefusedError, match="purged"):
        world.restrict(other)


def test_a_worker_at_work_does_not_hold_a_restriction_up(
    world: RestrictionWorld,
) -> None:
    request_id = world.verified()
    world.controller.lease(request_id, holder="worker-2")
    world.restrict(request_id)
    assert world.state(request_id) == "restricted"


def restricted_at_once(world: RestrictionWorld) -> tuple[RequestId, Workbench]:
    """Verify a request where the terms say that this restricts."""
    request_id = world.controller.receive()
    bench = world.controller.bench(request_id)
    work_until(Stage.ACKNOWLEDGED, request_id, bench=bench)
    bench = replace(bench, terms=replace(bench.terms, restricts_at_once=True))
    verify_identity(request_id, bench=bench)
    return request_id, bench


def test_where_the_terms_say_so_every_verified_request_restricts_once(
    world: RestrictionWorld,
) -> None:
    request_id, bench = restricted_at_once(world)
    verify_identity(request_id, bench=bench)
    (entry,) = world.controller.entries(request_id, "restricted")
    assert entry.payload == {"reason": "erasure_pending", "officer": "at once"}
    forged = world.controller.receive(1, is_genuine=False)
    bench = replace(bench, lease=world.controller.lease(forged))
    work_until(Stage.ACKNOWLEDGED, forged, bench=bench)
    verify_identity(forged, bench=bench)
    assert world.controller.entries(forged, "restricted") == []


def test_a_run_that_is_resumed_does_not_restrict_again_who_was_set_free(
    world: RestrictionWorld,
) -> None:
    request_id, bench = restricted_at_once(world)
    world.lift(request_id, "anna")
    assert world.lift(request_id, "berta")
    verify_identity(request_id, bench=bench)
    assert len(world.controller.entries(request_id, "restricted")) == 1
    assert world.state(request_id) == "restriction_lifted"
