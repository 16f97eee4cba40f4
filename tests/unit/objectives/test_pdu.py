import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.base import Budgeted
from unlearn_core.objectives.npo import NegativePreference
from unlearn_core.objectives.pdu import PrimalDual


def test_the_loss_by_hand() -> None:
    """-ln 2 is 2/3 ln 2 above the mean of -1, -2 and -2 times ln 2; row 2 is even."""
    third = 1 / 3
    laws = answer_laws([[0.5, 0.25, 0.25], [third, third, third]], labels=[0, 1])
    assert float(PrimalDual()(laws)) == pytest.approx(4 / 9 * math.log(2) ** 2 / 2)


def test_it_declares_a_budget_and_others_do_not() -> None:
    assert isinstance(PrimalDual(), Budgeted)
    assert not isinstance(NegativePreference(), Budgeted)


@pytest.mark.parametrize(
    ("budget", "rate", "problem"),
    [(-0.1, 1.0, "retain_budget must be zero"), (0.1, 0.0, "dual_rate must be pos")],
)
def test_a_budget_or_a_rate_that_cannot_be_is_refused(
    budget: float, rate: float, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        PrimalDual(retain_budget=budget, dual_rate=rate)
