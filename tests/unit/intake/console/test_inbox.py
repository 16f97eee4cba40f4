from datetime import timedelta

import pytest
from support.browser import SignIn
from support.intake import IntakeWorld

from unlearn_core.domain.access import Role
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.intake.console.inbox import FILTERS, read_rows
from unlearn_core.intake.console.words import LANGUAGES


def received(world: IntakeWorld) -> RequestId:
    return world.receive()


def test_the_inbox_tells_the_days_that_are_left(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    # Received on 2 March 2026, due on 2 April.
    key = received(world)
    browser = sign_in(Role.OPERATOR)
    shown = browser.get("/console")
    assert f'href="/console/requests/{key}"' in shown
    assert "31 days left" in shown
    assert "2 Apr 2026" in shown
    shown = browser.get("/console", Accept_Language="de")
    assert LANGUAGES["de"]["days_left"].format(days=31) in shown
    assert "02.04.2026" in shown


@pytest.mark.parametrize(
    ("days", "words", "urgency"),
    [
        (0, "31 days left", "calm"),
        (21, "10 days left", "near"),
        (30, "1 day left", "near"),
        (31, "due today", "near"),
        (32, "1 day overdue", "late"),
        (33, "2 days overdue", "late"),
    ],
)
def test_how_pressing_a_request_is_can_be_read_and_seen(
    world: IntakeWorld, sign_in: SignIn, days: int, words: str, urgency: str
) -> None:
    received(world)
    world.clock.move(timedelta(days=days))
    assert f'<span class="badge {urgency}">{words}</span>' in sign_in(Role.AUDITOR).get(
        "/console"
    )


def test_filters_count_and_choose(world: IntakeWorld, sign_in: SignIn) -> None:
    held, closed, waiting = (received(world) for _ in range(3))
    for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED):
        world.move(held, stage)
    world.move(held, Stage.ON_HOLD, {"reason": "objection", "on": "2026-03-02"})
    world.move(closed, Stage.WITHDRAWN, {"on": "2026-03-02"}, Outcome.WITHDRAWN)
    world.move(closed, Stage.PURGED)
    world.move(closed, Stage.NOTIFIED)
    proposal = {"decision": "refuse", "reason": "no_ground", "officer": "Otto"}
    world.store.note("decision_proposed", proposal, request_id=waiting)
    rows = read_rows(world.console())
    found = {name: sum(map(wanted, rows)) for name, wanted in FILTERS.items()}
    assert found == {"open": 2, "person": 2, "pressing": 0, "late": 0, "closed": 1}
    browser = sign_in(Role.OPERATOR)
    for name, keys in (("open", {held, waiting}), ("closed", {closed})):
        shown = browser.get(f"/console?show={name}")
        assert {key for key in (held, closed, waiting) if str(key) in shown} == keys
    assert "a second officer: Refuse" in browser.get("/console?show=person")
    assert "There is nothing here." in browser.get("/console?show=late")
    assert str(held) in browser.get("/console?show=<script>")


def test_nothing_is_expected_before_enough_was_measured(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    world.answer(2)
    world.receive()
    assert [row.forecast for row in read_rows(world.console())] == [None] * 3
    assert "expected on" not in sign_in(Role.OPERATOR).get("/console")


@pytest.mark.parametrize(
    ("days", "words", "risk"),
    [(29, "26 Jun 2026", "in_time"), (40, "9 Aug 2026", "too_late")],
)
def test_an_open_request_says_when_it_is_expected_and_whether_that_is_in_time(
    world: IntakeWorld, sign_in: SignIn, days: int, words: str, risk: str
) -> None:
    world.answer(3, days=days)
    key = world.receive()
    (row,) = [row for row in read_rows(world.console()) if row.forecast]
    assert (row.request.request_id, row.risk) == (key, risk)
    browser = sign_in(Role.OPERATOR)
    for path in ("/console", "/console/calendar"):
        shown = browser.get(path)
        assert ("will be late" in shown) is (risk == "too_late"), path
    assert words in browser.get("/console")
