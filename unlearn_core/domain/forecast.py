"""When an open request will probably be answered, from how long others have taken.

Measured are closed requests whose records were erased: how long each was in each stage.
An open one is expected to go the way that most of them went. Whoever waits for a person
is behind whoever does not, and otherwise the earlier request comes first. Only so many
are worked on at once; on a base model it is one.

Nothing is said of a request before every stage of its way was measured often enough.
A measured time includes what a request had to wait for others then, so a forecast errs
on the late side. It promises nothing and moves no legal date.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise
from math import ceil

from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import WAITS, ErasureRequest, RequestId, Stage

FEWEST_MEASURED = 3
"""So many requests must have gone through a stage before its time counts as known."""

LATE_SHARE = 0.9
AT_ONCE = 1
"""One request at a time holds the base model, from training to confirmation."""

Stages = Mapping[RequestId, Sequence[tuple[Stage, datetime]]]


class Risk(StrEnum):
    """How a forecast compares with the last day for the answer."""

    IN_TIME = "in_time"
    AT_RISK = "at_risk"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A usual time and a long one.

    Attributes:
        usual: The median.
        late: What nine out of ten do not exceed.
    """

    usual: timedelta
    late: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """What closed requests have shown.

    Attributes:
        taken: Times in each stage, shortest first.
        following: The stage that most often comes after each, the commonest first.
    """

    taken: Mapping[Stage, tuple[timedelta, ...]]
    following: Mapping[Stage, tuple[Stage, ...]]

    def spread(
        self, stage: Stage, *, so_far: timedelta = timedelta(0)
    ) -> Spread | None:
        """Return how long a stage still takes; None if too few have shown it.

        Whoever has been in it for a while is compared with those who were in it for
        longer. If nobody was, nothing better is known than the times of all.
        """
        times = self.taken.get(stage, ())
        if len(times) < FEWEST_MEASURED:
            return None
        longer = [time - so_far for time in times if time > so_far]
        times = tuple(longer) or times
        count = len(times)
        return Spread(
            usual=(times[(count - 1) // 2] + times[count // 2]) / 2,
            late=times[ceil(LATE_SHARE * count) - 1],
        )

    def way_from(self, stage: Stage) -> tuple[Stage, ...] | None:
        """Return the stages that usually follow, to the last; None if unknown."""
        way = [stage]
        while way[-1] is not Stage.NOTIFIED:
            onwards = self.following.get(way[-1], ())
            fresh = [following for following in onwards if following not in way]
            if not fresh:
                return None
            way.append(fresh[0])
        return tuple(way[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected of one request.

    Attributes:
        expected_on: Day of the answer if everything takes as long as usual.
        late_on: Day of the answer if every stage takes long.
        ahead: Requests that are worked on before it.
    """

    expected_on: date
    late_on: date
    ahead: int

    def risk(self, due_on: date) -> Risk:
        """Tell whether the answer will come by a day."""
        if self.expected_on > due_on:
            return Risk.TOO_LATE
        return Risk.AT_RISK if self.late_on > due_on else Risk.IN_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is left to do about one request, by one reckoning.

    Attributes:
        wait: Time until it can be worked on.
        work: Time for which it is worked on.
        idle: Time after that in which it waits for somebody or something.
    """

    wait: timedelta
    work: timedelta
    idle: timedelta


def forecast(
    requests: Iterable[ErasureRequest],
    entries: Iterable[LedgerEntry],
    *,
    now: datetime,
    zone: tzinfo,
    at_once: int = AT_ONCE,
) -> Mapping[RequestId, Forecast]:
    """Forecast every open request of which something can be said.

    Args:
        requests: All requests.
        entries: All ledger entries, in order.
        now: The present moment.
        zone: Time zone of the controller; a day ends there.
        at_once: How many requests are worked on at the same time.
    """
    stages = read_stages(entries)
    times = measure(stages)
    left: dict[RequestId, tuple[Stage, Mapping[Stage, Spread]]] = {}
    for request in sorted(requests, key=lambda item: item.received_at):
        if request.is_closed or request.request_id not in stages:
            continue
        so_far = now - stages[request.request_id][-1][1]
        spreads = _spreads_ahead(request.stage, so_far, times)
        if spreads is not None:
            left[request.request_id] = request.stage, spreads
    expected, slow = (
        line_up(
            {key: _job(stage, reckon(ahead)) for key, (stage, ahead) in left.items()},
            at_once=at_once,
        )
        for reckon in (_usual, _late)
    )
    return {
        key: Forecast(
            expected_on=(now + done).astimezone(zone).date(),
            late_on=(now + max(done, slow[key][0])).astimezone(zone).date(),
            ahead=ahead,
        )
        for key, (done, ahead) in expected.items()
    }


def read_stages(entries: Iterable[LedgerEntry]) -> Stages:
    """Return when each request entered each stage; leave emptied ones out."""
    stages: dict[RequestId, list[tuple[Stage, datetime]]] = defaultdict(list)
    emptied: set[RequestId] = set()
    known = set(Stage)
    for entry in entries:
        if entry.request_id is None:
            continue
        if entry.is_erased:
            emptied.add(entry.request_id)
        elif entry.event in known:
            stages[entry.request_id].append((Stage(entry.event), entry.recorded_at))
    return {key: moments for key, moments in stages.items() if key not in emptied}


def measure(stages: Stages) -> StageTimes:
    """Measure the closed requests whose records were erased.

    A stage that was entered again counts once, with all the time that it took.
    """
    taken: dict[Stage, list[timedelta]] = defaultdict(list)
    following: dict[Stage, Counter[Stage]] = defaultdict(Counter)
    for moments in stages.values():
        if moments[-1][0] is not Stage.NOTIFIED:
            continue
        if not any(stage is Stage.SOURCES_ERASED for stage, _ in moments):
            continue
        spent: dict[Stage, timedelta] = {}
        onwards: dict[Stage, Stage] = {}
        for (stage, since), (after, until) in pairwise(moments):
            spent[stage] = spent.get(stage, timedelta(0)) + (until - since)
            onwards[stage] = after
        for stage, time in spent.items():
            taken[stage].append(time)
            following[stage][onwards[stage]] += 1
    return StageTimes(
        taken={stage: tuple(sorted(times)) for stage, times in taken.items()},
        following={
            stage: tuple(after for after, _ in counts.most_common())
            for stage, counts in following.items()
        },
    )


def line_up(
    jobs: Mapping[RequestId, Job], *, at_once: int
) -> Mapping[RequestId, tuple[timedelta, int]]:
    """Work the jobs off, and say when each is done and how many stood before it.

    Args:
        jobs: What is left to do, the earliest request first.
        at_once: How many are worked on at the same time.
    """
    free = [timedelta(0)] * at_once
    ends: list[timedelta] = []
    done: dict[RequestId, tuple[timedelta, int]] = {}
    for key, job in sorted(jobs.items(), key=lambda item: item[1].wait):
        lane = free.index(min(free))
        ahead = sum(end > job.wait for end in ends)
        free[lane] = max(free[lane], job.wait) + job.work
        ends.append(free[lane])
        done[key] = free[lane] + job.idle, ahead
    return done


def _spreads_ahead(
    stage: Stage, so_far: timedelta, times: StageTimes
) -> Mapping[Stage, Spread] | None:
    """Return the times of the present stage and all that follow, if all are known."""
    way = times.way_from(stage)
    if way is None:
        return None
    spreads = {stage: times.spread(stage, so_far=so_far)}
    spreads |= {after: times.spread(after) for after in way[:-1]}
    known = {key: spread for key, spread in spreads.items() if spread is not None}
    return known if len(known) == len(spreads) else None


def _usual(spreads: Mapping[Stage, Spread]) -> Mapping[Stage, timedelta]:
    return {stage: spread.usual for stage, spread in spreads.items()}


def _late(spreads: Mapping[Stage, Spread]) -> Mapping[Stage, timedelta]:
    return {stage: spread.late for stage, spread in spreads.items()}


def _job(present: Stage, left: Mapping[Stage, timedelta]) -> Job:
    """Divide what is left into waiting now, work, and waiting later."""
    total, waits = sum(left.values(), timedelta(0)), left.keys() & WAITS
    waiting = sum((left[stage] for stage in waits), timedelta(0))
    wait = left[present] if present in WAITS else timedelta(0)
    return Job(wait=wait, work=total - waiting, idle=waiting - wait)
