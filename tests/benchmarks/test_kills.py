from pathlib import Path

import pytest
from support.domain import ledger

from benchmarks.kills import (
    Trial,
    has_fault,
    is_whole,
    run,
    summary,
)
from benchmarks.kills_moments import Doing
from benchmarks.kills_sources import Damage

WELL = Damage(left=0, lost=0, changed=0, leftovers=0)


def trial(damage: Damage = WELL, *, is_ledger_whole: bool = True) -> Trial:
    return Trial(
        kills=2,
        during=[Doing(what="erased", source="rows"), Doing(what="begun")],
        retried=1,
        damage=damage,
        is_ledger_whole=is_ledger_whole,
    )


def test_sums_are_over_all_trials() -> None:
    assert summary([trial(), trial()]) == {
        "kills": 4,
        "trials": 2,
        "left": 0,
        "lost": 0,
        "changed": 0,
        "leftovers": 0,
        "ledgers_broken": 0,
        "retried": 2,
        "during": {"erased": 2, "begun": 2},
        "at": {"rows": 2, "none": 2},
    }


@pytest.mark.parametrize(
    ("bad", "is_bad"),
    [
        (trial(), False),
        (trial(Damage(left=1, lost=0, changed=0, leftovers=0)), True),
        (trial(Damage(left=0, lost=1, changed=0, leftovers=0)), True),
        (trial(Damage(left=0, lost=0, changed=1, leftovers=0)), True),
        (trial(Damage(left=0, lost=0, changed=0, leftovers=1)), True),
        (trial(is_ledger_whole=False), True),
    ],
)
def test_any_damage_is_a_fault(bad: Trial, *, is_bad: bool) -> None:
    assert has_fault(summary([trial(), bad])) is is_bad


def test_a_ledger_that_does_not_say_what_was_erased_is_not_whole() -> None:
    assert not is_whole(ledger("received", "sources_erased"))


@pytest.mark.integration
def test_an_erasure_that_is_killed_a_few_times_harms_nobody(tmp_path: Path) -> None:
    told = run(tmp_path, kills=3, seed=0)
    assert not has_fault(told)
    assert int(str(told["kills"])) >= 3
