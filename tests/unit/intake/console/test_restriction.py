import pytest
from support.browser import Browser, SignIn
from support.intake import IntakeWorld

from unlearn_core.domain.access import Role
from unlearn_core.domain.requests import RequestId, Stage

OLGA, OTTO = "Olga Officer", "Otto Officer"


@pytest.fixture
def key(world: IntakeWorld) -> RequestId:
    """Return a request of which it is known who the subject is."""
    key = world.receive()
    for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED):
        world.move(key, stage)
    return key


def post(browser: Browser, key: RequestId, action: str, **fields: str) -> int:
    path = f"/console/requests/{key}/{action}"
    return browser.post(path, **({"confirmed": "yes"} | fields))[0]


def page(browser: Browser, key: RequestId) -> str:
    return browser.get(f"/console/requests/{key}")


def test_one_officer_restricts_and_two_lift(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    olga, otto = sign_in(Role.APPROVER, OLGA), sign_in(Role.APPROVER, OTTO)
    assert f"/console/requests/{key}/restrict" in page(olga, key)
    assert post(olga, key, "restrict", reason="accuracy_contested") == 303
    shown = page(olga, key)
    assert "Use restricted; inference services are being told" in shown
    assert "the person contests the accuracy" in shown
    world.store.note("restriction_in_force", {}, request_id=key)
    assert "Restriction in force at every inference service" in page(otto, key)
    assert post(olga, key, "lift", reason="ground_ended") == 303
    assert "Olga Officer" in page(otto, key)
    assert post(olga, key, "lift", reason="ground_ended") == 409
    assert post(otto, key, "lift", reason="ground_ended") == 303
    ended = page(otto, key)
    assert "Restriction ended" in ended
    assert f"/console/requests/{key}/lift" not in ended
    assert world.notifier.posted(key) == ("restriction_lifted",)


@pytest.mark.parametrize(
    "fields", [{"reason": "accuracy_contested", "confirmed": ""}, {"reason": "because"}]
)
def test_a_form_that_is_not_filled_in_changes_nothing(
    world: IntakeWorld, key: RequestId, sign_in: SignIn, fields: dict[str, str]
) -> None:
    assert post(sign_in(Role.APPROVER, OLGA), key, "restrict", **fields) == 403
    assert not list(world.store.entries(key, event="restricted"))


def test_there_is_no_form_before_the_identity_is_verified_nor_for_an_auditor(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    early = world.receive("Bo Sample")
    olga = sign_in(Role.APPROVER, OLGA)
    assert "restrict" not in page(olga, early)
    assert post(olga, early, "restrict", reason="objection") == 409
    assert f"/console/requests/{key}/restrict" not in page(sign_in(Role.AUDITOR), key)
