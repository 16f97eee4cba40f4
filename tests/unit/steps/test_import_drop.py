"""Matches of DROP become requests, once."""

from datetime import date, timedelta

import pytest
from support.drop import People, item
from support.intake import IntakeWorld

from unlearn_core.domain.decisions import ERASURE_ANNOUNCED
from unlearn_core.domain.drop import DropRefusedError, FieldNames, WorkItem
from unlearn_core.domain.requests import Channel, Outcome, Stage
from unlearn_core.steps.import_drop import (
    Found,
    Taken,
    find_request,
    import_items,
    withdraw_items,
)
from unlearn_core.steps.match_drop import match_items

DAY = date(2026, 3, 2)
ADA = {"name": "Ada Example", "email": "ada@example.org"}
SHARED = {"name": "Bo Sample", "email": "shared@example.org"}
PEOPLE = People(
    ADA, SHARED, {**SHARED, "name": "Cy Sample"}, {"email": "nameless@example.org"}
)
ITEMS = [
    item(1, "ada@example.org"),
    item(2, "shared@example.org"),
    item(3, "nameless@example.org"),
    item(4, "nobody@example.org"),
]


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


def take(
    world: IntakeWorld, *items: WorkItem, apply: bool = True, day: date = DAY
) -> list[Taken]:
    matched = match_items(items or ITEMS, sources=[PEOPLE], names=FieldNames())
    return list(import_items(matched, day=day, apply=apply, desk=world.desk()))


def test_one_person_makes_a_request_and_nobody_else_does(world: IntakeWorld) -> None:
    taken = take(world)
    assert [one.found for one in taken] == [
        Found.NEW,
        Found.SHARED,
        Found.INCOMPLETE,
        Found.NOT_FOUND,
    ]
    (request,) = world.store.all()
    assert taken[0].request == request
    assert request.channel is Channel.DROP
    # 45 days from the day of the download.
    assert request.deadline.rule == "ccpa-7021"
    assert request.deadline.due_on == date(2026, 4, 16)


def test_looking_makes_nothing(world: IntakeWorld) -> None:
    assert next(one.found for one in take(world, apply=False)) is Found.NEW
    assert world.store.all() == ()


def test_importing_again_makes_no_request_twice(world: IntakeWorld) -> None:
    take(world)
    assert take(world)[0].found is Found.KNOWN
    assert len(world.store.all()) == 1


def test_a_download_from_the_future_is_refused(world: IntakeWorld) -> None:
    with pytest.raises(DropRefusedError):
        take(world, day=DAY + timedelta(days=1))
    assert world.store.all() == ()


def test_what_was_taken_back_is_withdrawn_if_it_is_not_too_late(
    world: IntakeWorld,
) -> None:
    take(world)
    removed = [ITEMS[0], ITEMS[3]]
    decisions = world.console().decisions
    counts = withdraw_items(removed, desk=world.desk(), decisions=decisions)
    assert counts == {"withdrawn": 1, "without_request": 1}
    request = find_request(ITEMS[0].item_id, desk=world.desk())
    assert request is not None
    assert (request.stage, request.outcome) == (Stage.WITHDRAWN, Outcome.WITHDRAWN)
    again = withdraw_items(removed[:1], desk=world.desk(), decisions=decisions)
    assert again == {"too_late": 1}


def test_whose_erasure_has_begun_keeps_nobody_else_from_being_withdrawn(
    world: IntakeWorld,
) -> None:
    people = People(ADA, {"name": "Bo Sample", "email": "bo@example.org"})
    items = [item(1, "ada@example.org"), item(2, "bo@example.org")]
    matched = match_items(items, sources=[people], names=FieldNames())
    first, _ = import_items(matched, day=DAY, apply=True, desk=world.desk())
    assert first.request is not None
    world.store.note(ERASURE_ANNOUNCED, {}, request_id=first.request.request_id)
    counts = withdraw_items(
        items, desk=world.desk(), decisions=world.console().decisions
    )
    assert counts == {"too_late": 1, "withdrawn": 1}
