import json
from datetime import timedelta

import pytest
from support.domain import request_id as request_id_of
from support.intake import IntakeWorld

from unlearn_core.domain.codes import CODE_REFUSED, VALID_FOR, CodeRefusedError
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import LeaseBusyError, UnknownRequestError
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes
from unlearn_core.steps.prove_identity import (
    code_standing,
    prove_identity,
    send_new_code,
)


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


@pytest.fixture
def key(world: IntakeWorld) -> RequestId:
    """Return a request that waits for the code that was sent."""
    return world.ask_for_code()


def code_of(world: IntakeWorld, key: RequestId) -> Personal[str]:
    sealed = world.custody.get(scopes.evidence(key), scopes.CODE)
    return Personal(json.loads(sealed)["code"])


def other_than(code: Personal[str]) -> Personal[str]:
    return Personal(f"{(int(code.reveal()) + 1) % 10**8:08d}")


def test_the_right_code_lets_the_work_go_on(world: IntakeWorld, key: RequestId) -> None:
    prove_identity(key, code_of(world, key), desk=world.proof())
    assert world.store.get(key).stage is Stage.PROOF_GIVEN
    (given,) = world.store.entries(key, event=Stage.PROOF_GIVEN)
    assert given.payload == {"method": "email_code"}
    assert world.leases.is_free(str(key))


def test_the_code_goes_to_the_address_that_is_claimed_and_nowhere_else(
    world: IntakeWorld, key: RequestId
) -> None:
    sealed = json.loads(world.custody.get(scopes.evidence(key), scopes.CODE))
    assert sealed["to"] == "ottilie@fins.example"
    assert world.notifier.posted(key) == ("identity_code_1",)
    told = " ".join(str(dict(entry.payload)) for entry in world.store.entries(key))
    assert sealed["code"] not in told
    assert "ottilie" not in told


def test_a_wrong_code_is_counted_and_the_fifth_ends_it(
    world: IntakeWorld, key: RequestId
) -> None:
    right = code_of(world, key)
    for _ in range(5):
        with pytest.raises(CodeRefusedError, match="wrong"):
            prove_identity(key, other_than(right), desk=world.proof())
    with pytest.raises(CodeRefusedError, match="too late"):
        prove_identity(key, right, desk=world.proof())
    assert len(list(world.store.entries(key, event=CODE_REFUSED))) == 5
    assert world.store.get(key).stage is Stage.PROOF_AWAITED


def test_after_half_an_hour_the_code_counts_no_more(
    world: IntakeWorld, key: RequestId
) -> None:
    world.clock.move(VALID_FOR)
    with pytest.raises(CodeRefusedError, match="too late"):
        prove_identity(key, code_of(world, key), desk=world.proof())


def test_a_new_code_takes_the_place_of_the_old_one_and_there_are_three(
    world: IntakeWorld, key: RequestId
) -> None:
    first = code_of(world, key)
    send_new_code(key, desk=world.proof())
    assert code_of(world, key) != first
    with pytest.raises(CodeRefusedError, match="wrong"):
        prove_identity(key, first, desk=world.proof())
    send_new_code(key, desk=world.proof())
    with pytest.raises(CodeRefusedError, match="no more"):
        send_new_code(key, desk=world.proof())
    assert world.notifier.posted(key) == tuple(
        f"identity_code_{number}" for number in (1, 2, 3)
    )
    prove_identity(key, code_of(world, key), desk=world.proof())


def test_a_code_counts_once_and_only_where_one_is_awaited(
    world: IntakeWorld, key: RequestId
) -> None:
    code = code_of(world, key)
    prove_identity(key, code, desk=world.proof())
    with pytest.raises(CodeRefusedError, match="none is awaited"):
        prove_identity(key, code, desk=world.proof())
    with pytest.raises(CodeRefusedError, match="no more"):
        send_new_code(key, desk=world.proof())
    other = world.receive()
    assert code_standing(other, desk=world.proof()) is None
    with pytest.raises(CodeRefusedError, match="none is awaited"):
        prove_identity(other, code, desk=world.proof())


def test_the_code_of_one_request_opens_no_other(
    world: IntakeWorld, key: RequestId
) -> None:
    other = world.ask_for_code()
    with pytest.raises(CodeRefusedError, match="wrong"):
        prove_identity(other, code_of(world, key), desk=world.proof())


def test_two_tries_at_once_are_one_after_the_other(
    world: IntakeWorld, key: RequestId
) -> None:
    lease = world.leases.acquire(str(key), holder="b", ttl=timedelta(minutes=1))
    with pytest.raises(LeaseBusyError):
        prove_identity(key, Personal("1"), desk=world.proof())
    world.leases.release(lease)


def test_an_unknown_request_is_unknown(world: IntakeWorld) -> None:
    with pytest.raises(UnknownRequestError):
        prove_identity(request_id_of(9), Personal("1"), desk=world.proof())
    with pytest.raises(UnknownRequestError):
        send_new_code(request_id_of(9), desk=world.proof())
