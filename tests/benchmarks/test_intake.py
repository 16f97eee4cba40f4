"""The pure parts of the benchmark of intake and database."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.domain import ledger_entry, request_id

from benchmarks.intake import doubled, is_valid_chain, lost, summary
from benchmarks.intake_parts import environ, environment, settings_of
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage


def told(*events: tuple[int, str]) -> list[LedgerEntry]:
    """Return a ledger of events of numbered requests."""
    entries: list[LedgerEntry] = []
    for number, event in events:
        after = entries[-1] if entries else None
        entries.append(ledger_entry(event, after=after, number=number))
    return entries


ONE, TWO = str(request_id(1)), str(request_id(2))
SOUND = told(
    (1, Stage.RECEIVED), (2, Stage.RECEIVED), (1, Stage.NOTIFIED), (2, Stage.NOTIFIED)
)


def test_a_request_is_lost_that_was_never_answered() -> None:
    assert lost([ONE, TWO], SOUND) == 0
    assert lost([ONE, TWO], SOUND[:3]) == 1
    assert lost([ONE, TWO, str(request_id(3))], SOUND) == 1


def test_two_submissions_that_got_one_id_count_as_a_loss() -> None:
    assert lost([ONE, ONE], SOUND) == 1


def test_a_request_is_doubled_if_any_stage_of_it_is_there_twice() -> None:
    assert doubled(SOUND) == 0
    twice = told(*[(1, Stage.RECEIVED), (1, Stage.PURGED), (1, Stage.PURGED)])
    assert doubled(twice) == 1
    # What is no stage may happen as often as it likes.
    assert doubled(told((1, "sealed_data_read"), (1, "sealed_data_read"))) == 0


def test_the_summary_counts_what_was_answered() -> None:
    receipts = {ONE: 0.010, TWO: 0.030}
    assert summary(receipts, SOUND, seconds=4.0) == {
        "requests": 2,
        "lost": 0,
        "doubled": 0,
        "per_second": 0.5,
        "p99_ms": 29.8,
    }
    assert summary(receipts, SOUND[:3], seconds=4.0)["per_second"] == 0.25


def test_a_broken_chain_is_not_valid() -> None:
    assert is_valid_chain(SOUND)
    changed = replace(SOUND[1], payload={"changed": True})
    assert not is_valid_chain([SOUND[0], changed, *SOUND[2:]])


def test_settings_are_read_and_no_variable_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UNLEARN_INTAKE__PORT", "1")
    before = dict(os.environ)
    variables = environment(tmp_path, database="sqlite://", port=4321)
    assert settings_of(variables).intake.port == 4321
    assert dict(os.environ) == before


def test_variables_that_were_added_on_the_way_are_gone_after_a_failure() -> None:
    before = dict(os.environ)

    def fail() -> None:
        with environ({"UNLEARN_ONE": "1"}):
            os.environ["UNLEARN_TWO"] = os.environ["UNLEARN_ONE"]
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert dict(os.environ) == before
