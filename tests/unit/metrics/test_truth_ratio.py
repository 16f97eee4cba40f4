import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import MissingEvidenceError
from unlearn_core.metrics.bounds import difference_of_means
from unlearn_core.metrics.truth_ratio import (
    forget_quality,
    truth_preference,
    truth_ratio,
    truth_ratio_closeness,
    truth_ratio_excess,
)

LN = math.log


@pytest.mark.parametrize(
    ("true", "wrong", "expected"),
    [
        # 1/2 against the mean of 1/4 and 3/4.
        (0.5, (0.25, 0.75), 0.5),
        # 0.9 against 0.1.
        (0.9, (0.1,), 0.9),
        # 0.1 against the mean 0.3: the arithmetic one, the geometric is 0.1.
        (0.1, (0.02, 0.5, 0.38), 0.25),
        (1.0, (1.0,), 0.5),
    ],
)
def test_by_hand(true: float, wrong: tuple[float, ...], expected: float) -> None:
    probe = score(
        mean_log_prob=LN(true), alternative_mean_log_probs=list(map(LN, wrong))
    )
    assert truth_ratio(probe) == pytest.approx(expected)


def test_without_wrong_answers_there_is_no_ratio() -> None:
    assert math.isnan(truth_ratio(score()))


def test_answers_too_unlikely_for_a_float_are_still_compared() -> None:
    """exp(-2000) is 0 in double precision; the odds are e to 1."""
    probe = score(mean_log_prob=-2000.0, alternative_mean_log_probs=(-2001.0,))
    assert truth_ratio(probe) == pytest.approx(math.e / (1 + math.e))


@given(st.floats(-1e4, 0), st.lists(st.floats(-1e4, 0), min_size=1, max_size=5))
def test_the_ratio_is_a_share(true: float, wrong: list[float]) -> None:
    value = truth_ratio(score(mean_log_prob=true, alternative_mean_log_probs=wrong))
    assert 0 <= value <= 1
    if true >= max(wrong):
        assert value >= 0.5 - 1e-9


def test_the_excess_leaves_probes_without_alternatives_out() -> None:
    """Subject 0.9, controls 0.5 and 0.7: 0.9 - 0.6."""
    subject, first, second = (
        score(
            group,
            ref,
            mean_log_prob=LN(true),
            alternative_mean_log_probs=(LN(1 - true),),
        )
        for group, ref, true in (
            (Group.SUBJECT, "subject", 0.9),
            (Group.CONTROL, "c-0", 0.5),
            (Group.CONTROL, "c-1", 0.7),
        )
    )
    found = truth_ratio_excess(evidence(subject, first, second, score(), score()))
    assert found.value == pytest.approx(0.3)
    expected = difference_of_means([0.9], [0.5, 0.7], confidence=0.95)
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.count == 3


def test_without_any_alternative_evidence_is_missing() -> None:
    with pytest.raises(MissingEvidenceError):
        truth_ratio_excess(evidence(score(), score(Group.CONTROL, "c-0")))


def test_the_two_published_forms_and_the_test_between_people() -> None:
    """R is 0.25 for the city and 4 for the phone.

    So min(R, 1/R) is 0.25 twice, and the preference is 0.8 and 0.2.
    """
    city = score(
        mean_log_prob=math.log(0.4),
        alternative_mean_log_probs=(math.log(0.05), math.log(0.2)),
    )
    phone = score(
        field="phone",
        mean_log_prob=math.log(0.1),
        alternative_mean_log_probs=(math.log(0.4),),
    )
    strangers = [
        score(
            Group.CONTROL,
            f"control-{number}",
            mean_log_prob=-9.0,
            alternative_mean_log_probs=(-1.0 - number,),
        )
        for number in range(2)
    ]
    found = evidence(city, phone, score(field="job"), *strangers)
    assert truth_ratio_closeness(found).value == pytest.approx(0.25)
    assert truth_preference(found).value == pytest.approx(0.5)
    # Two strangers above both facts: 2 of C(4, 2) = 6 orders are as extreme.
    assert forget_quality(found).value == pytest.approx(1 / 3)
    with pytest.raises(MissingEvidenceError, match="wrong answers"):
        truth_preference(evidence(score()))
