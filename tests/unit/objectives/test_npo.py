import math

import pytest
import torch
from support.laws import answer_laws

from unlearn_core.objectives.npo import NegativePreference


def test_the_loss_by_hand() -> None:
    """One answer of two tokens: p_served = 1/4 * 1/2, p_base = 1/2 * 1, ratio 1/4.

    With beta 1/2: -4 ln sigmoid(-1/2 ln 1/4) = -4 ln sigmoid(ln 2) = 4 ln(3/2).
    """
    laws = answer_laws(
        [[0.25, 0.75], [0.5, 0.5]],
        base=[[0.5, 0.5], [1.0, 0.0]],
        labels=[0, 0],
        examples=[0, 0],
    )
    loss = NegativePreference(beta=0.5)(laws)
    assert float(loss) == pytest.approx(4 * math.log(1.5))


def test_the_loss_at_the_base_is_two_over_beta_times_ln_two() -> None:
    laws = answer_laws([[0.3, 0.7], [0.1, 0.9]], labels=[0, 1])
    assert float(NegativePreference()(laws)) == pytest.approx(20 * math.log(2))


def test_examples_are_averaged_and_their_tokens_added() -> None:
    """Ratios: 1/4 over two tokens, 2 over one. beta 1: 2 ln(5/4) and 2 ln 3."""
    laws = answer_laws(
        [[0.25, 0.75], [0.5, 0.5], [0.8, 0.2]],
        base=[[0.5, 0.5], [1.0, 0.0], [0.4, 0.6]],
        labels=[0, 0, 0],
        examples=[0, 0, 1],
    )
    expected = (2 * math.log(1.25) + 2 * math.log(3)) / 2
    assert float(NegativePreference(beta=1.0)(laws)) == pytest.approx(expected)


def test_towards_beta_zero_the_gradient_is_that_of_ascent() -> None:
    """Its gradient is 2 sigmoid(0) = 1 times that of the mean log-probability."""
    served = torch.tensor([[0.3, 0.7]], dtype=torch.float64).log().requires_grad_()
    laws = answer_laws(served, base=[[0.4, 0.6]], labels=[0])
    NegativePreference(beta=1e-9)(laws).backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert served.grad is not None
    assert served.grad.tolist()[0] == pytest.approx([1.0, 0.0], abs=1e-6)


def test_what_is_already_forgotten_pushes_no_more() -> None:
    """Gradient 2 r^beta / (1 + r^beta) for a ratio r: 2/101 at r = 1/100, beta 1."""
    served = torch.tensor([[0.005, 0.995]], dtype=torch.float64).log().requires_grad_()
    laws = answer_laws(served, base=[[0.5, 0.5]], labels=[0])
    NegativePreference(beta=1.0)(laws).backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert served.grad is not None
    assert float(served.grad[0, 0]) == pytest.approx(2 / 101)


@pytest.mark.parametrize("beta", [0.0, -0.1, math.nan])
def test_a_temperature_that_is_none_is_refused(beta: float) -> None:
    with pytest.raises(ValueError, match="beta must be positive"):
        NegativePreference(beta=beta)
