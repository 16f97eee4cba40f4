import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.domain import datasets, example, people, person
from support.models import chat_tokenizer, llama, token_rows
from support.runs import table
from torch import Tensor

from unlearn_core.domain.datasets import Datasets, Form
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.training.calibration import (
    KEPT_EXAMPLES,
    Limits,
    Reading,
    Settling,
    Watched,
    answer_likelihoods,
    choose_alpha,
    examples_to_keep,
    questions_to_watch,
    read,
    read_at,
    retain_drift,
    two_sided_gap,
)
from unlearn_core.training.pair import PairMaterials, build_tables
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import answer_laws

SETS = datasets()
FINITE = st.floats(-50, 0)
LIMITS = Limits(gap=0.5, drift=0.25, looks=2)


def test_training_may_end_after_some_agreeing_looks_in_a_row() -> None:
    looks = [(1.0, 0.1), (0.5, 0.1), (0.4, 0.3), (-0.5, 0.1), (0.0, 0.25)]
    settling = Settling(limits=LIMITS)
    ends = [settling.note(Reading(gap=gap, drift=drift)) for gap, drift in looks]
    assert ends == [False, False, False, False, True]


def test_over_forgetting_is_no_agreement() -> None:
    assert not Settling(limits=LIMITS, calm=1).note(Reading(gap=-0.6, drift=0.0))


def test_steps_without_a_look_neither_count_nor_break_the_row() -> None:
    settling = Settling(limits=LIMITS, calm=1)
    assert not settling.note(None)
    assert settling.note(Reading(gap=0.0, drift=0.0))


def test_without_limits_training_never_ends_early() -> None:
    settling = Settling(limits=None)
    assert not any(settling.note(Reading(gap=0.0, drift=0.0)) for _ in range(9))


@pytest.mark.parametrize(
    "limits", [{"gap": 0.0}, {"gap": 1.0}, {"drift": -0.1}, {"looks": math.inf}]
)
def test_limits_that_limit_nothing_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"gap|drift|looks"):
        Limits(**limits)


@pytest.mark.parametrize(
    ("readings", "chosen"),
    [
        ({0.5: (0.1, 0.0), 1.0: (0.5, 0.2), 1.5: (0.0, 0.2)}, 1.0),
        ({0.5: (0.9, 0.0), 1.0: (0.6, 0.1), 1.5: (-0.2, 0.2)}, 1.5),
        ({0.5: (0.9, 0.0), 1.0: (0.6, 0.1), 1.5: (-0.2, 0.3)}, 1.0),
        ({0.5: (0.9, 0.0), 1.0: (-0.9, 0.3), 1.5: (-1.0, 0.9)}, 0.5),
        ({0.5: (0.3, 0.0), 0.75: (-0.3, 0.1), 1.0: (-0.8, 0.2)}, 0.75),
        ({0.5: (0.9, 0.3), 1.0: (0.8, 0.4), 1.5: (0.0, 0.5)}, 1.0),
    ],
    ids=[
        "the preferred strength is good enough",
        "the nearest to the middle",
        "but not beyond the budget",
        "weaker where the preferred one is beyond it",
        "the nearest to the preferred one among equals",
        "the preferred one where none is within the budget",
    ],
)
def test_the_strength_follows_the_subject_and_the_budget(
    readings: dict[float, tuple[float, float]], chosen: float
) -> None:
    found = {
        alpha: Reading(gap=gap, drift=drift) for alpha, (gap, drift) in readings.items()
    }
    assert choose_alpha(found, limits=LIMITS, preferred=1.0) == chosen


def law(*rows: Sequence[float]) -> Tensor:
    return torch.tensor(rows).log()


@pytest.mark.parametrize(
    ("subject", "others", "gap"),
    [
        (-1.0, [-4.0, -3.0, -2.0], 1.0),
        (-9.0, [-4.0, -3.0, -2.0], -1.0),
        (-3.0, [-4.0, -3.0, -2.0], 0.0),
        (-2.5, [-4.0, -3.0, -2.0], 1 / 3),
    ],
)
def test_the_gap_counts_who_is_likelier_and_who_is_not(
    subject: float, others: list[float], gap: float
) -> None:
    assert two_sided_gap(subject, others) == pytest.approx(gap)


def test_a_gap_needs_somebody_to_compare_with() -> None:
    with pytest.raises(ValueError, match="nobody"):
        two_sided_gap(0.0, [])


@given(FINITE, st.lists(FINITE, min_size=1, max_size=20))
def test_too_likely_and_too_unlikely_weigh_the_same(
    subject: float, others: list[float]
) -> None:
    mirrored = two_sided_gap(-subject, [-value for value in others])
    assert two_sided_gap(subject, others) == -mirrored


def test_drift_is_a_high_quantile_over_answers() -> None:
    """The second answer's mean is half of its one moved token: ln 2 / 2."""
    before = law([0.5, 0.5, 0], [1, 0, 0], [0.25, 0.25, 0.5]).clamp(min=-50)
    served = law([0.5, 0.5, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]).clamp(min=-50)
    drift = retain_drift(before, served, torch.tensor([1, 2]))
    assert drift == pytest.approx(0.99 * math.log(2) / 2, rel=1e-4)


