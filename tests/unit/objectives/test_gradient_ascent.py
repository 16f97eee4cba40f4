import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.gradient_ascent import GradientAscent


def test_the_loss_is_the_mean_log_probability_over_tokens() -> None:
    """Tokens count, not examples: ln(1/2 * 1/4 * 1/8) / 3 = -2 ln 2."""
    laws = answer_laws(
        [[0.5, 0.5], [0.25, 0.75], [0.875, 0.125]],
        labels=[0, 0, 1],
        examples=[0, 0, 1],
    )
    assert float(GradientAscent()(laws)) == pytest.approx(-2 * math.log(2))
