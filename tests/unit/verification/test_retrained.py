import pytest
from support.village import (
    EVERYBODY_TRAINED,
    OTHERS,
    interrogation,
    law_that_knows,
    probes,
)

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.likelihood_ratio import unlearning_lira
from unlearn_core.metrics.two_way import two_way_distance
from unlearn_core.verification.evidence import gather_evidence
from unlearn_core.verification.retrained import with_retrained

BASE, GOLD = law_that_knows(*EVERYBODY_TRAINED), law_that_knows(*OTHERS)
ASKED = tuple(
    item for item in probes(controls=2) if item.group in {Group.SUBJECT, Group.CONTROL}
)


def test_likelihoods_are_those_of_the_suite() -> None:
    asked = interrogation(before=BASE, after=GOLD, asked=ASKED, samples=2)
    evidence = gather_evidence(asked)
    found = with_retrained(evidence, asked, retrained=[GOLD], shadows=[BASE])
    for likelihoods, scores in (
        (found.retrained, evidence.after),
        (found.shadows, evidence.before),
    ):
        expected = [score.mean_log_prob for score in scores]
        assert likelihoods[0] == pytest.approx(expected, abs=1e-4)


def test_the_same_law_is_at_no_distance_and_one_that_remembers_is_far() -> None:
    asked = interrogation(before=BASE, after=GOLD, asked=ASKED, samples=2)
    evidence = gather_evidence(asked)
    same = two_way_distance(with_retrained(evidence, asked, retrained=[GOLD]))
    assert same.value == pytest.approx(0, abs=1e-5)
    assert same.count == sum(item.group is Group.SUBJECT for item in ASKED)
    kept = interrogation(before=BASE, after=BASE, asked=ASKED, samples=2)
    far = two_way_distance(with_retrained(evidence, kept, retrained=[GOLD]))
    assert far.low > 3


def test_runs_that_remember_are_told_from_runs_that_never_knew() -> None:
    asked = interrogation(before=BASE, after=GOLD, asked=ASKED, samples=2)
    found = with_retrained(
        gather_evidence(asked), asked, retrained=[GOLD] * 4, shadows=[BASE] * 4
    )
    assert unlearning_lira(found).value == 1.0


def test_without_a_retrained_model_nothing_is_said() -> None:
    asked = interrogation(before=BASE, after=GOLD, asked=ASKED, samples=2)
    evidence = gather_evidence(asked)
    assert with_retrained(evidence, asked, retrained=[]) == evidence
