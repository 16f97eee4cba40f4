import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.base import Teacher
from unlearn_core.objectives.eul import Divergence


@pytest.mark.parametrize(("away", "labels"), [(1.0, 1.0), (0.0, 2.0), (3.0, 0.5)])
def test_the_loss_by_hand(away: float, labels: float) -> None:
    """KL((1/2, 1/2) || (1/4, 3/4)) is maximised, the true token's ln 3/4 minimised."""
    laws = answer_laws([[0.25, 0.75]], target=[[0.5, 0.5]], labels=[1])
    divergence = 0.5 * math.log(2) - 0.5 * math.log(1.5)
    loss = Divergence(divergence_weight=away, label_weight=labels)(laws)
    assert float(loss) == pytest.approx(labels * math.log(0.75) - away * divergence)
    assert Divergence.teacher is Teacher.BEFORE


def test_weights_that_cannot_start_anything_are_refused() -> None:
    with pytest.raises(ValueError, match="divergence_weight must be zero or more"):
        Divergence(divergence_weight=-1.0)
    with pytest.raises(ValueError, match="label_weight must be positive"):
        Divergence(label_weight=0.0)
