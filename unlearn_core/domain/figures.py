"""Counts and medians over requests, as a regulator asks for them.

11 CCR 7102(a) wants, for a calendar year: requests to delete received, complied with in
whole or in part, and denied, and the median or mean number of days in which they were
substantively answered. Both are taken here, over answered requests, and what was denied
is counted by reason too.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from statistics import mean, median

from unlearn_core.domain.requests import ErasureRequest, Outcome, RequestStatus

COMPLIED = frozenset({Outcome.SUPPRESSED_AT_OUTPUT, Outcome.ERASED_AT_SOURCE})
IN_PART = frozenset({Outcome.PARTIAL})
NOT_KEPT = "not_kept"
"""Stands for a reason that is known no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What happened to the requests of one year.

    Attributes:
        received: How many came in.
        open: How many are not answered yet.
        complied: How many were fulfilled in whole.
        in_part: How many in part.
        not_found: How many were about people of whom nothing was found.
        denied: How many were refused or not achieved.
        denied_by: How many of these for which coded reason, the commonest first.
        withdrawn: How many were called off.
        median_days: Median of days from receipt to answer; None without an answer.
        mean_days: Mean of these days; None without an answer.
        on_time: How many answers came by the day that counted.
    """

    received: int
    open: int
    complied: int
    in_part: int
    not_found: int
    denied: int
    denied_by: Mapping[str, int]
    withdrawn: int
    median_days: float | None
    mean_days: float | None
    on_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A request with the day on which it was answered, if it was.

    Attributes:
        due_on: Last day for the answer, extensions included.
        answered_on: The day of the answer.
        reason: The coded reason of a denial, if it is known.
    """

    request: ErasureRequest
    due_on: date
    answered_on: date | None
    reason: str | None = None


def count(requests: Iterable[Answered]) -> Figures:
    """Count the requests of a year, or of any other choice."""
    requests = tuple(requests)
    closed = [item for item in requests if item.answered_on is not None]
    outcomes = Counter(
        item.request.outcome for item in closed if item.request.outcome is not None
    )
    days = [
        (item.answered_on - item.request.deadline.received_on).days
        for item in requests
        if item.answered_on is not None
    ]
    denied = [
        item.reason or NOT_KEPT
        for item in closed
        if item.request.status is RequestStatus.DENIED
    ]
    return Figures(
        received=len(requests),
        open=len(requests) - len(closed),
        complied=sum(outcomes[outcome] for outcome in COMPLIED),
        in_part=sum(outcomes[outcome] for outcome in IN_PART),
        not_found=outcomes[Outcome.NOT_FOUND],
        denied=len(denied),
        denied_by=dict(Counter(denied).most_common()),
        withdrawn=outcomes[Outcome.WITHDRAWN],
        median_days=median(days) if days else None,
        mean_days=mean(days) if days else None,
        on_time=sum(
            item.answered_on is not None and item.answered_on <= item.due_on
            for item in closed
        ),
    )
