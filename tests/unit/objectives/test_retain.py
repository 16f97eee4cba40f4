import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.retain import (
    AnswerPreservation,
    Descent,
    DescentWithDivergence,
    DescentWithEntropy,
    JensenShannon,
    KullbackLeibler,
    LogRatio,
    Nothing,
)

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


def test_descent_and_divergence_are_added() -> None:
    divergence = (0.5 * math.log(2) - 0.5 * math.log(1.5)) / 2
    loss = DescentWithDivergence(divergence_weight=3.0)(LAWS)
    assert float(loss) == pytest.approx(math.log(8 / 3) / 2 + 3 * divergence)


@pytest.mark.parametrize("weight", [-0.25, 0.0, 2.0])
def test_descent_and_entropy_are_added(weight: float) -> None:
    """Entropies: 1/4 ln 4 + 3/4 ln 4/3 and ln 2."""
    entropy = (0.25 * math.log(4) + 0.75 * math.log(4 / 3) + math.log(2)) / 2
    loss = DescentWithEntropy(entropy_weight=weight)(LAWS)
    assert float(loss) == pytest.approx(math.log(8 / 3) / 2 + weight * entropy)


def test_answer_preservation_compares_the_truth_with_a_refusal() -> None:
    """Answers of 1/2 and of 1/4 * 1/2, beta 1/2: -2 ln sigmoid(ln 2) = 2 ln(3/2)."""
    refusal = answer_laws([[0.25, 0.75], [0.5, 0.5]], labels=[0, 0], examples=[0, 0])
    laws = answer_laws([[0.5, 0.5]], labels=[0], second=refusal)
    loss = AnswerPreservation(beta=0.5)(laws)
    assert float(loss) == pytest.approx(2 * math.log(1.5))


def test_jensen_shannon_keeps_the_law_before() -> None:
    """The middle of (1/2, 1/2) and (1/4, 3/4) is (3/8, 5/8); position 2 stays."""
    to_target = 0.5 * math.log(4 / 3) + 0.5 * math.log(4 / 5)
    to_served = 0.25 * math.log(2 / 3) + 0.75 * math.log(6 / 5)
    expected = (to_target + to_served) / 2 / 2
    assert float(JensenShannon()(LAWS)) == pytest.approx(expected)


def test_nothing_asks_for_nothing() -> None:
    loss = Nothing()(LAWS)
    assert float(loss) == 0
    assert loss.shape == ()


def test_hyperparameters_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="divergence_weight must be zero or more"):
        DescentWithDivergence(divergence_weight=-1.0)
    with pytest.raises(ValueError, match="entropy_weight must be finite"):
        DescentWithEntropy(entropy_weight=math.nan)
    with pytest.raises(ValueError, match="beta must be positive"):
        AnswerPreservation(beta=0.0)
