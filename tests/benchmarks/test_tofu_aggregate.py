import math
from dataclasses import replace

import pytest
from support.evidence import score

from benchmarks import tofu_aggregate as aggregate
from benchmarks.tofu_scores import Cell
from unlearn_core.domain.datasets import Group

HALF, QUARTER = math.log(0.5), math.log(0.25)


def cells(forget: float = HALF, answer: str = "a b c d") -> dict[str, Cell]:
    """Return the cells of a model that gives every true answer one probability."""
    subject = replace(
        score(mean_log_prob=forget, argmax_hits=(False, True), rouge=0.5),
        token_log_probs=(forget,),
        token_z_scores=(forget,),
    )
    others = [
        replace(
            score(Group.CONTROL, f"h{number}"),
            mean_log_prob=value,
            token_log_probs=(value,),
            token_z_scores=(value,),
        )
        for number, value in enumerate((-2.0, -1.0, 0.0))
    ]
    rephrased = score(mean_log_prob=HALF, alternative_mean_log_probs=(QUARTER,))
    option = score(
        mean_log_prob=HALF, alternative_mean_log_probs=(QUARTER, QUARTER), rouge=1.0
    )
    return {
        "forget": Cell(true=(subject,), paraphrased=(rephrased,), answers=(answer,)),
        "holdout": Cell(true=tuple(others)),
        "retain": Cell(
            true=(score(mean_log_prob=HALF, rouge=0.5),), paraphrased=(rephrased,)
        ),
        "real_authors": Cell(true=(option,)),
        "world_facts": Cell(true=(option,)),
        "fluency": Cell(true=(score(mean_log_prob=HALF),), answers=(answer,)),
    }


def test_memorisation_is_what_the_paper_says() -> None:
    assert aggregate.memorisation(cells()) == pytest.approx(
        {
            "extraction_strength": 0.5,
            "exact_memorization": 0.5,
            "paraphrase_probability": 0.5,
            "truth_ratio": 2 / 3,
        }
    )


def test_utility_has_nine_parts() -> None:
    assert aggregate.nine_utilities(cells()) == pytest.approx(
        {
            "retain_probability": 0.5,
            "retain_rouge_l": 0.5,
            "retain_truth_ratio": 0.5,
            "real_authors_probability": 0.5,
            "real_authors_rouge_l": 1.0,
            "real_authors_truth_ratio": 0.5,
            "world_facts_probability": 0.5,
            "world_facts_rouge_l": 1.0,
            "world_facts_truth_ratio": 0.5,
        }
    )


@pytest.mark.parametrize(
    ("area", "wanted", "way", "plain"),
    [
        (0.4, 0.4, 1.0, 1.0),
        (0.0, 0.4, 0.0, 0.6),
        (1.0, 0.4, 0.0, 0.4),
        (0.1, 0.4, 0.25, 0.7),
        (0.7, 0.4, 0.5, 0.7),
        (0.0, 0.0, 1.0, 1.0),
    ],
)
def test_closeness_is_one_at_the_retrained_area_only(
    area: float, wanted: float, way: float, plain: float
) -> None:
    assert aggregate.share_of_the_way(area, wanted) == pytest.approx(way)
    assert aggregate.plain_closeness(area, wanted) == pytest.approx(plain)


@pytest.mark.parametrize(
    ("text", "share"), [("", 1.0), ("yes yes", 1.0), ("no " * 6, 0.25), ("a b c d", 1)]
)
def test_repetition_is_not_fluent(text: str, share: float) -> None:
    assert aggregate.distinct_share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("judged", "expected"), [(HALF, 1.0), (QUARTER, 0.5), (0.0, 1.0)]
)
def test_an_answer_is_as_fluent_as_the_judge_holds_it_likely(
    judged: float, expected: float
) -> None:
    cell = Cell(true=(score(mean_log_prob=judged),), answers=("one two three",))

    assert aggregate.fluency(cell, HALF) == pytest.approx(expected)


def test_the_retrained_row_has_perfect_privacy_and_the_base_its_own_utility() -> None:
    base, retrained = cells(forget=-0.1), cells(forget=-1.5)

    own = aggregate.row(retrained, base=base, retrained=retrained)
    known = aggregate.row(base, base=base, retrained=retrained)

    assert own["privacy"] == own["privacy_plain"] == 1.0
    assert own["membership_loss"] == pytest.approx(1 / 3)
    assert known["membership_loss"] == pytest.approx(2 / 3)
    assert known["privacy"] == pytest.approx(0.5)
    assert known["privacy_plain"] == pytest.approx(2 / 3)
    assert known["utility"] == pytest.approx(1.0)
    # 1 - value of each: 1/2, 1/2, 1/2, 1/3.
    assert known["memorisation"] == pytest.approx(4 / 9)
    assert known["aggregate"] == pytest.approx(3 / (9 / 4 + 2 + 1))


def test_gibberish_costs_utility() -> None:
    base, retrained = cells(), cells(forget=-1.5)
    broken = cells(answer="no no no no no no")

    row = aggregate.row(broken, base=base, retrained=retrained)

    assert row["fluency"] == pytest.approx(0.25)
    assert row["utility"] < 0.7
