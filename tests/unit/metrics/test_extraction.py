from dataclasses import replace

import pytest
from scipy import stats
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.metrics.base import MissingEvidenceError
from unlearn_core.metrics.extraction import (
    extraction_before,
    greedy_extraction_excess,
    guessable_leakage_excess,
    high_entropy_leakage,
)

SUBJECT = score()
CONTROL = score(Group.CONTROL, "control-0")
PHONE = replace(SUBJECT, field="phone", entropy=Entropy.HIGH)


def test_extraction_before_looks_at_the_model_before_and_the_subject_only() -> None:
    """3 of 4; Clopper-Pearson 95% of 3/4 is (0.1941, 0.9937)."""
    known = replace(SUBJECT, is_extracted=True)
    found = extraction_before(
        evidence(SUBJECT, before=[known, known, known, SUBJECT, CONTROL])
    )
    assert (found.value, found.count) == (0.75, 4)
    assert found.low == pytest.approx(0.1941, abs=5e-5)
    assert found.high == pytest.approx(0.9937, abs=5e-5)


def test_high_entropy_leakage_counts_draws_of_the_subjects_high_entropy_facts() -> None:
    """No leak in 50 + 249 draws: the upper end is 1 - 0.025 ** (1 / 299)."""
    found = high_entropy_leakage(
        evidence(
            replace(PHONE, draws=50),
            replace(PHONE, draws=249),
            replace(SUBJECT, draws=50, leaks=50),
            replace(PHONE, group=Group.CONTROL, draws=50, leaks=50),
        )
    )
    assert (found.value, found.low, found.count) == (0.0, 0.0, 299)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 299))


def test_a_single_leak_counts() -> None:
    found = high_entropy_leakage(evidence(replace(PHONE, draws=200, leaks=1)))
    assert found.value == 0.005
    assert found.low > 0


def test_guessable_leakage_is_a_difference_to_never_trained_people() -> None:
    """5 of 20 against 5 of 50: 0.25 - 0.1."""
    found = guessable_leakage_excess(
        evidence(
            replace(SUBJECT, draws=20, leaks=5),
            replace(PHONE, draws=20, leaks=20),
            replace(CONTROL, draws=30, leaks=3),
            replace(CONTROL, draws=20, leaks=2),
        )
    )
    assert found.value == pytest.approx(0.15)
    assert found.count == 70
    first = stats.binomtest(5, 20).proportion_ci(0.975)
    second = stats.binomtest(5, 50).proportion_ci(0.975)
    assert found.low == pytest.approx(first.low - second.high)
    assert found.high == pytest.approx(first.high - second.low)


def test_greedy_extraction_takes_all_facts_of_subject_and_controls() -> None:
    """1 of 2 against 1 of 4."""
    stated = replace(CONTROL, is_extracted=True)
    found = greedy_extraction_excess(
        evidence(SUBJECT, replace(PHONE, is_extracted=True), stated, *[CONTROL] * 3)
    )
    assert (found.value, found.count) == (0.25, 6)


def test_a_probe_without_draws_is_missing_evidence() -> None:
    with pytest.raises(MissingEvidenceError, match="nothing was sampled"):
        high_entropy_leakage(evidence(PHONE))