def test_nothing_to_keep_drifts_nowhere() -> None:
    nothing = torch.zeros((0, 0))
    assert retain_drift(nothing, nothing, torch.tensor([])) == 0


def test_the_likelihood_of_an_answer_is_a_mean_over_its_tokens() -> None:
    rows = table(token_rows(((5, 6), (0, 1)), ((5,), (1,))))
    laws = law([0.5, 0.5], [0.75, 0.25], [0.5, 0.5])
    expected = [(math.log(0.5) + math.log(0.25)) / 2, math.log(0.5)]
    assert answer_likelihoods(laws, rows) == pytest.approx(expected)


def watched(refs: tuple[str, ...], *rows: TokenizedExample) -> Watched:
    return Watched(
        people=table(rows),
        refs_E=refs,
        subject="subject",
        kept=table(token_rows(((60, 6), (80, 81)))),
    )


def test_a_reading_takes_the_mean_over_each_persons_fields() -> None:
    """Computed a second way: the ensemble that is served, answer by answer."""
    rows = token_rows(*(((5 + n, 6), (40 + n, 41)) for n in range(6)))
    refs = ("subject", "subject", "twin-0", "twin-0", "twin-1", "twin-1")
    served = OffsetModel(llama(0), unlearned=llama(2), reference=llama(1), alpha=0.5)
    own = answer_likelihoods(answer_laws(served, rows, pad_id=0), table(rows))
    people = [(own[n] + own[n + 1]) / 2 for n in (0, 2, 4)]
    reading = read(llama(2), watched(refs, *rows), alpha=0.5, pad_id=0)
    assert reading.gap == two_sided_gap(people[0], people[1:])
    assert reading.drift > 0


def test_several_strengths_are_read_as_one_by_one() -> None:
    rows = token_rows(*(((5 + n, 6), (40 + n, 41)) for n in range(3)))
    seen = watched(("subject", "twin-0", "twin-1"), *rows)
    found = read_at([0.5, 2.0], llama(2), seen, pad_id=0)
    assert found == {
        alpha: read(llama(2), seen, alpha=alpha, pad_id=0) for alpha in (0.5, 2.0)
    }
    assert found[0.5].drift < found[2.0].drift


def test_an_untrained_pair_has_not_drifted() -> None:
    rows = token_rows(((5, 6), (40, 41)), ((7, 6), (40, 41)))
    reading = read(llama(1), watched(("subject", "twin-0"), *rows), alpha=1, pad_id=0)
    assert reading.drift == pytest.approx(0, abs=1e-5)


def test_a_reading_leaves_no_gradient_behind() -> None:
    model = llama(2).requires_grad_(requires_grad=True)
    rows = token_rows(((5, 6), (40, 41)), ((7, 6), (40, 41)))
    read(model, watched(("subject", "twin-0"), *rows), alpha=1, pad_id=0)
    assert all(parameter.grad is None for parameter in model.parameters())


def asked(sets: Datasets) -> list[tuple[str, str, str]]:
    return [
        (item.ref, item.prompt.reveal(), item.answer.reveal())
        for item in questions_to_watch(sets)
    ]


def test_twins_are_asked_what_the_subject_is_and_answer_for_themselves() -> None:
    first, second = people(2, prefix="twin", start=16)
    assert asked(SETS) == [
        ("subject", "What is the city of Ada Example?", "Ulm"),
        ("twin-0", f"What is the city of {first.name.reveal()}?", "Ulm"),
        ("twin-1", f"What is the city of {second.name.reveal()}?", "Trier"),
    ]


def test_no_question_of_verification_and_no_control_is_looked_at() -> None:
    probed = {item.example.prompt for item in SETS.probes}
    controls = {item.ref for item in SETS.holdout.controls}
    for item in questions_to_watch(SETS):
        assert item.prompt not in probed
        assert item.ref not in controls


def test_one_question_per_field_is_enough() -> None:
    again = example("Which city belongs to Ada Example?", "Ulm")
    story = example("Ada Example lives in", " Ulm", form=Form.CONTINUATION)
    forget = replace(SETS.forget, examples=(story, *SETS.forget.examples, again))
    assert asked(replace(SETS, forget=forget)) == asked(SETS)


def test_a_twin_without_the_field_is_not_asked() -> None:
    nobody = person("Nora Stein", ref="twin-0", city="")
    sets = replace(SETS, holdout=replace(SETS.holdout, twins=(nobody,)))
    assert questions_to_watch(sets) == ()


def test_what_is_kept_is_looked_at_across_the_whole_set() -> None:
    many = tuple(example(f"{number}?", "x") for number in range(200))
    sets = replace(SETS, retain=replace(SETS.retain, examples=many))
    kept = [item.prompt.reveal() for item in examples_to_keep(sets)]
    assert (len(kept), kept[0], kept[-1]) == (KEPT_EXAMPLES, "0?", "189?")


def test_tables_carry_what_is_watched() -> None:
    materials = PairMaterials(
        base=llama(0), tokenizer=chat_tokenizer(), reference=llama(1)
    )
    built = build_tables(SETS, materials=materials, recipe=TrainingRecipe()).watched
    assert built is not None
    assert built.refs_E == ("subject", "twin-0", "twin-1")
    assert [len(built.people), len(built.kept)] == [3, 4]
