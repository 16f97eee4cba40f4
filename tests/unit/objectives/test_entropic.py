import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.entropic import (
    EntropicNegativePreference,
    MaximumEntropy,
)

LN2 = math.log(2)


def test_maximum_entropy_by_hand() -> None:
    """-ln 2 - (ln 1/4 + ln 3/4) / 2 = ln(4/3) / 2, and nothing where all is even."""
    laws = answer_laws([[0.25, 0.75], [0.5, 0.5]], labels=[0, 0])
    assert float(MaximumEntropy()(laws)) == pytest.approx(math.log(4 / 3) / 4)


def test_maximum_entropy_does_not_look_at_the_truth() -> None:
    first, second = (
        MaximumEntropy()(answer_laws([[0.1, 0.2, 0.7]], labels=[label]))
        for label in (0, 2)
    )
    assert float(first) == float(second)


def test_the_entropy_is_added_to_npo() -> None:
    """At the base NPO is 2/beta ln 2; the entropy of an even law of four is ln 4."""
    laws = answer_laws([[0.25, 0.25, 0.25, 0.25]], labels=[3])
    loss = EntropicNegativePreference(beta=0.5, entropy_weight=3.0)(laws)
    assert float(loss) == pytest.approx(4 * LN2 + 3 * 2 * LN2)


@pytest.mark.parametrize(
    ("beta", "weight", "problem"),
    [(0.0, 1.0, "beta must be positive"), (0.1, -1.0, "entropy_weight must be zero")],
)
def test_hyperparameters_that_cannot_be_are_refused(
    beta: float, weight: float, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        EntropicNegativePreference(beta=beta, entropy_weight=weight)
