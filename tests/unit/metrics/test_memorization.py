import pytest
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import MissingEvidenceError
from unlearn_core.metrics.bounds import difference_of_means
from unlearn_core.metrics.memorization import (
    exact_memorization,
    exact_memorization_excess,
    extraction_strength,
    extraction_strength_excess,
)

YES, NO = True, False


@pytest.mark.parametrize(
    ("hits", "exact", "strength"),
    [
        # All follow from the question alone: k = 0.
        ((YES, YES, YES, YES), 1.0, 1.0),
        # After the first two tokens the rest follows: 1 - 2/4.
        ((YES, NO, YES, YES), 0.75, 0.5),
        # Only the last follows: 1 - 3/4.
        ((YES, YES, NO, YES), 0.75, 0.25),
        # Not even the last follows: 0, where others report 1/4.
        ((YES, YES, YES, NO), 0.75, 0.0),
        ((NO, NO, NO, NO), 0.0, 0.0),
        # One token.
        ((YES,), 1.0, 1.0),
        ((NO,), 0.0, 0.0),
    ],
)
def test_both_measures_by_hand(
    hits: tuple[bool, ...], exact: float, strength: float
) -> None:
    probe = score(argmax_hits=hits)
    assert exact_memorization(probe) == exact
    assert extraction_strength(probe) == strength


@pytest.mark.parametrize("measure", [exact_memorization, extraction_strength])
def test_an_answer_without_tokens_is_missing_evidence(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(MissingEvidenceError, match="without tokens"):
        measure(score(argmax_hits=()))


def test_several_facts_of_one_stranger_count_once() -> None:
    found = exact_memorization_excess(
        evidence(
            score(argmax_hits=(YES, NO)),
            score(Group.CONTROL, "c-0", argmax_hits=(NO,)),
            score(Group.CONTROL, "c-0", field="phone", argmax_hits=(YES,)),
            score(Group.CONTROL, "c-1", argmax_hits=(NO,)),
        )
    )
    assert (found.value, found.count) == (0.25, 3)
    expected = difference_of_means([0.5], [0.5, 0.0], confidence=0.95)
    assert (found.low, found.high) == expected


def test_the_excess_is_the_difference_of_the_means_over_facts() -> None:
    """Subject: city (1/2 and 1) gives 3/4, phone 1/2, mean 5/8. Controls 0 and 1/2."""
    found = exact_memorization_excess(
        evidence(
            score(argmax_hits=(YES, NO)),
            score(argmax_hits=(YES, YES)),
            score(field="phone", argmax_hits=(NO, YES)),
            score(Group.CONTROL, "c-0", argmax_hits=(NO,)),
            score(Group.CONTROL, "c-1", argmax_hits=(YES, NO)),
            score(Group.RETAINED, "r-0", argmax_hits=(YES,)),
        )
    )
    assert (found.value, found.count) == (5 / 8 - 1 / 4, 4)
    expected = difference_of_means([0.75, 0.5], [0.0, 0.5], confidence=0.95)
    assert (found.low, found.high) == expected


def test_strength_looks_at_endings_only() -> None:
    found = extraction_strength_excess(
        evidence(
            score(argmax_hits=(YES, NO)),
            score(Group.CONTROL, "c-0", argmax_hits=(NO, YES)),
        )
    )
    assert found.value == -0.5
    # One fact a side tells next to nothing: 1 - 0.0125.
    assert (found.low, found.high) == pytest.approx((-1.0, 0.9875), abs=1e-4)
