"""Watch the deadlines: warn in time, escalate what is late, all through the ledger.

Each alarm sounds once about one date. A look that was missed is made up for by the
next one, which sounds the alarm that is then due.

Where the forecast says that the first month may not suffice, or its last day has come
near, an extension is drafted: with a reason and the date that it would reach. Officers
confirm it or do not; the subject is told by their decision alone.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from unlearn_core import ports
from unlearn_core.domain.deadlines import (
    ExtensionReason,
    ExtensionRefusedError,
    check_extension,
)
from unlearn_core.domain.docket import EXTENSION_DRAFTED, Alarm, Docket
from unlearn_core.domain.forecast import Forecast, Risk
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import ErasureRequest
from unlearn_core.errors import LeaseBusyError
from unlearn_core.observability import EventLog
from unlearn_core.steps.legal_clock import LegalCalendar

RESOURCE = "deadlines"
LEASE_TIME = timedelta(minutes=5)
LAST_DAYS = 1
"""So many days before the due date an extension is drafted, whatever is expected."""

_LOG = EventLog("deadlines")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineWatch(LegalCalendar):
    """What watching the deadlines needs.

    Attributes:
        holder: Name of this process.
    """

    holder: str
    leases: ports.LeaseStore


def watch_deadlines(watch: DeadlineWatch) -> tuple[Alarm, ...]:
    """Look at every open request once.

    Returns:
        The alarms that were sounded; none if somebody else is looking.
    """
    try:
        lease = watch.leases.acquire(RESOURCE, holder=watch.holder, ttl=LEASE_TIME)
    except LeaseBusyError:
        return ()
    try:
        expected = watch.forecasts()
        alarms = []
        for request in watch.requests.all():
            if not request.is_closed:
                alarms.append(_look(request, watch, lease))
                _draft(request, expected.get(request.request_id), watch, lease)
        return tuple(alarm for alarm in alarms if alarm)
    finally:
        watch.leases.release(lease)


def _look(request: ErasureRequest, watch: DeadlineWatch, lease: Lease) -> Alarm | None:
    docket, today = watch.docket(request), watch.today()
    alarm = docket.alarm(today)
    if alarm is None:
        return None
    watch.ledger.note(
        alarm,
        {
            "due_on": docket.due_on.isoformat(),
            "days_left": (docket.due_on - today).days,
            "stage": request.stage.value,
            "could_be_extended_to": _extension(docket, today),
        },
        request_id=request.request_id,
        lease=lease,
    )
    write = _LOG.warning if alarm is Alarm.NEAR else _LOG.error
    write(alarm, request_id=request.request_id, stage=request.stage.value)
    return alarm


def _draft(
    request: ErasureRequest,
    expected: Forecast | None,
    watch: DeadlineWatch,
    lease: Lease,
) -> None:
    """Draft an extension, if one is allowed and seems to be needed."""
    docket, today = watch.docket(request), watch.today()
    extended_to = _extension(docket, today)
    if extended_to is None or docket.drafted:
        return
    is_late = expected is not None and expected.risk(docket.due_on) is not Risk.IN_TIME
    if not is_late and (docket.due_on - today).days > LAST_DAYS:
        return
    waits = expected is not None and expected.ahead > 0
    reason = ExtensionReason.NUMBER_OF_REQUESTS if waits else ExtensionReason.COMPLEXITY
    watch.ledger.note(
        EXTENSION_DRAFTED,
        {
            "due_on": docket.due_on.isoformat(),
            "extended_to": extended_to,
            "reason": reason.value,
            "expected_on": expected.expected_on.isoformat() if expected else None,
        },
        request_id=request.request_id,
        lease=lease,
    )
    _LOG.warning(
        EXTENSION_DRAFTED, request_id=request.request_id, stage=request.stage.value
    )


def _extension(docket: Docket, today: date) -> str | None:
    """Return the date up to which an extension would reach, if one is allowed."""
    try:
        check_extension(docket.deadline, on=today, is_extended=docket.is_extended)
    except ExtensionRefusedError:
        return None
    return docket.deadline.extended_due_on.isoformat()
