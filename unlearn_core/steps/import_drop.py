"""Import: requests from the lists of DROP, one for each work item that matches.

An item without a match makes no request; it is answered as not found, and compared
again with the next download of everything that is kept. An item that several people
share makes none either: the law wants them opted out, and nobody erased.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from unlearn_core.domain.deadlines import Rule
from unlearn_core.domain.decisions import DecisionRefusedError
from unlearn_core.domain.drop import DropRefusedError, WorkItem
from unlearn_core.domain.requests import (
    TRANSITIONS,
    Channel,
    ErasureRequest,
    RequestId,
    Stage,
)
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import UnknownRequestError
from unlearn_core.privacy import Personal
from unlearn_core.steps.decide_request import DecisionDesk, withdraw_request
from unlearn_core.steps.match_drop import Match
from unlearn_core.steps.receive_request import (
    FrontDesk,
    Submission,
    id_of_reference,
    receive_request,
)

WITHDRAWN_BY = "drop"
"""Who says that a consumer has taken an identifier back."""


class Found(StrEnum):
    """What becomes of a work item."""

    KNOWN = "known"
    NEW = "new"
    SHARED = "shared"
    INCOMPLETE = "incomplete"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one work item.

    Attributes:
        item_id: The platform's name of it.
        found: What the sources and earlier requests say.
        request: Its request, if there is one.
    """

    item_id: str
    found: Found
    request: ErasureRequest | None = None


def import_items(
    matched: Iterable[tuple[WorkItem, Match | None]],
    *,
    day: date,
    apply: bool,
    entered_by: str = "",
    desk: FrontDesk,
) -> Iterator[Taken]:
    """Take in the items that match; an item that is known makes no second request.

    Args:
        matched: Work items with what matches them.
        day: When the download was made; the clock starts with it.
        apply: Whether requests are made; otherwise it is only said which would be.
        entered_by: Name of whoever imports it.
        desk: Receives requests.

    Raises:
        DropRefusedError: The download is from the future.
    """
    received_at = _begin_of(day, desk)
    for item, match in matched:
        known = find_request(item.item_id, desk=desk)
        if known is not None:
            yield Taken(item_id=item.item_id, found=Found.KNOWN, request=known)
            continue
        found, subject = judge(match)
        request = None
        if subject is not None and apply:
            submission = _submission(item, subject, received_at, entered_by)
            request = receive_request(submission, desk=desk)
        yield Taken(item_id=item.item_id, found=found, request=request)


def judge(match: Match | None) -> tuple[Found, DataSubject | None]:
    """Return what a match comes to, and whom it is about if that is one person."""
    if match is None:
        return Found.NOT_FOUND, None
    if match.is_shared:
        return Found.SHARED, None
    subject = match.subject()
    return (Found.NEW, subject) if subject else (Found.INCOMPLETE, None)


def withdraw_items(
    items: Iterable[WorkItem], *, desk: FrontDesk, decisions: DecisionDesk
) -> Counter[str]:
    """Call off the requests of identifiers that consumers have taken back.

    Returns:
        How many were called off, were too late or had no request.
    """
    counts: Counter[str] = Counter()
    for item in items:
        request = find_request(item.item_id, desk=desk)
        if request is None:
            counts["without_request"] += 1
        elif Stage.WITHDRAWN not in TRANSITIONS[request.stage]:
            counts["too_late"] += 1
        else:
            counts[_withdraw(request, decisions)] += 1
    return counts


def _withdraw(request: ErasureRequest, decisions: DecisionDesk) -> str:
    try:
        withdraw_request(request.request_id, who=WITHDRAWN_BY, desk=decisions)
    except DecisionRefusedError:  # the erasure has begun, or is about to
        return "too_late"
    return "withdrawn"


def find_request(item_id: str, *, desk: FrontDesk) -> ErasureRequest | None:
    """Return the request that a work item has led to, if any."""
    key: RequestId = id_of_reference(
        Channel.DROP, "", Personal(item_id), pseudonymiser=desk.pseudonymiser
    )
    try:
        return desk.requests.get(key)
    except UnknownRequestError:
        return None


def _submission(
    item: WorkItem, subject: DataSubject, received_at: datetime, entered_by: str
) -> Submission:
    return Submission(
        subject=subject,
        evidence=None,
        contact=None,
        channel=Channel.DROP,
        entered_by=entered_by,
        reference=Personal(item.item_id),
        received_at=received_at,
        rule=Rule.CCPA,
    )


def _begin_of(day: date, desk: FrontDesk) -> datetime:
    begin = datetime.combine(day, time(), tzinfo=desk.timezone)
    if begin > desk.clock.now():
        raise DropRefusedError(problem="from the future", day=day.isoformat())
    return begin
