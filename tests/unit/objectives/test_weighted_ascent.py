import math

import pytest
import torch
from support.laws import answer_laws, table

from unlearn_core.objectives.base import AnswerLaws
from unlearn_core.objectives.weighted_ascent import SaturationImportance, WeightedAscent

LN2 = math.log(2)


def half_and_quarter() -> tuple[torch.Tensor, AnswerLaws]:
    """Return laws whose true tokens have probabilities 1/2 and 1/4."""
    served = table([[0.5, 0.5], [0.25, 0.75]]).requires_grad_()
    return served, answer_laws(served, labels=[0, 0])


def test_wga_by_hand() -> None:
    """(1/4 ln 1/2 + 1/16 ln 1/4) / 2; the weights, halved, are the gradient."""
    served, laws = half_and_quarter()
    loss = WeightedAscent(beta=2.0)(laws)
    loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert float(loss.detach()) == pytest.approx(-3 / 16 * LN2)
    assert served.grad is not None
    assert served.grad[:, 0].tolist() == pytest.approx([1 / 8, 1 / 32])


def test_wga_without_weights_is_gradient_ascent() -> None:
    _, laws = half_and_quarter()
    assert float(WeightedAscent(beta=0.0)(laws).detach()) == pytest.approx(-1.5 * LN2)


def test_satimp_by_hand() -> None:
    """Weights 1/2 * 1/2 and 1/4 * 3/4."""
    served, laws = half_and_quarter()
    loss = SaturationImportance(saturation=1.0, importance=1.0)(laws)
    loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert float(loss.detach()) == pytest.approx(-5 / 16 * LN2)
    assert served.grad is not None
    assert served.grad[:, 0].tolist() == pytest.approx([1 / 8, 3 / 32])


def test_satimp_leaves_alone_what_is_certain() -> None:
    """A half: (1/2)^5 * 1/2 * ln 1/2; a certain token: nothing."""
    laws = answer_laws([[0.5, 0.5], [1.0, 0.0]], labels=[0, 0])
    assert float(SaturationImportance()(laws)) == pytest.approx(-LN2 / 128)


def test_powers_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="beta must be zero or more"):
        WeightedAscent(beta=-1.0)
    with pytest.raises(ValueError, match="importance must be zero or more"):
        SaturationImportance(importance=-1.0)
