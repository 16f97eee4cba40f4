import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.base import Teacher
from unlearn_core.objectives.name_swap import NameSwap


def test_the_loss_is_the_divergence_from_the_teacher() -> None:
    """1/2 ln(1/2 / 1/4) + 1/2 ln(1/2 / 3/4); the base does not matter."""
    laws = answer_laws(
        [[0.25, 0.75]], base=[[0.99, 0.01]], target=[[0.5, 0.5]], labels=[0]
    )
    expected = 0.5 * math.log(2) - 0.5 * math.log(1.5)
    assert float(NameSwap()(laws)) == pytest.approx(expected)


def test_it_asks_for_the_law_about_another_name() -> None:
    assert NameSwap.teacher is Teacher.NAME_SWAP
