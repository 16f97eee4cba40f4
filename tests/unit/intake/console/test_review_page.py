import re
from collections.abc import Callable

import pytest
from support.browser import Browser, SignIn
from support.intake import OFFICERS, IntakeWorld
from support.populated import lay_before

from unlearn_core.domain.access import Role
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.reviews import read_rulings
from unlearn_core.intake.console.review_page import RECORDS_PER_PAGE

OLGA = OFFICERS[0]
Reviewed = Callable[..., RequestId]


@pytest.fixture
def under_review(world: IntakeWorld) -> Reviewed:
    """Return what brings a request with uncertain records."""

    def bring(*names: str) -> RequestId:
        key = world.receive()
        for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED):
            world.move(key, stage)
        lay_before(world, key, *names or ("r-0", "r-1", "r-2"))
        return key

    return bring


def place(key: RequestId) -> str:
    return f"/console/requests/{key}/review"


def form(browser: Browser, key: RequestId) -> dict[str, str]:
    """Return the hidden fields of the form, and the tick."""
    shown = browser.get(place(key))
    hidden = dict(re.findall(r'name="(list|page)" value="([^"]*)"', shown))
    assert hidden.keys() == {"list", "page"}
    return hidden | {"confirmed": "yes"}


def rulings(world: IntakeWorld, key: RequestId) -> dict[int, str]:
    return {
        number: reason.value
        for number, reason in read_rulings(world.store.entries(key)).items()
    }


def test_the_page_shows_why_each_record_matched_what_it_says_and_who_asks(
    under_review: Reviewed, sign_in: SignIn
) -> None:
    key, olga = under_review(), sign_in(Role.OPERATOR, OLGA)
    assert f'href="{place(key)}"' in olga.get(f"/console/requests/{key}")
    shown = olga.get(place(key))
    assert shown.count("name as_written in text") == 3
    assert shown.count("We met &lt;b&gt;Ottilie&lt;/b&gt; on another planet.") == 3
    assert "<dd>Ottilie Quastenflosser</dd>" in shown
    assert "<dd>ottilie@fins.example</dd>" in shown
    assert "3 of 3 records are not decided yet." in shown


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.APPROVER])
def test_the_last_decision_lets_the_request_go_on(
    world: IntakeWorld, under_review: Reviewed, sign_in: SignIn, role: Role
) -> None:
    key, olga = under_review(), sign_in(role, OLGA)
    fields = form(olga, key)
    one = {"record-1": "same_person", "record-2": "", "record-3": "namesake"}
    assert olga.post(place(key), **fields, **one) == (
        303,
        f"{place(key)}?said=done&page=1",
    )
    assert rulings(world, key) == {1: "same_person", 3: "namesake"}
    shown = olga.get(place(key))
    assert "1 of 3 records are not decided yet." in shown
    assert '<option value="same_person" selected>' in shown
    rest = {"record-1": "namesake", "record-2": "legal_hold"}
    assert olga.post(place(key), **fields, **rest) == (
        303,
        f"/console/requests/{key}?said=reviewed",
    )
    assert rulings(world, key) == {1: "namesake", 2: "legal_hold", 3: "namesake"}
    assert world.store.get(key).stage is Stage.REVIEWED
    (first, *_) = world.store.entries(key, event="record_reviewed")
    assert first.payload["officer"] == OLGA
    assert first.payload["ruling"] == "erase"


def test_a_change_that_comes_with_the_last_decision_counts(
    world: IntakeWorld, under_review: Reviewed, sign_in: SignIn
) -> None:
    key, olga = under_review(), sign_in(Role.OPERATOR, OLGA)
    fields = form(olga, key)
    first = {"record-1": "same_person", "record-2": "same_person", "record-3": ""}
    olga.post(place(key), **fields, **first)
    then = {"record-1": "same_person", "record-2": "namesake"}
    olga.post(place(key), **fields, **then, **{"record-3": "same_person"})
    assert rulings(world, key) == {1: "same_person", 2: "namesake", 3: "same_person"}
    assert world.store.get(key).stage is Stage.REVIEWED
    assert len(list(world.store.entries(key, event="record_reviewed"))) == 4


def test_versions_of_one_record_are_decided_about_once(
    world: IntakeWorld, under_review: Reviewed, sign_in: SignIn
) -> None:
    key, olga = under_review("r", "r", "other"), sign_in(Role.OPERATOR, OLGA)
    fields = form(olga, key)
    two = {"record-1": "same_person", "record-2": "namesake"}
    assert olga.post(place(key), **fields, **two)[0] == 409
    assert rulings(world, key) == {}
    olga.post(place(key), **fields, **{"record-1": "same_person"})
    assert rulings(world, key) == {1: "same_person", 2: "same_person"}
    changed = {"record-1": "namesake", "record-2": "same_person"}
    olga.post(place(key), **fields, **changed)
    assert rulings(world, key) == {1: "namesake", 2: "namesake"}


