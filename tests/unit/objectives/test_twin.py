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


def test_it_asks_for_the_law_about_a_twin() -> None:
    assert TwinMatching.teacher is Teacher.TWIN
