import pytest
import torch
from torch.nn import Parameter

from unlearn_core.training.optimizers.adamw import AdamW


def test_the_first_step_is_the_learning_rate_against_the_gradient() -> None:
    weight = Parameter(torch.tensor([1.0, -1.0, 2.0]))
    optimizer = AdamW().build([weight], learning_rate=0.1)
    weight.grad = torch.tensor([5.0, -0.5, 0.0])
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.tensor([0.9, -0.9, 2.0]))


@pytest.mark.parametrize("values", [{"beta1": 1.0}, {"beta2": -0.1}])
def test_averages_that_cannot_work_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        AdamW(**values)
