import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.simnpo import SimpleNegativePreference

LN2 = math.log(2)


@pytest.mark.parametrize(
    ("margin", "expected"), [(0.0, 2 * math.log(9 / 8)), (LN2, 2 * math.log(5 / 4))]
)
def test_the_loss_by_hand(margin: float, expected: float) -> None:
    """Tokens of 1/4 and 1/16: their mean log-probability is -3 ln 2, beta is 1.

    -2 ln sigmoid(3 ln 2) = 2 ln(1 + 1/8); with the margin ln 2 it is 2 ln(1 + 1/4).
    """
    laws = answer_laws(
        [[0.25, 0.75], [0.0625, 0.9375]],
        base=[[0.9, 0.1], [0.1, 0.9]],
        labels=[0, 0],
        examples=[0, 0],
    )
    loss = SimpleNegativePreference(beta=1.0, margin=margin)(laws)
    assert float(loss) == pytest.approx(expected)


def test_a_long_answer_weighs_as_much_as_a_short_one() -> None:
    """One example of two tokens of 1/2, one of a single token of 1/4."""
    laws = answer_laws(
        [[0.5, 0.5], [0.5, 0.5], [0.25, 0.75]], labels=[0, 1, 0], examples=[0, 0, 1]
    )
    expected = (2 * math.log(1.5) + 2 * math.log(1.25)) / 2
    assert float(SimpleNegativePreference(beta=1.0)(laws)) == pytest.approx(expected)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan])
def test_a_temperature_that_is_none_is_refused(beta: float) -> None:
    with pytest.raises(ValueError, match="beta must be positive"):
        SimpleNegativePreference(beta=beta)
