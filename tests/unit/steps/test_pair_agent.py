"""An agent gets a token, once for each message."""

from datetime import timedelta

import pytest
from support.access import give_key
from support.intake import IntakeWorld
from support.senders import AGENT, OTHER_AGENT, drp_desk

from unlearn_core.domain.access import Role
from unlearn_core.errors import LeaseBusyError
from unlearn_core.steps.pair_agent import pair_agent

MESSAGE = b'{"agent-id": "AGENT_ONE"}'


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


def pair(world: IntakeWorld, message: bytes = MESSAGE) -> str:
    return pair_agent(
        AGENT,
        message=message,
        expires_at=world.clock.now() + timedelta(minutes=5),
        desk=drp_desk(world).pairing,
    )


def test_the_token_opens_the_agents_door_and_no_other(world: IntakeWorld) -> None:
    caller = world.doors().by_key(f"Bearer {pair(world)}")
    assert (caller.name, caller.roles) == (AGENT, frozenset({Role.AGENT}))


def test_tokens_and_keys_of_others_stay(world: IntakeWorld) -> None:
    pair(world)
    other = give_key(world.access, Role.AGENT, name=OTHER_AGENT)
    namesake = give_key(world.access, Role.OPERATOR, name=AGENT)
    world.clock.move(timedelta(seconds=1))
    pair(world, b"another")
    for key in (other, namesake):
        assert world.doors().by_key(f"Bearer {key}")
    ended = [key.roles for key in world.access.all_keys() if key.revoked_at]
    assert ended == [frozenset({Role.AGENT})]


def test_a_message_that_was_used_gives_nothing_until_it_has_expired(
    world: IntakeWorld,
) -> None:
    pair(world)
    with pytest.raises(LeaseBusyError):
        pair(world)
    assert len(world.access.all_keys()) == 1


def test_the_ledger_says_that_a_key_came_and_another_went(world: IntakeWorld) -> None:
    pair(world)
    pair(world, b"another")
    events = [entry.event for entry in world.store.entries()]
    assert events == ["access_key_added", "access_key_revoked", "access_key_added"]
