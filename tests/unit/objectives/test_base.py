import math

import pytest
import torch
from support.laws import answer_laws

from unlearn_core.objectives import FORGET_OBJECTIVES
from unlearn_core.objectives.base import (
    SecondAnswer,
    Teacher,
    require_positive,
    require_weights,
    second_answer_of,
)

LAWS = answer_laws(
    [[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]], labels=[0, 1, 1], examples=[1, 0, 1]
)


def test_the_true_tokens_are_looked_up() -> None:
    found = LAWS.label_log_probs(LAWS.served_NV).exp()
    expected = torch.tensor([0.5, 0.75, 0.1], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_an_answer_is_as_likely_as_the_product_of_its_tokens() -> None:
    """Example 0 has position 1; example 1 has positions 0 and 2: 0.5 * 0.1."""
    found = LAWS.sequence_log_probs(LAWS.served_NV).exp()
    torch.testing.assert_close(found, torch.tensor([0.75, 0.05], dtype=torch.float64))


def test_values_are_added_per_example() -> None:
    assert LAWS.sum_per_example(torch.tensor([1.0, 2.0, 4.0])).tolist() == [2.0, 5.0]


def test_there_are_six_kinds_of_teacher() -> None:
    assert set(Teacher) == {
        *("none", "before", "name_swap", "twin"),
        *("reinforced", "anchored"),
    }


def test_second_answers_are_those_of_the_same_examples() -> None:
    second = answer_laws([[0.2, 0.8], [0.4, 0.6]], labels=[0, 1])
    laws = answer_laws([[0.5, 0.5], [0.1, 0.9]], labels=[0, 1], second=second)
    assert laws.second_answers is second


def test_a_second_answer_that_nobody_asked_for_is_missing() -> None:
    with pytest.raises(ValueError, match="compares with a second answer"):
        _ = LAWS.second_answers


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("twin", "none"),
        ("idk", "refusal"),
        ("altpo", "alternative"),
        ("random_mismatch", "mismatch"),
    ],
)
def test_an_objective_declares_its_second_answer(name: str, wanted: str) -> None:
    assert second_answer_of(FORGET_OBJECTIVES.get(name)()) == wanted


def test_an_objective_of_a_third_party_needs_no_second_answer() -> None:
    assert second_answer_of(object()) is SecondAnswer.NONE


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_hyperparameters_out_of_range_are_named(value: float) -> None:
    require_positive(beta=1.0)
    require_weights(weight=0.0)
    with pytest.raises(ValueError, match="beta must be positive"):
        require_positive(alpha=1.0, beta=value)
    with pytest.raises(ValueError, match="weight must be zero or more"):
        require_weights(alpha=0.0, weight=value)


def test_zero_is_a_weight_and_nothing_positive() -> None:
    with pytest.raises(ValueError, match="beta must be positive"):
        require_positive(beta=0.0)
