"""Watch the deadlines: warn in time, escalate what is late, all through the ledger.

Each alarm sounds once about one date. A look that was missed is made up for by the
next one, which sounds the alarm that is then due.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from unlearn_core import ports
from unlearn_core.domain.deadlines import (
    ExtensionRefusedError,
    IsHoliday,
    check_extension,
)
from unlearn_core.domain.docket import Alarm, Docket, read_docket
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import ErasureRequest
from unlearn_core.errors import LeaseBusyError
from unlearn_core.observability import EventLog

RESOURCE = "deadlines"
LEASE_TIME = timedelta(minutes=5)

_LOG = EventLog("deadlines")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineWatch:
    """What watching the deadlines needs.

    Attributes:
        holder: Name of this process.
        timezone: Time zone of the controller; a day ends there.
        is_holiday: Public holidays of the controller's country.
    """

    holder: str
    timezone: ZoneInfo
    is_holiday: IsHoliday
    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    clock: ports.Clock

    def today(self) -> date:
        """Return the controller's day."""
        return self.clock.now().astimezone(self.timezone).date()

    def docket(self, request: ErasureRequest) -> Docket:
        """Return what counts for a request today."""
        return read_docket(
            request.deadline,
            self.ledger.entries(request.request_id),
            today=self.today(),
            is_holiday=self.is_holiday,
        )


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
        looked = (
            _look(request, watch, lease)
            for request in watch.requests.all()
            if not request.is_closed
        )
        return tuple(alarm for alarm in looked if alarm)
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


def _extension(docket: Docket, today: date) -> str | None:
    """Return the date up to which an extension would reach, if one is allowed."""
    try:
        check_extension(docket.deadline, on=today, is_extended=docket.is_extended)
    except ExtensionRefusedError:
        return None
    return docket.deadline.extended_due_on.isoformat()
