import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.retain import Descent, KullbackLeibler, LogRatio

LAWS = answer_laws(
    [[0.25, 0.75], [0.5, 0.5]],
    base=[[0.9, 0.1], [0.5, 0.5]],
    target=[[0.5, 0.5], [0.5, 0.5]],
    labels=[1, 0],
)


def test_descent_is_the_mean_cross_entropy() -> None:
    """-(ln 3/4 + ln 1/2) / 2."""
    assert float(Descent()(LAWS)) == pytest.approx(math.log(8 / 3) / 2)


def test_kullback_leibler_keeps_the_law_before() -> None:
    """The second position is as before and counts in the mean."""
    expected = (0.5 * math.log(2) - 0.5 * math.log(1.5)) / 2
    assert float(KullbackLeibler()(LAWS)) == pytest.approx(expected)


def test_log_ratio_keeps_the_law_before_with_its_tail() -> None:
    """Position 1 as in the twin's test, position 2 nothing."""
    first, second = math.log(2) ** 2 / 2, math.log(1.5) ** 2 / 2
    expected = (0.7 * first + 0.3 * second + 0.1 * second) / 2
    assert float(LogRatio()(LAWS)) == pytest.approx(expected)
    heavier = (0.7 * first + 0.3 * second + 1.0 * second) / 2
    assert float(LogRatio(label_weight=1.0)(LAWS)) == pytest.approx(heavier)
