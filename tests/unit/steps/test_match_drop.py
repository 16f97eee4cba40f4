"""Digests of the lists meet records of the sources."""

import pytest
from support.drop import People, item

from unlearn_core.domain.drop import DropRefusedError, FieldNames, ListType, WorkItem
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import SourceUnreadableError
from unlearn_core.steps import match_drop
from unlearn_core.steps.match_drop import Match, match_items

ADA = {"name": "Ada Example", "email": "Ada@Example.org", "phone": "+1 415 555 9317"}
BEN = {"name": "Ben Example", "email": "ben@example.org"}


def match(*items: WorkItem, people: People) -> dict[str, Match | None]:
    found = match_items(items, sources=[people], names=FieldNames())
    return {item.item_id: match for item, match in found}


def test_a_digest_leads_to_everything_that_the_records_say() -> None:
    turned = {"name": "ada  EXAMPLE", "email": "ada@example.org", "handle": "@ada"}
    found = match(item(1, "ada@example.org"), people=People(ADA, BEN, turned))
    one = found["000000000001"]
    assert one is not None
    assert (one.records, one.is_shared) == (2, False)
    subject = one.subject()
    assert subject is not None
    assert subject.to_plain() == {
        "name": ["Ada Example"],
        "email": ["Ada@Example.org"],
        "phone": ["+1 415 555 9317"],
        "handle": ["@ada"],
    }


def test_a_telephone_number_is_another_list() -> None:
    phone = item(1, "4155559317", ListType.PHONE)
    email = item(2, "4155559317", ListType.EMAIL)
    found = match(phone, email, people=People(ADA))
    assert found["000000000001"] is not None
    assert found["000000000002"] is None


def test_people_of_different_names_share_an_identifier() -> None:
    one = match(item(1, "ben@example.org"), people=People(BEN, {**BEN, "name": "Bo B"}))
    shared = one["000000000001"]
    assert shared is not None
    assert shared.is_shared


def test_a_match_without_a_name_is_nobody_who_can_be_searched_for() -> None:
    found = match(item(1, "ben@example.org"), people=People({"email": BEN["email"]}))
    one = found["000000000001"]
    assert one is not None
    assert one.subject() is None
    assert IdentifierKind.NAME not in one.values


def test_an_unreadable_record_rules_nothing_out() -> None:
    with pytest.raises(SourceUnreadableError) as caught:
        match(item(1, "nobody@example.org"), people=People(ADA, None))
    assert caught.value.facts == {"source": "people", "unreadable": 1}


@pytest.mark.parametrize(
    "list_type", [ListType.NDZ, ListType.MAID, ListType.NAME_VIN, ListType.CTVID]
)
def test_a_list_that_cannot_be_compared_is_refused(list_type: ListType) -> None:
    with pytest.raises(DropRefusedError) as caught:
        match(item(1, "x", list_type), people=People(ADA))
    assert str(caught.value.facts["missing"]).startswith("UNLEARN_DROP__")


def test_sources_are_read_once_for_a_chunk_of_items(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(match_drop, "CHUNK", 2)
    people = People(ADA, BEN)
    items = [item(number, f"{number}@example.org") for number in range(4)]
    found = match(*items, item(9, "ben@example.org"), people=people)
    assert people.passes == 3
    assert [key for key, one in found.items() if one] == ["000000000009"]
