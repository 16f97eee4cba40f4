import math
from dataclasses import replace

import pytest

from benchmarks.self_attack_summary import (
    Attacked,
    Tried,
    excess,
    line_of,
    shares,
    student_interval,
    table_of,
    ways_of,
)
from unlearn_core.domain.datasets import Entropy, Group

BOTH, NONE = {"a": True, "b": True}, {"a": False, "b": False}


def tried(group: Group, entropy: Entropy, answered: dict[str, bool]) -> Tried:
    return Tried(
        person=f"{group}-0",
        group=group,
        field="field",
        entropy=entropy,
        answered=answered,
    )


def attacked(subject: int, own: tuple[int, int], others: tuple[int, int]) -> Attacked:
    """Return a subject of whom so many of so many facts came out in one way.

    Copies that were taught tell half of the subject's facts and none of others'.
    """
    return Attacked(
        world=0,
        subject=subject,
        pair=[
            {"known": True, "reversed_offset": number < 3, "reference_alone": False}
            for number in range(4)
        ],
        relearned=[
            tried(Group.SUBJECT, Entropy.HIGH, BOTH),
            tried(Group.SUBJECT, Entropy.HIGH, NONE),
            tried(Group.CONTROL, Entropy.HIGH, NONE),
        ],
        endpoint=[
            tried(group, Entropy.GUESSABLE, {"a": False, "b": number < hits})
            for group, (hits, asked) in (
                (Group.SUBJECT, own),
                (Group.CONTROL, others),
            )
            for number in range(asked)
        ],
    )


def test_a_question_counts_once_however_it_was_answered() -> None:
    both = tried(Group.SUBJECT, Entropy.HIGH, BOTH)
    none = tried(Group.CONTROL, Entropy.HIGH, NONE)
    found = replace(attacked(0, (0, 1), (0, 1)), endpoint=[both, none])
    assert excess([found]).subject == 1.0
    assert ways_of([found]) == {"a": [1.0, 0.0], "b": [1.0, 0.0]}


def test_every_subject_weighs_the_same_whoever_was_asked_more() -> None:
    """Shares 1/2 and 0 against 1/4 and 1/2: means 1/4 and 3/8, difference -1/8.

    The differences are 1/4 and -1/2; their standard error is 3/8 and the quantile of
    Student's t with one degree of freedom is 12.706, so the interval is cut off.
    """
    found = excess([attacked(0, (1, 2), (1, 4)), attacked(1, (0, 6), (1, 2))])
    assert (found.questions, found.subject, found.control) == (8, 0.25, 0.375)
    assert (found.low, found.high) == (-1.0, 1.0)


def test_the_interval_is_over_subjects() -> None:
    """Differences 0, 1/2, 1/4, 1/4: mean 1/4, standard error sqrt(1/24)/2, t 3.1824."""
    hits = (1, 3, 2, 2)
    found = excess(
        [attacked(place, (hit, 4), (1, 4)) for place, hit in enumerate(hits)]
    )
    half = 3.18245 * math.sqrt(1 / 24) / 2
    assert found.low == pytest.approx(0.25 - half, abs=1e-5)
    assert found.high == pytest.approx(0.25 + half, abs=1e-5)


def test_kinds_of_facts_are_compared_with_their_like() -> None:
    found = replace(
        attacked(0, (0, 1), (0, 1)),
        endpoint=[
            tried(group, entropy, BOTH if is_subject == is_guessable else NONE)
            for group, is_subject in ((Group.SUBJECT, True), (Group.CONTROL, False))
            for entropy, is_guessable in (
                (Entropy.GUESSABLE, True),
                (Entropy.HIGH, False),
            )
        ],
    )
    guessable, high = (
        excess([found], entropy) for entropy in (Entropy.GUESSABLE, Entropy.HIGH)
    )
    assert (guessable.questions, guessable.subject, guessable.control) == (1, 1.0, 0.0)
    assert (high.subject, high.control) == (0.0, 1.0)


@pytest.mark.parametrize("values", [[0.5], [0.25, 0.25]])
def test_what_does_not_vary_says_nothing(values: list[float]) -> None:
    assert student_interval(values) == (-1.0, 1.0)


def test_shares_are_over_questions() -> None:
    asked = [{"a": True, "b": False}, {"a": True, "b": True}]
    assert shares(asked) == {"a": 1.0, "b": 0.5}


def test_the_line_has_what_came_out_of_pair_and_endpoint() -> None:
    found = [attacked(0, (1, 2), (0, 2)), attacked(1, (0, 2), (0, 2))]
    for one in found:
        one.endpoint.append(tried(Group.SUBJECT, Entropy.HIGH, NONE))
        one.endpoint.append(tried(Group.CONTROL, Entropy.HIGH, NONE))
    line = line_of(found)
    assert (line["subjects"], line["questions"]) == (2, 8)
    assert (line["known"], line["reversed_offset"]) == (1.0, 0.75)
    assert line["endpoint_guessable"] == {
        "questions": 4,
        "subject": 0.25,
        "control": 0.0,
        "excess_low": -1.0,
        "excess_high": 1.0,
    }
    assert line["relearned"] == {
        "questions": 4,
        "subject": 0.5,
        "control": 0.0,
        "excess_low": -1.0,
        "excess_high": 1.0,
    }
    assert line["ways"] == {"a": [0.0, 0.0], "b": [0.167, 0.0]}


def test_the_table_has_a_row_for_every_subject() -> None:
    table = table_of([attacked(5, (1, 2), (0, 2)), attacked(7, (0, 2), (1, 2))])
    columns = [list(column.cells) for column in table.columns]
    assert columns == [
        ["world 0, 5", "world 0, 7"],
        ["0.750", "0.750"],
        ["0.500", "0.000"],
        ["0.000", "0.500"],
    ]
