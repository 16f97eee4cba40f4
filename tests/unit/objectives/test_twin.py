import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.base import Teacher
from unlearn_core.objectives.twin import TwinMatching

LAWS = answer_laws([[0.25, 0.75]], base=[[0.9, 0.1]], target=[[0.5, 0.5]], labels=[1])


@pytest.mark.parametrize("label_weight", [0.0, 0.1, 2.0])
def test_the_loss_by_hand(label_weight: float) -> None:
    """Log-ratios ln 1/2 and ln 3/2, both within a nat; weights (0.5 + p_base) / 2."""
    first, second = math.log(2) ** 2 / 2, math.log(1.5) ** 2 / 2
    expected = 0.7 * first + 0.3 * second + label_weight * second
    loss = TwinMatching(label_weight=label_weight)(LAWS)
    assert float(loss) == pytest.approx(expected)


def test_the_margin_lowers_the_true_tokens_target() -> None:
    """Half the odds: 1/2 to 1/2 becomes 2/3 to 1/3, so the log-ratios are larger."""
    first, second = math.log(0.25 * 3 / 2) ** 2 / 2, math.log(0.75 * 3) ** 2 / 2
    expected = (2 / 3 + 0.9) / 2 * first + (1 / 3 + 0.1) / 2 * second + 0.1 * second
    assert float(TwinMatching(margin=math.log(2))(LAWS)) == pytest.approx(expected)


@pytest.mark.parametrize("wrong", [-0.1, math.inf, math.nan])
def test_nothing_forgotten_shall_be_raised(wrong: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        TwinMatching(margin=wrong)


def test_it_asks_for_the_law_about_a_twin() -> None:
    assert TwinMatching.teacher is Teacher.TWIN
