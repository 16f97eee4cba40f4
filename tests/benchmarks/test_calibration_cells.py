from dataclasses import replace
from pathlib import Path

from support.calibration import POLICY, person
from support.evidence import complete_evidence, evidence, score
from support.verdicts import gate

from benchmarks.calibration_cells import (
    CONDITIONS,
    RECIPES,
    Verified,
    asked_by,
    cell_of,
    measured,
)
from benchmarks.keeping import kept
from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.domain.verdicts import Precondition
from unlearn_core.metrics import ATTACKS, CALIBRATED, FAMILIAL, GUARDED, METRICS


def test_a_verified_person_survives_the_disk(tmp_path: Path) -> None:
    known = person(0.4, Precondition.NEIGHBOURS)
    path = tmp_path / "cell.json"
    kept(path, lambda: known, kind=Verified)
    again = kept(path, lambda: person(0.01), kind=Verified)
    assert again == known
    assert again.judged(POLICY).passed


def test_moved_limits_ask_nobody_again_but_more_samples_do() -> None:
    stricter = replace(POLICY, gates=(gate("retain_shift", limit=0.1),))
    assert asked_by(stricter) == asked_by(POLICY)
    assert asked_by(replace(POLICY, samples_per_probe=50)) != asked_by(POLICY)


def test_every_metric_is_kept_that_plain_questions_suffice_for() -> None:
    of_many_models = {"unlearning_lira", "unlearning_lira_worst", "two_way_distance"}
    assert measured(complete_evidence(draws=100)).keys() == (
        set(METRICS) - ATTACKS - FAMILIAL - GUARDED - CALIBRATED - of_many_models
    )


def test_a_cell_has_the_numbers_of_the_model_after() -> None:
    city = score(mean_log_prob=-1.0, is_extracted=True)
    again = score(mean_log_prob=-2.0)
    phone = score(field="phone", entropy=Entropy.HIGH, mean_log_prob=-4.0, leaks=1)
    other = score(Group.RETAINED, "retained-0", is_extracted=True)
    stranger = score(Group.CONTROL, "control-0", mean_log_prob=-5.0)
    known = replace(city, mean_log_prob=0.0)
    cell = cell_of(
        evidence(city, again, phone, other, stranger, before=[known]),
        world=3,
        subject=4,
    )
    assert (cell.world, cell.subject) == (3, 4)
    assert cell.true == {
        "subject": [True, False, False],
        "retained": [True],
        "neighbour": [],
    }
    assert cell.facts == [-1.5, -4.0]
    assert cell.controls == {"control-0": -5.0}
    assert cell.leaked == [True]


def test_conditions_are_those_of_the_line_and_train_with_unlike_recipes() -> None:
    assert CONDITIONS == ("retrained", "base", "default", "overshoot", "undertrained")
    assert len({recipe.digest for recipe in RECIPES.values()}) == len(RECIPES)
    assert RECIPES["undertrained"].steps == RECIPES["default"].steps // 10
    assert RECIPES["overshoot"].objective == "npo"
