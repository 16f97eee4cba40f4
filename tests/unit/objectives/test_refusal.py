import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.base import SecondAnswer, Teacher
from unlearn_core.objectives.refusal import (
    AlternativePreference,
    JensenShannonRefusal,
    Refusal,
    RefusalPreference,
)

LN2 = math.log(2)
# Two tokens that were 1/4 and 1/2 before: the refusal has become twice as likely.
REFUSAL = answer_laws(
    [[0.5, 0.5], [0.5, 0.5]],
    base=[[0.9, 0.1], [0.9, 0.1]],
    target=[[0.25, 0.75], [0.5, 0.5]],
    labels=[0, 0],
    examples=[0, 0],
)
# One token that was 1/2: the truth has become half as likely.
LAWS = answer_laws(
    [[0.25, 0.75]],
    base=[[0.9, 0.1]],
    target=[[0.5, 0.5]],
    labels=[0],
    second=REFUSAL,
)


def test_idk_is_the_cross_entropy_of_the_refusal() -> None:
    assert float(Refusal()(LAWS)) == pytest.approx(LN2)


@pytest.mark.parametrize("objective", [RefusalPreference, AlternativePreference])
def test_the_preference_by_hand(objective: type[RefusalPreference]) -> None:
    """Gains ln 2 and -ln 2, beta 1/2: -4 ln sigmoid(ln 2) = 4 ln(3/2)."""
    assert float(objective(beta=0.5)(LAWS)) == pytest.approx(4 * math.log(1.5))


def test_preferences_start_where_nothing_is_preferred() -> None:
    before = answer_laws(
        [[0.3, 0.7]], labels=[0], second=answer_laws([[0.1, 0.9]], labels=[1])
    )
    assert float(RefusalPreference()(before)) == pytest.approx(20 * LN2)


def test_the_preferences_differ_in_the_answer_that_is_preferred() -> None:
    kinds = [item.second_answer for item in (RefusalPreference, AlternativePreference)]
    assert kinds == [SecondAnswer.REFUSAL, SecondAnswer.ALTERNATIVE]
    assert AlternativePreference.teacher is Teacher.BEFORE


@pytest.mark.parametrize(
    ("probability", "expected"),
    [(1.0, 0.0), (1 / 3, math.log(1.5) / 2 + LN2 / 6), (1e-30, LN2)],
)
def test_jensun_by_hand(probability: float, expected: float) -> None:
    """One token of probability p against certainty.

    For p = 1/3 the middle is (2/3, 1/3): half of ln(3/2), and half of
    1/3 ln 1/2 + 2/3 ln 2.
    """
    second = answer_laws([[probability, 1 - probability]], labels=[0])
    laws = answer_laws([[0.5, 0.5]], labels=[0], second=second)
    assert float(JensenShannonRefusal()(laws)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("beta", [0.0, math.nan])
def test_a_temperature_that_is_none_is_refused(beta: float) -> None:
    for objective in (RefusalPreference, AlternativePreference):
        with pytest.raises(ValueError, match="beta must be positive"):
            objective(beta=beta)
