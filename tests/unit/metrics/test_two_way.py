from dataclasses import replace

import pytest
from support.evidence import evidence, score

from unlearn_core.metrics.base import Evidence, MissingEvidenceError, Said
from unlearn_core.metrics.two_way import two_way_distance


def said(question: int, *, is_served: bool, own: float, other: float) -> Said:
    return Said(
        question=question, is_served=is_served, own_log_prob=own, other_log_prob=other
    )


def with_said(*answers: Said) -> Evidence:
    return replace(evidence(score()), said=answers)


def test_both_directions_are_added_and_questions_averaged() -> None:
    """First question: (2 + 0) / 2 one way, .5 the other; second: nothing. 1.5 / 2."""
    found = two_way_distance(
        with_said(
            said(0, is_served=True, own=-1, other=-3),
            said(0, is_served=True, own=-1, other=-1),
            said(0, is_served=False, own=-2, other=-2.5),
            said(1, is_served=True, own=-1, other=-1),
            said(1, is_served=False, own=-1, other=-1),
        )
    )
    assert (found.value, found.count) == (0.75, 2)
    # Distances 0 and 1.5: error 0.75, times Student's 12.706.
    reach = 0.75 * 12.706
    assert found.low == pytest.approx(0.75 - reach, abs=1e-3)
    assert found.high == pytest.approx(0.75 + reach, abs=1e-3)


@pytest.mark.parametrize("sides", [(), (True,), (False,)])
def test_one_side_alone_is_no_distance(sides: tuple[bool, ...]) -> None:
    answers = [said(0, is_served=side, own=-1, other=-2) for side in sides]
    with pytest.raises(MissingEvidenceError):
        two_way_distance(with_said(*answers))
