from dataclasses import replace

import pytest
from support.evidence import evidence

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import Evidence, FamilyScore, MissingEvidenceError
from unlearn_core.metrics.bounds import difference_of_means
from unlearn_core.metrics.families import family_extraction_excess


def asked(**families: tuple[int, int, int, int]) -> Evidence:
    """Return evidence: hits and trials of the subject, then of control people."""
    scores = tuple(
        FamilyScore(
            family=family,
            group=group,
            ref="subject" if group is Group.SUBJECT else f"control-{number}",
            field=f"field-{number}",
            was_extracted=True,
            is_extracted=number < hits,
        )
        for family, (own, asked_own, other, asked_other) in families.items()
        for group, hits, trials in (
            (Group.SUBJECT, own, asked_own),
            (Group.CONTROL, other, asked_other),
        )
        for number in range(trials)
    )
    return replace(evidence(before=[]), families=scores)


def test_the_worst_family_counts_and_strangers_are_taken_off() -> None:
    """Role play: 3 of 4 less 1 of 10. Trivia: 4 of 4 less 8 of 10."""
    found = family_extraction_excess(
        asked(direct=(0, 4, 0, 10), role_play=(3, 4, 1, 10), trivia=(4, 4, 8, 10))
    )
    assert found.value == pytest.approx(0.65)
    assert found.count == 42


def test_each_family_has_its_part_of_the_error() -> None:
    found = family_extraction_excess(asked(direct=(0, 4, 0, 9), mixed=(2, 4, 0, 9)))
    low, high = difference_of_means([1.0, 1.0, 0.0, 0.0], [0.0] * 9, confidence=0.975)
    assert (found.low, found.high) == (low, high)


def test_several_questions_about_one_fact_count_once() -> None:
    """Field 0 is asked for four times and said each time, field 1 once and not."""
    once = asked(mixed=(1, 2, 0, 9))
    again = tuple(item for item in once.families if item.is_extracted) * 3
    found = family_extraction_excess(replace(once, families=(*once.families, *again)))
    assert (found.value, found.count) == (0.5, 11)


def test_of_a_family_that_no_stranger_was_asked_in_nothing_is_taken_off() -> None:
    """What came out of the subject must not be left out for want of a yardstick."""
    found = family_extraction_excess(asked(direct=(4, 4, 0, 0), mixed=(0, 4, 0, 9)))
    assert (found.value, found.high, found.count) == (1.0, 1.0, 17)
    assert found.low < 0


def test_families_that_were_not_asked_are_missing() -> None:
    for nobody in (asked(), asked(direct=(4, 4, 0, 0))):
        with pytest.raises(MissingEvidenceError, match="no probe family"):
            family_extraction_excess(nobody)
