"""Every work item gets the code of what was really done."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from support.drop import People, item
from support.intake import IntakeWorld

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.drop import Code, FieldNames, WorkItem
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.steps.answer_drop import Answer, answer_items
from unlearn_core.steps.import_drop import find_request, import_items
from unlearn_core.steps.match_drop import match_items

ADA = {"name": "Ada Example", "email": "ada@example.org", "phone": "4155559317"}
SHARED = {"name": "Bo Sample", "email": "shared@example.org"}
EVERYBODY = People(ADA, SHARED, {**SHARED, "name": "Cy Sample"})
NOBODY = People()
ONE, TWO = item(1, "ada@example.org"), item(2, "ada@example.org")
TO_THE_END = (Stage.DATASETS_BUILT, Stage.ESCALATED, Stage.GIVEN_UP)


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


def take(world: IntakeWorld, *items: WorkItem) -> list[RequestId]:
    matched = match_items(items, sources=[EVERYBODY], names=FieldNames())
    list(import_items(matched, day=date(2026, 3, 2), apply=True, desk=world.desk()))
    found = [find_request(one.item_id, desk=world.desk()) for one in items]
    return [request.request_id for request in found if request]


def answer(
    world: IntakeWorld,
    *items: WorkItem,
    people: People = NOBODY,
    opted_out: bool = False,
) -> list[tuple[Code | None, str]]:
    matched = match_items(items, sources=[people], names=FieldNames())
    answers: list[Answer] = list(
        answer_items(matched, opted_out=opted_out, desk=world.desk())
    )
    return [(one.code, one.why_not) for one in answers]


def close(
    world: IntakeWorld,
    key: RequestId,
    *way: tuple[Stage, Mapping[str, JsonValue]],
    outcome: Outcome,
) -> None:
    """Bring a request to its end by a way that it could have taken."""
    world.move(key, Stage.ACKNOWLEDGED)
    for number, (stage, said) in enumerate(way):
        is_last = number == len(way) - 1
        world.move(key, stage, said, outcome=outcome if is_last else None)
    world.move(key, Stage.PURGED)
    world.move(key, Stage.NOTIFIED, outcome=outcome)


VERIFIED: tuple[Stage, Mapping[str, Any]] = (Stage.IDENTITY_VERIFIED, {})


def erased(
    *,
    unsearched: Sequence[str] = (),
    kept: Sequence[str] = (),
    held: Sequence[str] = (),
    gone: int = 1,
) -> list[tuple[Stage, Mapping[str, JsonValue]]]:
    return [
        VERIFIED,
        (Stage.LOCATED, {"unsearched": list(unsearched)}),
        (
            Stage.SOURCES_ERASED,
            {
                "erased": {"shop": gone},
                "kept": list(kept),
                "held": dict.fromkeys(held, 1),
            },
        ),
        *((stage, {}) for stage in TO_THE_END),
    ]


@pytest.mark.parametrize(
    ("outcome", "said", "told"),
    [
        (Outcome.SUPPRESSED_AT_OUTPUT, {}, (Code.DELETED, "")),
        (Outcome.ERASED_AT_SOURCE, {}, (Code.DELETED, "")),
        (Outcome.PARTIAL, {"held": ["crm"]}, (Code.DELETED, "")),
        (Outcome.PARTIAL, {"held": ["crm"], "gone": 0}, (Code.EXEMPTED, "")),
        (Outcome.PARTIAL, {"held": ["a"], "unsearched": ["b"]}, (None, "partial")),
        (Outcome.PARTIAL, {"kept": ["crm"]}, (None, "partial")),
        (Outcome.FAILED, {}, (None, "failed")),
        (Outcome.EXEMPT, {}, (Code.EXEMPTED, "")),
    ],
)
def test_only_what_was_done_is_answered_as_deleted(
    world: IntakeWorld,
    outcome: Outcome,
    said: dict[str, Any],
    told: tuple[Code | None, str],
) -> None:
    (key,) = take(world, ONE)
    close(world, key, *erased(**said), outcome=outcome)
    assert answer(world, ONE) == [told]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("legal_claims", (Code.EXEMPTED, "")),
        ("suspected_fraud", (None, "refused")),
        ("other_controller", (None, "refused")),
    ],
)
def test_a_refusal_for_what_data_is_needed_for_is_an_exemption(
    world: IntakeWorld, reason: str, told: tuple[Code | None, str]
) -> None:
    (key,) = take(world, ONE)
    declined = (Stage.DECLINED, {"reason": reason})
    close(world, key, VERIFIED, declined, outcome=Outcome.REFUSED)
    assert answer(world, ONE) == [told]


@pytest.mark.parametrize(
    ("outcome", "held", "told"),
    [
        (Outcome.SUPPRESSED_AT_OUTPUT, [], (None, "found_again")),
        (Outcome.PARTIAL, ["crm"], (Code.DELETED, "")),  # what is on hold matches
    ],
)
def test_what_came_back_is_not_answered_as_deleted(
    world: IntakeWorld,
    outcome: Outcome,
    held: list[str],
    told: tuple[Code | None, str],
) -> None:
    first, second = take(world, ONE, TWO)
    close(world, first, *erased(held=held), outcome=outcome)
    close(world, second, (Stage.JOINED, {}), outcome=Outcome.REFUSED)
    assert answer(world, ONE, TWO, people=EVERYBODY) == [told] * 2


def test_what_came_after_the_search_is_not_answered_as_not_found(
    world: IntakeWorld,
) -> None:
    (key,) = take(world, ONE)
    close(world, key, VERIFIED, (Stage.NOT_FOUND, {}), outcome=Outcome.NOT_FOUND)
    assert answer(world, ONE, people=EVERYBODY) == [(None, "found_again")]


def test_what_is_under_way_has_no_answer(world: IntakeWorld) -> None:
    take(world, ONE)
    assert answer(world, ONE) == [(None, "under_way")]


def test_a_second_item_of_a_person_gets_the_answer_of_the_first(
    world: IntakeWorld,
) -> None:
    first, second = take(world, ONE, TWO)
    close(world, second, (Stage.JOINED, {}), outcome=Outcome.REFUSED)
    assert answer(world, TWO) == [(None, "under_way")]
    close(world, first, *erased(), outcome=Outcome.SUPPRESSED_AT_OUTPUT)
    assert answer(world, ONE, TWO) == [(Code.DELETED, "")] * 2


def test_who_was_erased_before_is_answered_as_deleted(world: IntakeWorld) -> None:
    first, second = take(world, ONE, TWO)
    close(world, first, *erased(), outcome=Outcome.SUPPRESSED_AT_OUTPUT)
    close(world, second, VERIFIED, (Stage.NOT_FOUND, {}), outcome=Outcome.NOT_FOUND)
    assert answer(world, TWO) == [(Code.DELETED, "")]


def test_who_was_gone_when_searched_for_is_not_found(world: IntakeWorld) -> None:
    (key,) = take(world, ONE)
    close(world, key, VERIFIED, (Stage.NOT_FOUND, {}), outcome=Outcome.NOT_FOUND)
    assert answer(world, ONE) == [(Code.NOT_FOUND, "")]


def test_items_without_a_request_are_compared_again(world: IntakeWorld) -> None:
    shared, absent = item(3, "shared@example.org"), item(4, "nobody@example.org")
    assert answer(world, ONE, shared, absent, people=EVERYBODY) == [
        (None, "not_imported"),
        (None, "shared"),
        (Code.NOT_FOUND, ""),
    ]
    told = answer(world, shared, people=EVERYBODY, opted_out=True)
    assert told == [(Code.OPTED_OUT, "")]


def test_a_namesake_who_was_erased_before_answers_for_nobody(
    world: IntakeWorld,
) -> None:
    namesake = {"name": ADA["name"], "email": "other@example.org"}
    items = [ONE, item(5, "other@example.org")]
    matched = match_items(items, sources=[People(ADA, namesake)], names=FieldNames())
    taken = import_items(matched, day=date(2026, 3, 2), apply=True, desk=world.desk())
    first, second = [one.request for one in taken]
    assert first is not None
    assert second is not None
    close(world, first.request_id, *erased(), outcome=Outcome.SUPPRESSED_AT_OUTPUT)
    key, end = second.request_id, Outcome.NOT_FOUND
    close(world, key, VERIFIED, (Stage.NOT_FOUND, {}), outcome=end)
    assert answer(world, items[1]) == [(Code.NOT_FOUND, "")]
