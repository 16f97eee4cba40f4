import re
from datetime import timedelta

import pytest
from support.browser import Browser, SignIn
from support.intake import IntakeWorld

from unlearn_core.domain.access import Role
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.recipients import Told
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.stage_limits import (
    WORKING_DATA_DESTROYED,
    WORKING_DATA_EXPIRED,
    WORKING_DATA_LINGERS,
)

OLGA, OTTO = "Olga Officer", "Otto Officer"


@pytest.fixture
def key(world: IntakeWorld) -> RequestId:
    """Return a request that is laid before the officers."""
    key = world.receive()
    for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED):
        world.move(key, stage)
    for found in (9, 2):
        counts = {"searched": 40, "found": found, "unreadable": 0, "uncertain": 3}
        world.store.note("source_searched", {"source": "crm", **counts}, request_id=key)
    world.move(key, Stage.LOCATED)
    world.move(key, Stage.REFERRED)
    return key


def decide(browser: Browser, key: RequestId, verb: str, **more: str) -> int:
    fields = {"verb": verb, "confirmed": "yes"} | more
    return browser.post(f"/console/requests/{key}/decide", **fields)[0]


def page(browser: Browser, key: RequestId) -> str:
    return browser.get(f"/console/requests/{key}")


def test_the_page_tells_the_way_and_what_the_latest_search_found(
    key: RequestId, sign_in: SignIn
) -> None:
    shown = page(sign_in(Role.AUDITOR), key)
    steps = re.findall(r"</time> <span>([\w ]+)", shown)
    assert steps == [
        "Received",
        "Acknowledged",
        "Identity verified",
        "Data located",
        "Waits for approval",
    ]
    cells = re.findall(r'<td class="number" data-label="\w+">(\d+)', shown)
    assert cells == ["2", "3", "0", "40"]
    assert "10:30" in shown  # 09:30 UTC in the controller's time zone
    assert "Ottilie" not in shown


