"""From settings to the parts that several processes share.

Modules called ``wiring`` are the only ones that import adapters. Each process has its
own; what intake, command line and worker all need is assembled here.
"""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import holidays

from unlearn_core.adapters.clock import SystemClock
from unlearn_core.adapters.custody import SealedCustody
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.key_store import DatabaseKeyStore
from unlearn_core.adapters.database.lease_store import DatabaseLeaseStore
from unlearn_core.adapters.database.notifier import StatusPageNotifier
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.objects import ObjectEvidence, open_objects
from unlearn_core.adapters.prefect_trigger import PrefectTrigger
from unlearn_core.domain.deadlines import IsHoliday, Rule
from unlearn_core.errors import SchemaOutdatedError
from unlearn_core.settings import Settings
from unlearn_core.steps.decide_request import DecisionDesk
from unlearn_core.steps.receive_request import FrontDesk
from unlearn_core.steps.resume_requests import WatchPost
from unlearn_core.steps.standing import CertificateDesk
from unlearn_core.steps.watch_deadlines import DeadlineWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What intake, command line and worker share.

    Attributes:
        settings: The settings.
        database: The database.
        clock: The clock.
        keys: The key directory.
        store: Requests and ledger.
        leases: Leases.
        custody: Sealed personal data.
        evidence: Certificates.
        notifier: Messages to subjects.
    """

    settings: Settings
    database: Database
    clock: SystemClock
    keys: KeyDirectory
    store: DatabaseRequestStore
    leases: DatabaseLeaseStore
    custody: SealedCustody
    evidence: ObjectEvidence
    notifier: StatusPageNotifier

    def desk(self) -> FrontDesk:
        """Return what receiving requests needs."""
        legal = self.settings.legal
        return FrontDesk(
            base_model=self.settings.model.name,
            timezone=ZoneInfo(legal.timezone),
            is_holiday=_holidays(legal.country),
            pseudonymiser=self.keys.pseudonymiser(),
            requests=self.store,
            ledger=self.store,
            custody=self.custody,
            trigger=PrefectTrigger(),
            clock=self.clock,
            rule=Rule(legal.rule),
        )

    @property
    def certificates(self) -> CertificateDesk:
        """Return what looking at certificates needs."""
        return CertificateDesk(requests=self.store, ledger=self.store, clock=self.clock)

    def deadlines(self, *, holder: str) -> DeadlineWatch:
        """Return what watching the deadlines needs."""
        legal = self.settings.legal
        return DeadlineWatch(
            holder=holder,
            timezone=ZoneInfo(legal.timezone),
            is_holiday=_holidays(legal.country),
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            clock=self.clock,
        )

    def decisions(self, *, holder: str) -> DecisionDesk:
        """Return what deciding about requests needs."""
        legal = self.settings.legal
        return DecisionDesk(
            holder=holder,
            officers=legal.officers,
            timezone=ZoneInfo(legal.timezone),
            is_holiday=_holidays(legal.country),
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            custody=self.custody,
            notifier=self.notifier,
            clock=self.clock,
        )

    def watch_post(self) -> WatchPost:
        """Return what the watchdog needs."""
        return WatchPost(
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            trigger=PrefectTrigger(),
            clock=self.clock,
            maximum_attempts=self.settings.work.maximum_attempts,
        )


def open_office(settings: Settings) -> Office:
    """Open database, keys and stores.

    Raises:
        UnlearnError: A key is missing, or the database does not answer or lacks its
            schema.
    """
    clock = SystemClock()
    database = Database(settings.database_url.get_secret_value())
    if not database.is_current():
        raise SchemaOutdatedError
    store = DatabaseRequestStore(database, clock=clock)
    keys = KeyDirectory(settings.keys.directory)
    objects = open_objects(
        settings.objects.location, endpoint_url=settings.objects.endpoint_url
    )
    return Office(
        settings=settings,
        database=database,
        clock=clock,
        keys=keys,
        store=store,
        leases=DatabaseLeaseStore(database, clock=clock),
        custody=SealedCustody(
            kek=keys.kek(),
            keys=DatabaseKeyStore(database, clock=clock),
            objects=objects,
            ledger=store,
        ),
        evidence=ObjectEvidence(objects),
        notifier=StatusPageNotifier(database, clock=clock),
    )


def _holidays(country: str) -> IsHoliday:
    calendar = holidays.country_holidays(country)

    def is_holiday(day: date) -> bool:
        return day in calendar

    return is_holiday