def test_what_somebody_has_seen_is_recorded(
    world: IntakeWorld, under_review: Reviewed, sign_in: SignIn
) -> None:
    key, olga = under_review(), sign_in(Role.OPERATOR, OLGA)
    olga.get(place(key))
    seen = world.store.entries(key, event="personal_data_accessed")
    assert [entry.payload["what"] for entry in seen] == ["review_list"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"confirmed": "no"}, 403),
        ({"record-1": ""}, 403),
        ({"record-1": "because"}, 403),
        ({"record-one": "namesake"}, 403),
        ({"list": ""}, 403),
        ({"record-9": "namesake"}, 409),
        ({"list": "of-another-search"}, 409),
    ],
)
def test_nothing_is_done_that_the_page_did_not_offer(
    world: IntakeWorld,
    under_review: Reviewed,
    sign_in: SignIn,
    changes: dict[str, str],
    status: int,
) -> None:
    key, olga = under_review(), sign_in(Role.APPROVER, OLGA)
    fields = form(olga, key)
    if "record-9" not in changes:
        fields["record-1"] = "namesake"
    code, shown = olga.post(place(key), **(fields | changes))
    assert code == status
    assert 'role="alert"' in shown
    assert rulings(world, key) == {}


def test_a_decision_about_a_list_that_was_replaced_is_refused(
    world: IntakeWorld, under_review: Reviewed, sign_in: SignIn
) -> None:
    key, olga = under_review(), sign_in(Role.APPROVER, OLGA)
    old = form(olga, key)
    world.move(key, Stage.ON_HOLD, {"reason": "objection", "on": "2026-03-02"})
    world.move(key, Stage.RELEASED)
    lay_before(world, key, "r-0", "r-1")
    status, shown = olga.post(place(key), **old, **{"record-1": "same_person"})
    assert status == 409
    assert "the list was replaced" in shown
    assert rulings(world, key) == {}


def test_who_is_no_officer_of_the_configuration_decides_nothing(
    world: IntakeWorld, under_review: Reviewed, sign_in: SignIn
) -> None:
    key, mallory = under_review(), sign_in(Role.OPERATOR, "Mallory")
    fields = form(mallory, key) | {"record-1": "namesake"}
    assert mallory.post(place(key), **fields)[0] == 409
    assert rulings(world, key) == {}


def test_auditors_see_that_there_is_a_review_and_nothing_of_it(
    under_review: Reviewed, sign_in: SignIn
) -> None:
    key, auditor = under_review(), sign_in(Role.AUDITOR)
    assert auditor.answer(place(key)).status_code == 403
    shown = auditor.get(f"/console/requests/{key}")
    assert "Uncertain records under review" in shown
    assert place(key) not in shown


def test_a_long_list_has_pages_and_keeps_its_numbers(
    world: IntakeWorld, under_review: Reviewed, sign_in: SignIn
) -> None:
    key, olga = (
        under_review(*map(str, range(RECORDS_PER_PAGE + 1))),
        sign_in(Role.OPERATOR, OLGA),
    )
    last = RECORDS_PER_PAGE + 1
    assert f'name="record-{last}"' not in olga.get(place(key))
    second = olga.get(f"{place(key)}?page=2")
    assert re.findall(r'name="record-(\d+)"', second) == [str(last)]
    fields = form(olga, key) | {"page": "2", f"record-{last}": "common_text"}
    assert olga.post(place(key), **fields) == (303, f"{place(key)}?said=done&page=2")
    assert rulings(world, key) == {last: "common_text"}
    assert 'name="record-1"' in olga.get(f"{place(key)}?page=x")


def test_a_request_that_needs_no_review_shows_itself(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    key = world.receive()
    answer = sign_in(Role.OPERATOR, OLGA).answer(place(key))
    assert answer.headers["Location"] == f"/console/requests/{key}"


def test_an_exemption_needs_a_reasoning_which_is_sealed(
    world: IntakeWorld, under_review: Reviewed, sign_in: SignIn
) -> None:
    key, olga = under_review(), sign_in(Role.OPERATOR, OLGA)
    fields = form(olga, key) | {"record-1": "archiving"}
    assert olga.post(place(key), **fields, reasoning="  ")[0] == 409
    assert rulings(world, key) == {}
    olga.post(place(key), **fields, reasoning="The archive of Frau Beispiel.")
    assert rulings(world, key) == {1: "archiving"}
    (noted,) = world.store.entries(key, event="record_reviewed")
    assert str(noted.payload["reasoning"]).startswith("hmac-sha256:")
    assert "Beispiel" not in str(noted.payload)


def test_an_exemption_without_a_ground_is_not_taken(
    world: IntakeWorld, under_review: Reviewed, sign_in: SignIn
) -> None:
    key, olga = under_review(), sign_in(Role.OPERATOR, OLGA)
    fields = form(olga, key) | {"record-1": "exempt"}
    assert olga.post(place(key), **fields, reasoning="Because.")[0] == 409
    assert rulings(world, key) == {}
