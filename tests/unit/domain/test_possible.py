from datetime import date, timedelta

import pytest
from support.domain import NOW, request

from unlearn_core.domain.decisions import ERASURE_ANNOUNCED, Verb
from unlearn_core.domain.docket import read_docket
from unlearn_core.domain.ledger import GENESIS, LedgerEntry
from unlearn_core.domain.possible import (
    REASONS,
    can_be_withdrawn,
    possible_decisions,
)
from unlearn_core.domain.requests import Stage
from unlearn_core.domain.stage_limits import WORKING_DATA_EXPIRED

DUE_ON = date(2026, 4, 2)


def noted(event: str, **payload: str) -> LedgerEntry:
    return LedgerEntry(
        sequence=1,
        recorded_at=NOW,
        request_id=None,
        event=event,
        payload=dict(payload),
        fencing_token=0,
        previous_hash=GENESIS,
    )


def possible(stage: Stage, *events: str, today: date = DUE_ON) -> set[str]:
    item, entries = request(1, stage=stage), [noted(event) for event in events]
    docket = read_docket(
        item.deadline, entries, today=today, is_holiday=lambda _: False
    )
    return {
        verb.value
        for verb in possible_decisions(
            item, entries, docket=docket, today=today, now=NOW
        )
    }


@pytest.mark.parametrize(
    ("stage", "verbs"),
    [
        (Stage.RECEIVED, {"refuse", "extend"}),
        (
            Stage.PROOF_AWAITED,
            {"ask_for_proof", "confirm_identity", "refuse", "extend"},
        ),
        (Stage.LOCATED, {"refuse", "extend", "hold"}),
        (Stage.REFERRED, {"approve", "refuse", "extend", "hold"}),
        (Stage.ON_HOLD, {"release", "refuse", "extend"}),
        (Stage.TRAINED, {"extend"}),
        (Stage.ESCALATED, {"close_escalated", "extend"}),
        (Stage.NOTIFIED, set()),
    ],
)
def test_what_can_be_decided_depends_on_the_stage(
    stage: Stage, verbs: set[str]
) -> None:
    assert possible(stage) == verbs


@pytest.mark.parametrize(
    ("stage", "verbs"),
    [
        (Stage.PROOF_AWAITED, {"refuse", "extend"}),
        (Stage.REFERRED, {"refuse", "extend"}),
        (Stage.ON_HOLD, {"refuse", "extend"}),
        (Stage.ESCALATED, {"close_escalated", "extend"}),
    ],
)
def test_without_its_working_data_a_request_can_only_be_ended(
    stage: Stage, verbs: set[str]
) -> None:
    assert possible(stage, WORKING_DATA_EXPIRED) == verbs
    item, entries = request(1, stage=stage), [noted(WORKING_DATA_EXPIRED)]
    assert can_be_withdrawn(item, entries, now=NOW) is (stage is not Stage.ESCALATED)


def test_once_the_erasure_is_announced_nothing_stops_it() -> None:
    assert possible(Stage.LOCATED, ERASURE_ANNOUNCED) == {"extend"}
    entries = [noted(ERASURE_ANNOUNCED)]
    located = request(1, stage=Stage.LOCATED)
    assert can_be_withdrawn(located, [], now=NOW)
    assert not can_be_withdrawn(located, entries, now=NOW)
    assert not can_be_withdrawn(request(1, stage=Stage.NOTIFIED), [], now=NOW)


def test_from_the_stated_moment_on_nothing_stops_it() -> None:
    cooling = request(1, stage=Stage.COOLING_OFF)
    entries = [noted(Stage.COOLING_OFF, until=NOW.isoformat())]
    docket = read_docket(
        cooling.deadline, entries, today=DUE_ON, is_holiday=lambda _: False
    )
    for now, verbs in (
        (NOW - timedelta(microseconds=1), {"refuse", "extend", "hold"}),
        (NOW, {"extend"}),
    ):
        found = possible_decisions(
            cooling, entries, docket=docket, today=DUE_ON, now=now
        )
        assert set(found) == verbs
        assert can_be_withdrawn(cooling, entries, now=now) is (now < NOW)


def test_time_is_extended_once_and_not_after_the_first_period() -> None:
    assert "extend" not in possible(Stage.TRAINED, "deadline_extended")
    assert "extend" not in possible(Stage.TRAINED, today=date(2026, 4, 3))


def test_decisions_that_take_something_need_a_reason() -> None:
    assert set(Verb) - set(REASONS) == {
        Verb.ASK_FOR_PROOF,
        Verb.CONFIRM_IDENTITY,
        Verb.APPROVE,
        Verb.RELEASE,
    }
