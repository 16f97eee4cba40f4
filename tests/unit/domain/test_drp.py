"""Status and reason are a pair that the Data Rights Protocol's table has."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from support.domain import NOW, deadline
from support.domain import ledger_entry as entry
from support.domain import request as erasure_request

from unlearn_core.domain.docket import read_docket
from unlearn_core.domain.drp import (
    DETAILS,
    REASONS,
    standing,
    status_document,
)
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Outcome, RequestStatus, Stage

OPEN, WORK, DENIED = (
    RequestStatus.OPEN,
    RequestStatus.IN_PROGRESS,
    RequestStatus.DENIED,
)


def said(event: str, **payload: str) -> LedgerEntry:
    return entry(event, payload=dict(payload))


@pytest.mark.parametrize(
    ("stage", "outcome", "entries", "pair"),
    [
        (Stage.RECEIVED, None, [], (OPEN, None)),
        (Stage.ACKNOWLEDGED, None, [], (WORK, None)),
        (
            Stage.PROOF_AWAITED,
            None,
            [said("proof_awaited")],
            (WORK, "need_user_verification"),
        ),
        (
            Stage.ON_HOLD,
            None,
            [said("on_hold", reason="identity_doubt")],
            (WORK, "need_user_verification"),
        ),
        (Stage.ON_HOLD, None, [said("on_hold", reason="objection")], (WORK, None)),
        # Decided, but not told yet: the reason comes with the status it belongs to.
        (Stage.REFUSED, Outcome.REFUSED, [said("refused")], (WORK, None)),
        (
            Stage.NOTIFIED,
            Outcome.REFUSED,
            [said("refused")],
            (DENIED, "insuf_verification"),
        ),
        (Stage.NOTIFIED, Outcome.REFUSED, [said("joined")], (DENIED, "other")),
        (
            Stage.NOTIFIED,
            Outcome.REFUSED,
            [said("declined", reason="excessive")],
            (DENIED, "too_many_requests"),
        ),
        (
            Stage.NOTIFIED,
            Outcome.REFUSED,
            [said("declined", reason="legal_claims")],
            (DENIED, "claim_not_covered"),
        ),
        (Stage.NOTIFIED, Outcome.FAILED, [], (DENIED, "other")),
        (Stage.NOTIFIED, Outcome.NOT_FOUND, [], (DENIED, "no_match")),
        (
            Stage.NOTIFIED,
            Outcome.SUPPRESSED_AT_OUTPUT,
            [],
            (RequestStatus.FULFILLED, None),
        ),
        (Stage.NOTIFIED, Outcome.PARTIAL, [], (RequestStatus.FULFILLED, None)),
        (Stage.WITHDRAWN, Outcome.WITHDRAWN, [], (RequestStatus.REVOKED, None)),
    ],
)
def test_what_an_agent_is_told(
    stage: Stage,
    outcome: Outcome | None,
    entries: list[LedgerEntry],
    pair: tuple[RequestStatus, str | None],
) -> None:
    asked = erasure_request(stage=stage, outcome=outcome)
    assert standing(asked, entries) == pair


def test_every_reason_is_explained() -> None:
    assert {reason for reasons in REASONS.values() for reason in reasons} <= set(
        DETAILS
    )


def document(*entries: LedgerEntry, url: str | None) -> dict[str, object]:
    asked = erasure_request(stage=Stage.PROOF_AWAITED)
    docket = read_docket(
        deadline(), entries, today=NOW.date(), is_holiday=lambda _day: False
    )
    return dict(
        status_document(
            asked,
            entries,
            docket,
            zone=ZoneInfo("Europe/Berlin"),
            reference=None,
            verification_url=url,
        )
    )


def test_who_has_to_prove_something_is_told_where() -> None:
    told = document(said("proof_awaited"), url="https://here/status/a")
    assert told["reason"] == "need_user_verification"
    assert told["user_verification_url"] == "https://here/status/a"


def test_without_a_page_to_prove_it_on_the_reason_is_not_given() -> None:
    told = document(said("proof_awaited"), url=None)
    assert (told["status"], "reason" in told) == ("in_progress", False)


def test_an_extension_moves_the_date_and_is_explained() -> None:
    before = document(url=None)
    after = document(said("deadline_extended", reason="complexity"), url=None)
    assert "processing_details" not in before
    assert after["processing_details"] == DETAILS["extended"]
    assert str(after["expected_by"])[:10] == deadline().extended_due_on.isoformat()
    assert deadline().extended_due_on - deadline().due_on > timedelta(days=50)
