import math

import pytest
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Form, Group
from unlearn_core.metrics.answers import (
    answer_probability,
    knowledge_memorization,
    model_utility,
    probability,
    rouge_f1,
    rouge_l,
    rouge_recall,
    verbatim_memorization,
)
from unlearn_core.metrics.base import MissingEvidenceError
from unlearn_core.metrics.bounds import bounded_mean

CITY = score(mean_log_prob=math.log(0.5), rouge=1.0)
CITY_AGAIN = score(mean_log_prob=math.log(0.1), rouge=0.0)
PHONE = score(
    field="phone", mean_log_prob=math.log(0.2), rouge=0.25, form=Form.CONTINUATION
)
STRANGER = score(Group.CONTROL, "control-0", mean_log_prob=-9.0, rouge=0.0)


def test_facts_weigh_the_same_and_strangers_do_not_count() -> None:
    """City (0.5 + 0.1) / 2 = 0.3, phone 0.2; ROUGE-L 0.5 and 0.25."""
    found = evidence(CITY, CITY_AGAIN, PHONE, STRANGER)
    assert probability(found).value == pytest.approx(0.25)
    assert rouge_l(found).value == pytest.approx(0.375)
    assert probability(found).count == 2
    low, high = bounded_mean([0.3, 0.2], confidence=0.95)
    assert (probability(found).low, probability(found).high) == pytest.approx(
        (low, high)
    )


def test_questions_are_knowledge_and_continuations_are_verbatim() -> None:
    found = evidence(CITY, CITY_AGAIN, PHONE)
    assert knowledge_memorization(found).value == pytest.approx(0.5)
    assert verbatim_memorization(found).value == pytest.approx(0.25)
    with pytest.raises(MissingEvidenceError, match="continuation"):
        verbatim_memorization(evidence(CITY))


def test_utility_is_the_harmonic_mean_over_retained_people() -> None:
    """Probabilities 0.5 and 0.1, so 0.3; recalls 1 and 0.2, so 0.6: 2/(1/.3+1/.6)."""
    found = evidence(
        score(Group.RETAINED, "a", mean_log_prob=math.log(0.5), rouge=1.0),
        score(Group.RETAINED, "b", mean_log_prob=math.log(0.1), rouge=0.2),
        CITY,
    )
    result = model_utility(found)
    assert (result.value, result.count) == pytest.approx((0.4, 2))
    assert result.low < 0.1
    assert result.high > 0.9


def test_an_answer_that_was_not_compared_is_missing() -> None:
    for value in (rouge_recall, rouge_f1):
        with pytest.raises(MissingEvidenceError, match="compared"):
            value(score())
    assert answer_probability(CITY) == pytest.approx(0.5)
