from datetime import UTC, datetime, timedelta

import pytest

from unlearn_core.domain.canonical import Digest
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import WAITS_FOR_A_PERSON, Stage
from unlearn_core.domain.stage_limits import (
    ENDS,
    WORKING_DATA_DESTROYED,
    WORKING_DATA_EXPIRED,
    WORKING_DATA_LINGERS,
    Lying,
    WorkingDataExpiredError,
    check_not_expired,
    limits,
    lying,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
TABLE = limits(told_days=14, days=120, stage_days={Stage.ON_HOLD: 365})


def ledger(*events: str) -> list[LedgerEntry]:
    """Return entries, one a day."""
    return [
        LedgerEntry(
            sequence=number,
            recorded_at=START + timedelta(days=number - 1),
            request_id=None,
            event=event,
            payload={},
            fencing_token=0,
            previous_hash=Digest("sha256:" + "0" * 64),
            entry_hash=Digest("sha256:" + "0" * 64),
        )
        for number, event in enumerate(events, 1)
    ]


def test_every_stage_but_the_ends_has_a_limit() -> None:
    assert set(TABLE) | ENDS == set(Stage)
    assert not set(TABLE) & ENDS
    assert {limit.told_after.days for limit in TABLE.values()} == {14}


def test_what_waits_for_a_person_is_destroyed_in_the_end_and_nothing_else() -> None:
    days = {
        stage: limit.destroyed_after.days
        for stage, limit in TABLE.items()
        if limit.destroyed_after
    }
    assert set(days) == set(WAITS_FOR_A_PERSON)
    assert {stage: count for stage, count in days.items() if count != 120} == {
        Stage.ON_HOLD: 365
    }


def test_the_time_counts_from_the_latest_stage() -> None:
    assert lying([]) is None
    assert lying(ledger("received", "work_started", "under_review", "decision")) == (
        Lying(stage=Stage.UNDER_REVIEW, since=START + timedelta(days=2))
    )


def test_somebody_is_told_once_in_each_stage() -> None:
    told = lying(ledger("referred", WORKING_DATA_LINGERS))
    assert told == Lying(
        stage=Stage.REFERRED, since=START, told_at=START + timedelta(days=1)
    )
    assert not told.is_to_be_told(
        TABLE[Stage.REFERRED], now=START + timedelta(days=400)
    )
    again = lying(ledger("referred", WORKING_DATA_LINGERS, "on_hold"))
    assert again == Lying(stage=Stage.ON_HOLD, since=START + timedelta(days=2))


@pytest.mark.parametrize(("days", "told"), [(13, False), (14, True), (400, True)])
def test_telling_begins_on_the_day(days: int, told: bool) -> None:  # noqa: FBT001
    data = Lying(stage=Stage.TRAINED, since=START)
    now = START + timedelta(days=days)
    assert data.is_to_be_told(TABLE[data.stage], now=now) is told
    assert not data.is_to_be_destroyed(TABLE[data.stage], now=now)


@pytest.mark.parametrize(
    ("stage", "days", "goes"),
    [
        (Stage.REFERRED, 119, False),
        (Stage.REFERRED, 120, True),
        (Stage.ON_HOLD, 364, False),
        (Stage.ON_HOLD, 365, True),
        (Stage.SOURCES_ERASED, 4000, False),
    ],
)
def test_the_end_comes_on_the_day(stage: Stage, days: int, goes: bool) -> None:  # noqa: FBT001
    data = Lying(stage=stage, since=START, told_at=START + timedelta(days=14))
    now = START + timedelta(days=days)
    assert data.is_to_be_destroyed(TABLE[stage], now=now) is goes


def test_nothing_goes_of_which_nobody_was_told() -> None:
    data = Lying(stage=Stage.REFERRED, since=START)
    assert not data.is_to_be_destroyed(
        TABLE[data.stage], now=START + timedelta(days=4000)
    )


@pytest.mark.parametrize(("told", "end"), [(7, 120), (14, 120), (15, 121), (130, 236)])
def test_who_was_told_late_has_as_much_time_as_who_was_told_in_time(
    told: int, end: int
) -> None:
    data = Lying(
        stage=Stage.REFERRED, since=START, told_at=START + timedelta(days=told)
    )
    goes = [
        data.is_to_be_destroyed(TABLE[data.stage], now=START + timedelta(days=days))
        for days in (end - 1, end)
    ]
    assert goes == [False, True]


def test_an_announced_destruction_is_due_until_it_is_confirmed() -> None:
    events = ("referred", WORKING_DATA_EXPIRED)
    for more, is_due in (((), True), ((WORKING_DATA_DESTROYED,), False)):
        data = lying(ledger(*events, *more))
        assert data is not None
        assert data.is_to_be_destroyed(TABLE[data.stage], now=START) is is_due


def test_without_its_data_a_request_can_only_be_ended() -> None:
    entries = ledger("referred", WORKING_DATA_EXPIRED)
    for stage in Stage:
        if stage in ENDS:
            check_not_expired(entries, stages={stage})
        else:
            with pytest.raises(WorkingDataExpiredError, match="lay too long"):
                check_not_expired(entries, stages={stage})
    with pytest.raises(WorkingDataExpiredError):
        check_not_expired(entries, stages={Stage.REFUSED, Stage.IDENTITY_VERIFIED})
    check_not_expired(ledger("referred"), stages={Stage.APPROVED})
