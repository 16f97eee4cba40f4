"""An intake service over stores in memory."""

from datetime import date
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from support.domain import BASE_MODEL, NOW

from unlearn_core.adapters.memory.contact import MemoryNotifier, MemoryTrigger
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.storage import MemoryCustody, MemoryEvidence
from unlearn_core.intake.app import IntakeService
from unlearn_core.intake.watchdog import Watchdog
from unlearn_core.privacy import Pseudonymiser
from unlearn_core.steps.receive_request import FrontDesk
from unlearn_core.steps.resume_requests import WatchPost

NEVER_SECONDS = 3600.0


class IntakeWorld:
    """Everything that an intake service touches; several services may share it."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOW)
        self.leases = MemoryLeaseStore(clock=self.clock)
        self.store = MemoryRequestStore(leases=self.leases, clock=self.clock)
        self.custody = MemoryCustody(ledger=self.store, clock=self.clock)
        self.evidence = MemoryEvidence()
        self.notifier = MemoryNotifier()
        self.trigger = MemoryTrigger()

    def service(self, *, api_key: str | None = None) -> IntakeService:
        """Return a service whose watchdog looks only when told to."""
        return IntakeService(
            desk=self.desk(),
            evidence=self.evidence,
            messages=self.notifier.posted,
            watchdog=self.watchdog(),
            api_key=SecretStr(api_key) if api_key else None,
        )

    def desk(self) -> FrontDesk:
        """Return where requests are received."""
        return FrontDesk(
            base_model=BASE_MODEL,
            timezone=ZoneInfo("Europe/Berlin"),
            is_holiday=_never,
            pseudonymiser=Pseudonymiser(key=b"k" * 32, key_id="k1"),
            requests=self.store,
            ledger=self.store,
            custody=self.custody,
            trigger=self.trigger,
            clock=self.clock,
        )

    def watchdog(
        self, *, holder: str = "intake-1", pause_seconds: float = NEVER_SECONDS
    ) -> Watchdog:
        """Return a watchdog that asks for at most three runs."""
        post = WatchPost(
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            trigger=self.trigger,
            clock=self.clock,
            maximum_attempts=3,
        )
        return Watchdog(post, holder=holder, pause_seconds=pause_seconds)


def _never(_day: date) -> bool:
    return False
