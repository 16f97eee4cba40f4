import math

import pytest
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import MissingEvidenceError
from unlearn_core.metrics.sampling import (
    leak_at_10,
    leak_at_100,
    sampled_recall,
    sampled_recall_deviation,
)


def test_ten_tries_per_probe_by_hand() -> None:
    """One of 20: 1 - C(19, 10)/C(20, 10) = 1/2; none of 20: 0."""
    found = leak_at_10(
        evidence(
            score(draws=20, leaks=1),
            score(draws=20),
            score(draws=9, leaks=9),
            score(Group.CONTROL, "control-0", draws=20, leaks=20),
        )
    )
    assert (found.value, found.count) == pytest.approx((0.25, 2))


def test_a_hundred_tries_need_a_hundred_answers() -> None:
    """One of 200: half of the choices of 100 hold it."""
    found = leak_at_100(evidence(score(draws=200, leaks=1), score(draws=99, leaks=9)))
    assert (found.value, found.count) == pytest.approx((0.5, 1))
    with pytest.raises(MissingEvidenceError):
        leak_at_100(evidence(score(draws=99, leaks=9)))


def test_recall_of_samples_is_pooled_over_the_subjects_probes() -> None:
    found = evidence(
        score(sampled_recalls=(0.0, 1.0)),
        score(sampled_recalls=(0.0, 0.0)),
        score(Group.CONTROL, "control-0", sampled_recalls=(1.0,)),
    )
    assert (sampled_recall(found).value, sampled_recall(found).count) == (0.25, 4)
    deviation = sampled_recall_deviation(found)
    assert deviation.value == pytest.approx(math.sqrt(3) / 4)
    assert (deviation.low, deviation.high) == pytest.approx((0.0, 0.5))


def test_without_samples_nothing_is_said() -> None:
    for metric in (leak_at_10, sampled_recall, sampled_recall_deviation):
        with pytest.raises(MissingEvidenceError, match="sampled"):
            metric(evidence(score(draws=9)))
