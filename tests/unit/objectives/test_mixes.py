import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.base import Teacher
from unlearn_core.objectives.mixes import AdversarialSample, RandomMismatch

LN2 = math.log(2)


def test_random_mismatch_by_hand() -> None:
    """Half of ln 1/4, less ln 1/8: -ln 2 + 3 ln 2."""
    laws = answer_laws(
        [[0.25, 0.75]],
        labels=[0],
        second=answer_laws([[0.125, 0.875]], labels=[0]),
    )
    assert float(RandomMismatch()(laws)) == pytest.approx(2 * LN2)
    only = RandomMismatch(ascent_weight=1.0, mismatch_weight=0.0)
    assert float(only(laws)) == pytest.approx(-2 * LN2)


def test_adversarial_samples_are_the_likeliest_wrong_tokens_of_before() -> None:
    """Tokens 1 and 0; their served probabilities are 1/8 and 1/2."""
    laws = answer_laws(
        [[0.25, 0.125, 0.625], [0.5, 0.25, 0.25]],
        base=[[0.1, 0.1, 0.8], [0.1, 0.1, 0.8]],
        target=[[0.6, 0.3, 0.1], [0.3, 0.6, 0.1]],
        labels=[0, 1],
    )
    assert float(AdversarialSample()(laws)) == pytest.approx(2 * LN2)
    assert AdversarialSample.teacher is Teacher.BEFORE


def test_weights_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="mismatch_weight must be zero or more"):
        RandomMismatch(mismatch_weight=-1.0)
