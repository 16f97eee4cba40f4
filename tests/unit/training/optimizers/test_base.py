import math

import pytest

from unlearn_core.training.optimizers.base import require_decay


@pytest.mark.parametrize("value", [-0.1, 1.0, math.nan])
def test_a_decay_that_is_none_is_refused_by_name(value: float) -> None:
    require_decay(beta1=0.0)
    with pytest.raises(ValueError, match="beta1 must be"):
        require_decay(beta1=value)
