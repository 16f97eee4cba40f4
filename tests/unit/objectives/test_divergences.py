import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.laws import table

from unlearn_core.objectives.divergences import (
    entropy,
    jensen_shannon,
    kullback_leibler,
    log_ratio,
)

LN2 = math.log(2)


def test_kullback_leibler_by_hand() -> None:
    """Row 1: 1/2 ln(1/2 / 1/4) + 1/2 ln(1/2 / 3/4); row 2: 0."""
    target = table([[0.5, 0.5], [0.3, 0.7]])
    served = table([[0.25, 0.75], [0.3, 0.7]])
    expected = (0.5 * math.log(2) - 0.5 * math.log(1.5)) / 2
    assert float(kullback_leibler(target, served)) == pytest.approx(expected)


def test_kullback_leibler_takes_the_mean_under_the_target() -> None:
    """The other direction would be 1/4 ln 1/2 + 3/4 ln 3/2."""
    forward = kullback_leibler(table([[0.5, 0.5]]), table([[0.25, 0.75]]))
    backward = kullback_leibler(table([[0.25, 0.75]]), table([[0.5, 0.5]]))
    assert float(forward) == pytest.approx(0.5 * LN2 - 0.5 * math.log(1.5))
    assert float(backward) == pytest.approx(-0.25 * LN2 + 0.75 * math.log(1.5))


def test_jensen_shannon_is_symmetric_and_at_most_ln_two() -> None:
    one, other = table([[0.9, 0.1]]), table([[0.2, 0.8]])
    there, back = jensen_shannon(one, other), jensen_shannon(other, one)
    assert float(there) == pytest.approx(float(back))
    apart = jensen_shannon(table([[1.0, 1e-300]]), table([[1e-300, 1.0]]))
    assert float(apart) == pytest.approx(LN2)


def test_entropy_by_hand() -> None:
    """1/2 ln 2 + 2 * 1/4 ln 4 = 3/2 ln 2, and nothing for a certain law."""
    laws = table([[0.5, 0.25, 0.25], [1.0, 1e-300, 1e-300]])
    assert float(entropy(laws)) == pytest.approx(0.75 * LN2)


def test_log_ratio_by_hand() -> None:
    """Two entries, one within a nat of the target and one beyond.

    Target (1/2, 1/2), served (1/4, 1/2 e^-2), remembered (1/8, 7/8). The log-ratios
    are -ln 2, quadratic: (ln 2)^2 / 2; and -2, linear: 2 - 1/2. The weights are
    (1/2 + 1/8) / 2 = 5/16 and (1/2 + 7/8) / 2 = 11/16. The true token is the first.
    """
    value = log_ratio(
        table([[0.5, 0.5]]),
        table([[0.25, 0.5 * math.exp(-2)]]),
        remembered_NV=table([[0.125, 0.875]]),
        labels_N=torch.tensor([0]),
        label_weight=0.1,
    )
    near, far = LN2**2 / 2, 1.5
    assert float(value) == pytest.approx(5 / 16 * near + 11 / 16 * far + 0.1 * near)


def test_log_ratio_feels_a_memory_that_the_target_does_not_hold() -> None:
    """KL(target || served) is 0.001 nats here, but the served law still remembers."""
    target = table([[0.999, 0.001]])
    served = table([[0.98, 0.02]])
    remembered = table([[0.01, 0.99]])
    divergence = kullback_leibler(target, served)
    distance = log_ratio(
        target,
        served,
        remembered_NV=remembered,
        labels_N=torch.tensor([1]),
        label_weight=0.0,
    )
    assert float(divergence) == pytest.approx(0.0162, abs=1e-4)
    # ln 20 = 2.9957, linear 2.4957, weight (0.001 + 0.99) / 2.
    assert float(distance) == pytest.approx(0.4955 * 2.4957, rel=1e-3)


_law = st.lists(st.floats(-8, 8), min_size=4, max_size=4)


@given(_law, _law, _law)
def test_distances_are_zero_at_the_target_and_positive_elsewhere(
    target: list[float], served: list[float], remembered: list[float]
) -> None:
    target_NV, served_NV, remembered_NV = (
        torch.tensor([row], dtype=torch.float64).log_softmax(-1)
        for row in (target, served, remembered)
    )
    labels_N = torch.tensor([2])
    for law_NV in (served_NV, target_NV):
        is_same = law_NV is target_NV
        divergence = float(kullback_leibler(target_NV, law_NV))
        distance = float(
            log_ratio(
                target_NV,
                law_NV,
                remembered_NV=remembered_NV,
                labels_N=labels_N,
                label_weight=0.1,
            )
        )
        assert divergence >= -1e-12
        assert distance >= 0
        if is_same:
            assert divergence == distance == 0
