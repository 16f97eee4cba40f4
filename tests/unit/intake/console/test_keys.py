from support.access import give_key
from support.browser import SignIn
from support.intake import IntakeWorld

from unlearn_core.domain.access import Role, read_key_id


def test_an_administrator_ends_a_key_and_its_sessions(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    victim = sign_in(Role.OPERATOR, "Olga")
    key = give_key(world.access, Role.OPERATOR, name="Olga")
    admin = sign_in(Role.ADMIN)
    path = f"/console/keys/{read_key_id(key)}/revoke"
    assert path in admin.get("/console/keys")
    assert admin.post(path) == (303, "/console/keys")
    assert world.doors().by_session(victim.token) is None
    shown = admin.get("/console/keys")
    assert path not in shown
    assert "revoked" in shown
    (entry,) = world.store.entries(event="access_key_revoked")
    who = world.doors().by_session(admin.token)
    assert who is not None
    assert entry.payload == {"key": read_key_id(key), "who": who.who}
    assert admin.post("/console/keys/unknown/revoke")[0] == 404


def test_an_auditor_sees_keys_and_cannot_end_them(sign_in: SignIn) -> None:
    shown = sign_in(Role.AUDITOR, "Anna Auditor").get("/console/keys")
    assert "Anna Auditor" in shown
    assert "/revoke" not in shown
