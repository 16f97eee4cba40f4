from dataclasses import replace

import pytest
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.metrics.base import (
    MissingEvidenceError,
    ProbeScore,
    mean_per_fact,
    mean_per_person,
    of_entropy,
    of_group,
)

ADA_CITY = score(ref="ada", field="city", mean_log_prob=-1.0)
SCORES = (
    ADA_CITY,
    replace(ADA_CITY, mean_log_prob=-2.0),
    replace(ADA_CITY, mean_log_prob=-3.0),
    replace(ADA_CITY, field="phone", entropy=Entropy.HIGH, mean_log_prob=-10.0),
    score(Group.CONTROL, "eve", mean_log_prob=-5.0),
)


def likelihood(item: ProbeScore) -> float:
    return item.mean_log_prob


def test_every_field_of_a_person_weighs_the_same() -> None:
    """Ada: three city probes average -2, one phone probe -10, so -6 and not -4."""
    assert mean_per_person(SCORES, likelihood) == {"ada": -6.0, "eve": -5.0}


def test_every_fact_is_one_unit() -> None:
    assert mean_per_fact(SCORES, likelihood) == [-2.0, -10.0, -5.0]


def test_groups_and_entropy_classes_are_filtered() -> None:
    assert of_group(SCORES, Group.CONTROL) == SCORES[4:]
    assert of_group(SCORES, Group.CONTROL, Group.SUBJECT) == SCORES
    assert of_entropy(SCORES, Entropy.HIGH) == SCORES[3:4]


def test_an_empty_group_is_missing_evidence() -> None:
    with pytest.raises(MissingEvidenceError, match="neighbour, retained"):
        of_group(SCORES, Group.NEIGHBOUR, Group.RETAINED)
    with pytest.raises(MissingEvidenceError, match="high"):
        of_entropy(SCORES[:1], Entropy.HIGH)


def test_a_result_carries_the_seed_of_its_evidence() -> None:
    result = evidence(seed=7).result("name", 0.5, 0.25, 0.75, count=3)
    assert result.to_json() == {
        "name": "name",
        "value": 0.5,
        "low": 0.25,
        "high": 0.75,
        "count": 3,
        "seed": 7,
    }
