"""What counts for open requests today, for every desk that has to know it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, tzinfo

from unlearn_core import ports
from unlearn_core.domain.deadlines import IsHoliday
from unlearn_core.domain.docket import Docket, read_docket
from unlearn_core.domain.forecast import Forecast, forecast
from unlearn_core.domain.requests import ErasureRequest, RequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalClock:
    """The legal clock of single requests.

    Attributes:
        timezone: Time zone of the controller; a day ends there, decisions are dated
            there.
        is_holiday: Public holidays of the controller's country.
        ledger: What happened.
        clock: Tells today.
    """

    timezone: tzinfo
    is_holiday: IsHoliday
    ledger: ports.Ledger
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalCalendar(LegalClock):
    """The legal clock of all requests.

    Attributes:
        requests: All requests.
    """

    requests: ports.RequestStore

    def forecasts(self) -> Mapping[RequestId, Forecast]:
        """Return when open requests will probably be answered, where that is known."""
        return forecast(
            self.requests.all(),
            self.ledger.entries(),
            now=self.clock.now(),
            zone=self.timezone,
        )
