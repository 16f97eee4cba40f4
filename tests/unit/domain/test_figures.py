from dataclasses import replace
from datetime import date

from support.domain import request

from unlearn_core.domain.figures import Answered, count
from unlearn_core.domain.requests import Outcome, Stage


def answered(
    outcome: Outcome | None,
    day: int | None,
    *,
    due: int = 20,
    reason: str | None = None,
) -> Answered:
    """Return a request of 2 March 2026 that was answered on a day of that month."""
    item = request(1, stage=Stage.NOTIFIED if day else Stage.LOCATED, outcome=outcome)
    received_on = date(2026, 3, 2)
    return Answered(
        request=replace(item, deadline=replace(item.deadline, received_on=received_on)),
        due_on=date(2026, 3, due),
        answered_on=date(2026, 3, day) if day else None,
        reason=reason,
    )


def test_nothing_was_received_and_nothing_answered() -> None:
    figures = count([])
    assert (figures.received, figures.open, figures.denied_by) == (0, 0, {})
    assert (figures.median_days, figures.mean_days) == (None, None)


def test_requests_are_counted_by_what_they_came_to() -> None:
    figures = count(
        [
            answered(Outcome.SUPPRESSED_AT_OUTPUT, 4),
            answered(Outcome.ERASED_AT_SOURCE, 5),
            answered(Outcome.PARTIAL, 6),
            answered(Outcome.NOT_FOUND, 12),
            answered(Outcome.REFUSED, 21),
            answered(Outcome.FAILED, 30),
            answered(Outcome.WITHDRAWN, 2),
            answered(None, None),
        ]
    )
    assert (figures.received, figures.open) == (8, 1)
    assert (figures.complied, figures.in_part, figures.not_found) == (2, 1, 1)
    assert (figures.denied, figures.withdrawn) == (2, 1)
    # Days from 2 March: 0, 2, 3, 4, 10, 19, 28.
    assert figures.median_days == 4
    assert figures.mean_days == 66 / 7
    assert figures.on_time == 5


def test_denials_are_counted_by_reason_the_commonest_first() -> None:
    figures = count(
        [
            answered(Outcome.REFUSED, 4, reason="excessive"),
            answered(Outcome.REFUSED, 5, reason="no_ground"),
            answered(Outcome.REFUSED, 6, reason="no_ground"),
            answered(Outcome.FAILED, 7),
            answered(Outcome.PARTIAL, 8, reason="excessive"),
            answered(None, None, reason="excessive"),
        ]
    )
    assert list(figures.denied_by.items()) == [
        ("no_ground", 2),
        ("excessive", 1),
        ("not_kept", 1),
    ]
    assert figures.denied == sum(figures.denied_by.values())