def test_the_page_tells_how_long_replicas_took_and_who_was_cut_off(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    facts: dict[str, JsonValue] = {"seconds": 3.24, "cut_off": ["left", "right"]}
    world.store.note(Stage.SERVING_CONFIRMED, facts, request_id=key)
    shown = page(sign_in(Role.AUDITOR), key)
    took = "Served by every replica, 3.2 s after registration"
    assert f"{took} (without left, right: cut off)</span>" in shown


def test_who_is_waited_for_sees_that_working_data_lies_long_and_that_it_is_gone(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    for event in (WORKING_DATA_LINGERS, WORKING_DATA_EXPIRED, WORKING_DATA_DESTROYED):
        world.store.note(event, {"stage": "referred"}, request_id=key)
    shown = page(sign_in(Role.AUDITOR), key)
    assert re.findall(r"</time> <span>([^<]+)", shown)[-2:] == [
        "Working data has been kept for long",
        "Working data destroyed; only an end is left",
    ]


def test_two_officers_approve_and_one_of_them_alone_cannot(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    olga, otto = sign_in(Role.APPROVER, OLGA), sign_in(Role.APPROVER, OTTO)
    assert decide(olga, key, "approve") == 303
    assert "It is your own proposal" in page(olga, key)
    assert "Agree and carry out" not in page(olga, key)
    assert decide(olga, key, "approve") == 409
    assert world.store.get(key).stage is Stage.REFERRED
    shown = page(otto, key)
    assert "Olga Officer proposes: Approve the erasure" in shown
    assert "Agree and carry out" in shown
    assert decide(otto, key, "approve") == 303
    assert world.store.get(key).stage is Stage.APPROVED
    assert "Olga Officer, Otto Officer" in page(otto, key)


def test_a_hold_takes_one_officer_and_a_coded_reason(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    olga = sign_in(Role.APPROVER, OLGA)
    for reason in ({}, {"reason": ""}, {"reason": "no_ground"}):
        assert decide(olga, key, "hold", **reason) == 403
    assert decide(olga, key, "hold", reason="objection") == 303
    assert world.store.get(key).stage is Stage.ON_HOLD
    assert "(an objection is examined)" in page(olga, key)


def test_who_sees_the_page_because_a_form_was_refused_is_recorded_too(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    seen = "personal_data_accessed"
    mallory = sign_in(Role.APPROVER, "Mallory")
    missing = f"/console/requests/{'0' * 8}-0000-0000-0000-000000000009/decide"
    assert mallory.post(missing, verb="approve", confirmed="yes")[0] == 404
    assert list(world.store.entries(event=seen)) == []
    status, text = mallory.post(f"/console/requests/{key}/decide", verb="approve")
    assert status == 403
    assert "Waits for approval" in text
    (entry,) = world.store.entries(event=seen)
    assert (entry.payload["what"], entry.request_id) == ("request", key)


@pytest.mark.parametrize(
    "fields",
    [
        {"confirmed": "no"},
        {"verb": "erase"},
        {"verb": ""},
    ],
)
def test_nothing_is_done_that_was_not_asked_for_and_confirmed(
    world: IntakeWorld, key: RequestId, sign_in: SignIn, fields: dict[str, str]
) -> None:
    olga = sign_in(Role.APPROVER, OLGA)
    path = f"/console/requests/{key}/decide"
    sent = {"verb": "approve", "confirmed": "yes"} | fields
    status, text = olga.post(path, **sent)
    assert status == 403
    assert "Nothing was done." in text
    assert not list(world.store.entries(event="decision_proposed"))


def test_who_is_no_officer_of_the_configuration_decides_nothing(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    assert decide(sign_in(Role.APPROVER, "Mallory"), key, "approve") == 409
    assert world.store.get(key).stage is Stage.REFERRED


def test_only_who_may_decide_sees_how(key: RequestId, sign_in: SignIn) -> None:
    assert 'value="approve"' in page(sign_in(Role.APPROVER, OLGA), key)
    shown = page(sign_in(Role.AUDITOR), key)
    assert "/decide" not in shown
    assert "/withdraw" not in shown
    shown = page(sign_in(Role.OPERATOR), key)
    assert "/decide" not in shown
    assert "/withdraw" in shown


def test_a_request_is_withdrawn_until_records_are_erased(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    operator = sign_in(Role.OPERATOR)
    path = f"/console/requests/{key}/withdraw"
    world.store.note("source_erasure_announced", {}, request_id=key)
    assert operator.post(path, confirmed="yes")[0] == 409
    assert "/withdraw" not in page(operator, key)
    other = world.receive("Bruno Bernstein")
    path = f"/console/requests/{other}/withdraw"
    assert operator.post(path)[0] == 403
    assert world.store.get(other).stage is Stage.RECEIVED
    assert operator.post(path, confirmed="yes") == (
        303,
        f"/console/requests/{other}?said=done",
    )
    assert world.store.get(other).stage is Stage.WITHDRAWN


def test_work_in_progress_is_followed_and_what_waits_is_not(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    auditor = sign_in(Role.AUDITOR)
    assert "live.js" not in page(auditor, key)
    working = page(auditor, world.receive("Bruno Bernstein"))
    assert '<script src="/console/live.js" defer></script>' in working
    assert '<noscript><meta http-equiv="refresh"' in working


def test_a_page_that_follows_by_itself_keeps_no_session_alive(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    path = f"/console/requests/{world.receive()}"
    auditor = sign_in(Role.AUDITOR)
    place = f"{path}?follow"
    assert f"url={place}" in auditor.get(path)
    world.clock.move(timedelta(minutes=29))
    assert auditor.answer(place).status_code == 200
    world.clock.move(timedelta(minutes=1))
    assert auditor.answer(place).headers["Location"] == "/console/login"


def test_a_refused_form_leads_back_to_what_can_be_looked_up(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    path = f"/console/requests/{world.receive()}"
    _, text = sign_in(Role.OPERATOR).post(f"{path}/withdraw")
    assert f'data-live="{path}"' in text
    assert f'href="{path}?language=de"' in text


def test_an_unknown_request_is_not_found(sign_in: SignIn) -> None:
    missing = f"/console/requests/{'0' * 8}-0000-0000-0000-000000000009"
    assert sign_in(Role.AUDITOR).answer(missing).status_code == 404


def test_two_names_behind_one_sign_in_are_one_officer(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    assert decide(sign_in(Role.APPROVER, OLGA), key, "approve") == 303
    (proposal,) = world.store.entries(key, event="decision_proposed")
    payload = dict(proposal.payload) | {"officer": OTTO}
    world.store.note("decision_proposed", payload, request_id=key)
    assert decide(sign_in(Role.APPROVER, OLGA), key, "approve") == 409
    assert world.store.get(key).stage is Stage.REFERRED


def test_the_page_tells_who_has_received_what_was_erased(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    told = Told(name="bolt", sources=("crm",), base_model="small-world")
    note = {"recipients": [told.to_json()]}
    world.store.note("recipients_concerned", note, request_id=key)
    bounced: dict[str, JsonValue] = {
        "template": "recipient_notice",
        "channel": "recipient-bolt",
        "reason": "http_410",
    }
    world.store.note("message_bounced", bounced, request_id=key)
    shown = page(sign_in(Role.AUDITOR), key)
    cells = re.findall(r'data-label="(?:Has received|Notice)">([^<]+)', shown)
    assert cells == ["crm, small-world", "refused ("]
    assert "<code>http_410</code>" in shown


def test_officers_set_the_ground_that_was_only_claimed(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    olga, otto = sign_in(Role.APPROVER, OLGA), sign_in(Role.APPROVER, OTTO)
    assert "Ground of the request</dt>" not in page(olga, key)
    assert decide(olga, key, "approve", ground="because") == 403
    assert decide(olga, key, "approve", ground="unlawful") == 303
    assert 'name="ground" value="unlawful"' in page(otto, key)
    assert decide(otto, key, "approve", ground="unlawful") == 303
    assert world.store.get(key).stage is Stage.APPROVED
    assert "unlawful processing (Art. 17(1)(d) GDPR)</dd>" in page(otto, key)


def test_the_reason_of_a_drafted_extension_is_proposed(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    olga = sign_in(Role.APPROVER, OLGA)
    assert " selected" not in page(olga, key)
    due_on = world.store.get(key).deadline.due_on.isoformat()
    facts: dict[str, JsonValue] = {"due_on": due_on, "reason": "number_of_requests"}
    world.store.note("extension_drafted", facts, request_id=key)
    shown = page(olga, key)
    assert '<option value="number_of_requests" selected>' in shown
    assert shown.count(" selected") == 1
    assert "An extension is drafted" in shown
