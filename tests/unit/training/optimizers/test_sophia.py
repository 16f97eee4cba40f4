import pytest
import torch
from torch.nn import Parameter

from unlearn_core.training.optimizers.base import Curved
from unlearn_core.training.optimizers.sophia import Sophia


def test_a_step_is_scaled_by_curvature_and_clipped() -> None:
    """By hand: m = g / 2, h = B g'^2 / 2, a step of 0.1 clip(m / (0.5 h))."""
    weight = Parameter(torch.zeros(3))
    recipe = Sophia(beta1=0.5, beta2=0.5, gamma=0.5)
    optimizer = recipe.build([weight], learning_rate=0.1)
    assert isinstance(optimizer, Curved)
    # The drawn loss has gradient 1, 2 and 0, so h = 4 (1, 4, 0) / 2 = 2, 8, 0.
    drawn_loss = (weight * torch.tensor([1.0, 2.0, 0.0])).sum()
    optimizer.observe(drawn_loss, positions=4)
    weight.grad = torch.tensor([1.0, -16.0, 0.002])
    optimizer.step()
    # m = .5, -8, .001; divided by 1, 4, 1e-12: .5, -2, 1e9; clipped: .5, -1, 1.
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.05, 0.1, -0.1]))


def test_curvature_is_a_running_mean_and_what_has_none_is_left_alone() -> None:
    first, other = Parameter(torch.zeros(1)), Parameter(torch.zeros(1))
    optimizer = Sophia(beta2=0.5).build([first, other], learning_rate=0.1)
    assert isinstance(optimizer, Curved)
    for slope in (2.0, 4.0):
        optimizer.observe((slope * first).sum(), positions=1)
    assert float(optimizer.state[first]["curvature"]) == 0.5 * 2 + 0.5 * 16
    optimizer.step()
    assert first.tolist() == other.tolist() == [0.0]


@pytest.mark.parametrize(
    "values", [{"beta1": 1.0}, {"beta2": -1.0}, {"gamma": 0}, {"curvature_every": 0.4}]
)
def test_hyperparameters_that_cannot_work_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Sophia(**values)
