"""Senders are told where a request stands, and only theirs."""

import pytest
from support.domain import request_id
from support.intake import IntakeWorld
from support.senders import drp_desk

from unlearn_core.domain.requests import Stage
from unlearn_core.privacy import Personal
from unlearn_core.steps.answer_senders import drp_status, is_from


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


def test_who_has_sent_a_request_stands_in_its_first_entry(world: IntakeWorld) -> None:
    key = world.receive()
    world.move(key, Stage.ACKNOWLEDGED, {"submitted_by": "agent:EVIL"})
    assert not is_from(key, "agent:EVIL", ledger=world.store)
    assert not is_from(request_id(9), "agent:EVIL", ledger=world.store)


def test_the_status_page_is_where_a_person_proves_who_they_are(
    world: IntakeWorld,
) -> None:
    key = world.ask_for_code()
    told = drp_status(
        world.store.get(key), reference=Personal("r-1"), desk=drp_desk(world).answers
    )
    assert told["reason"] == "need_user_verification"
    assert told["user_verification_url"] == f"https://here/status/{key}"
    assert told["agent_request_id"] == "r-1"
