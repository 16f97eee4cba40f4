"""How long working data of an open request may lie in each stage.

What is personal in itself goes at the end of the work (`domain.retention`); these are
the limits for a request that comes to no end. In every stage somebody is told when it
takes long. Where a person is waited for, the key is destroyed in the end, because
nobody may be waited for with other people's data at hand for ever; never without
telling before, though no run looked in time or the clock was wrong. Where a worker has
to go on, it is not: after the first record was erased, only what is sealed can make the
model forget, and a run that does not come back is noticed long before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import WAITS_FOR_A_PERSON, Stage
from unlearn_core.errors import PolicyError

WORKING_DATA_LINGERS = "working_data_lingers"
WORKING_DATA_EXPIRED = "working_data_expired"
WORKING_DATA_DESTROYED = "working_data_destroyed"

ENDS = frozenset(
    {
        Stage.REFUSED,
        Stage.JOINED,
        Stage.DECLINED,
        Stage.WITHDRAWN,
        Stage.GIVEN_UP,
        Stage.PURGED,
        Stage.CERTIFIED,
        Stage.NOTIFIED,
    }
)
"""Stages that need no working data: all that is left is to end the request."""

_STAGES = frozenset(Stage)


class WorkingDataExpiredError(PolicyError):
    """Working data lay in one stage for too long and was destroyed."""

    code = "working_data_expired"
    summary = "the working data lay too long and was destroyed"
    next_step = (
        "Decline the request, or give it up where it was escalated, so that the "
        "subject is answered; who asks again is searched for anew."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLimit:
    """How long working data may lie in one stage.

    Attributes:
        told_after: Somebody is told then.
        destroyed_after: Its key is destroyed then, if somebody was told in time, and
            else as long after the telling as it would have been; never if None.
    """

    told_after: timedelta
    destroyed_after: timedelta | None


Limits = Mapping[Stage, StageLimit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """Working data in the stage where it lies now.

    Attributes:
        stage: The stage.
        since: When the request came there.
        told_at: When somebody was told of it there.
        is_expired: Whether its destruction was announced.
        is_destroyed: Whether it was destroyed.
    """

    stage: Stage
    since: datetime
    told_at: datetime | None = None
    is_expired: bool = False
    is_destroyed: bool = False

    def is_to_be_told(self, limit: StageLimit, *, now: datetime) -> bool:
        """Tell whether it takes long and nobody was told."""
        return self.told_at is None and now >= self.since + limit.told_after

    def is_to_be_destroyed(self, limit: StageLimit, *, now: datetime) -> bool:
        """Tell whether it has to go, or a destruction that was announced is due."""
        end = self.end(limit, told_at=self.told_at) if self.told_at else None
        is_over = end is not None and now >= end
        return not self.is_destroyed and (self.is_expired or is_over)

    def end(self, limit: StageLimit, *, told_at: datetime) -> datetime | None:
        """Return when it has to go if somebody is told at this moment."""
        after = limit.destroyed_after
        if after is None:
            return None
        return max(self.since + after, told_at + after - limit.told_after)


def limits(*, told_days: int, days: int, stage_days: Mapping[Stage, int]) -> Limits:
    """Return the limit of every stage that needs working data.

    Args:
        told_days: Days in a stage after which somebody is told.
        days: Days after which what waits for a person is destroyed.
        stage_days: Other days for some of the stages that wait for a person.
    """
    told = timedelta(days=told_days)
    return {
        stage: StageLimit(
            told_after=told,
            destroyed_after=timedelta(days=stage_days.get(stage, days))
            if stage in WAITS_FOR_A_PERSON
            else None,
        )
        for stage in Stage
        if stage not in ENDS
    }


def lying(entries: Iterable[LedgerEntry]) -> Lying | None:
    """Return where the working data of a request lies, as its ledger tells it."""
    present: Lying | None = None
    told_at: datetime | None = None
    events = set[str]()
    for entry in entries:
        if entry.event in _STAGES:
            present = Lying(stage=Stage(entry.event), since=entry.recorded_at)
            told_at = None
        elif entry.event == WORKING_DATA_LINGERS:
            told_at = entry.recorded_at
        else:
            events.add(entry.event)
    if present is None:
        return None
    return Lying(
        stage=present.stage,
        since=present.since,
        told_at=told_at,
        is_expired=WORKING_DATA_EXPIRED in events,
        is_destroyed=WORKING_DATA_DESTROYED in events,
    )


def check_not_expired(
    entries: Iterable[LedgerEntry], *, stages: Iterable[Stage]
) -> None:
    """Make sure that what leads to these stages still has its working data.

    Raises:
        WorkingDataExpiredError: It was destroyed, or was announced to be.
    """
    if ENDS.issuperset(stages):
        return
    if any(entry.event == WORKING_DATA_EXPIRED for entry in entries):
        raise WorkingDataExpiredError
