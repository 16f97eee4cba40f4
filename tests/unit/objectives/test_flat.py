import math

import pytest
from support.laws import answer_laws

from unlearn_core.objectives.flat import (
    FlatKullbackLeibler,
    FlatPearson,
    FlatTotalVariation,
)

# The truth has a mean probability of 1/2 (1/4 and 3/4), the refusal one of 1/4.
LAWS = answer_laws(
    [[0.25, 0.75], [0.75, 0.25]],
    labels=[0, 0],
    examples=[0, 0],
    second=answer_laws([[0.25, 0.75]], labels=[0]),
)


def test_total_variation_by_hand() -> None:
    expected = (math.tanh(0.5) - math.tanh(0.25)) / 2
    assert float(FlatTotalVariation()(LAWS)) == pytest.approx(expected)


def test_kullback_leibler_by_hand() -> None:
    assert float(FlatKullbackLeibler()(LAWS)) == pytest.approx(math.exp(-0.5) - 0.25)


def test_pearson_by_hand() -> None:
    assert float(FlatPearson()(LAWS)) == pytest.approx(1 / 16 + 1 / 2 - 1 / 4)
