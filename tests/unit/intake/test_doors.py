from dataclasses import replace
from datetime import timedelta

import pytest
from support.access import give_key
from support.intake import IntakeWorld

from unlearn_core.domain.access import ANYBODY, Role, digest_of_secret, read_key_id
from unlearn_core.http_errors import ApiKeyError, LoginRefusedError
from unlearn_core.intake.doors import Doors
from unlearn_core.ports import Identity
from unlearn_core.privacy import Personal

OLGA = Identity(
    subject=Personal("person-17"), name="Olga", roles=frozenset({Role.APPROVER})
)


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


@pytest.fixture
def doors(world: IntakeWorld) -> Doors:
    return world.doors()


def revoke(world: IntakeWorld, text: str) -> None:
    world.access.revoke_key(str(read_key_id(text)), at=world.clock.now())


def test_without_any_key_the_api_is_open_to_anybody_as_an_operator(
    doors: Doors,
) -> None:
    caller = doors.by_key("")
    assert (caller.who, caller.roles) == (ANYBODY.who, frozenset({Role.OPERATOR}))


def test_where_keys_are_always_asked_for_the_api_is_never_open(
    world: IntakeWorld,
) -> None:
    doors = replace(world.doors(), always_ask=True)
    with pytest.raises(ApiKeyError):
        doors.by_key("")


def test_the_first_key_closes_the_api_for_good(
    world: IntakeWorld, doors: Doors
) -> None:
    doors.by_key("")
    key = give_key(world.access, Role.AUDITOR)
    with pytest.raises(ApiKeyError):
        doors.by_key("")
    assert doors.by_key(f"Bearer {key}").roles == {Role.AUDITOR}
    revoke(world, key)
    for header in ("", f"Bearer {key}"):
        with pytest.raises(ApiKeyError):
            doors.by_key(header)
        with pytest.raises(ApiKeyError):
            world.doors().by_key(header)


def test_the_key_of_the_settings_is_an_operators(world: IntakeWorld) -> None:
    doors = world.doors(api_key="s3cret")
    caller = doors.by_key("Bearer s3cret")
    assert (caller.who, caller.roles) == (
        "key:installation",
        frozenset({Role.OPERATOR}),
    )
    with pytest.raises(LoginRefusedError):  # it belongs to no person
        doors.sign_in_with_key("s3cret")


def test_a_session_is_of_whoever_showed_the_key(
    world: IntakeWorld, doors: Doors
) -> None:
    key = give_key(world.access, Role.APPROVER, name="Olga")
    token = doors.sign_in_with_key(key)
    caller = doors.by_session(token)
    assert caller is not None
    assert (caller.name, caller.roles) == ("Olga", frozenset({Role.APPROVER}))
    assert caller.who == f"key:{read_key_id(key)}"
    assert doors.sign_in_with_key(key) != token


@pytest.mark.parametrize("token", [None, "", "guess"])
def test_nobody_is_signed_in_with_another_token(
    doors: Doors, token: str | None
) -> None:
    doors.sign_in(OLGA)
    assert doors.by_session(token) is None


def test_a_session_ends_with_its_key_its_time_or_a_sign_out(
    world: IntakeWorld, doors: Doors
) -> None:
    key = give_key(world.access, Role.APPROVER)
    by_key, signed_out, idle = (doors.sign_in_with_key(key) for _ in range(3))
    doors.sign_out(signed_out)
    assert doors.by_session(signed_out) is None
    world.clock.move(timedelta(minutes=29))
    assert doors.by_session(by_key) is not None
    world.clock.move(timedelta(minutes=29))
    assert doors.by_session(idle) is None
    assert doors.by_session(by_key) is not None  # used in between
    revoke(world, key)
    assert doors.by_session(by_key) is None


def test_a_session_that_began_while_its_key_was_revoked_opens_nothing(
    world: IntakeWorld, doors: Doors
) -> None:
    key = give_key(world.access, Role.APPROVER)
    token = doors.sign_in_with_key(key)
    begun = world.access.session(digest_of_secret(token))
    assert begun is not None
    revoke(world, key)
    world.access.start_session(begun)
    assert doors.by_session(token) is None


def test_a_used_session_ends_after_half_a_day_all_the_same(
    world: IntakeWorld, doors: Doors
) -> None:
    token = doors.sign_in(OLGA)
    for _ in range(28):
        world.clock.move(timedelta(minutes=25))
        assert doors.by_session(token) is not None
    world.clock.move(timedelta(minutes=25))
    assert doors.by_session(token) is None


def test_a_person_is_recorded_under_a_pseudonym_that_stays(
    world: IntakeWorld, doors: Doors
) -> None:
    callers = [doors.by_session(doors.sign_in(OLGA)) for _ in range(2)]
    assert callers[0] == callers[1]
    assert callers[0] is not None
    assert callers[0].who.startswith("person:")
    entries = [(entry.event, entry.payload) for entry in world.store.entries()]
    assert (
        entries == [("signed_in", {"who": callers[0].who, "roles": ["approver"]})] * 2
    )


def test_whom_the_issuer_gives_no_role_is_not_let_in(
    world: IntakeWorld, doors: Doors
) -> None:
    nobody = Identity(subject=Personal("x"), name="X", roles=frozenset())
    with pytest.raises(LoginRefusedError):
        doors.sign_in(nobody)
    assert list(world.store.entries()) == []
