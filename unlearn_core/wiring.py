"""From settings to the parts that several processes share.

Modules called ``wiring`` are the only ones that import adapters. Each process has its
own; what intake, command line and worker all need is assembled here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import holidays

from unlearn_core.adapters.clock import SystemClock
from unlearn_core.adapters.custody import SealedCustody
from unlearn_core.adapters.database.access_store import DatabaseAccessStore
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.holdings import DatabaseHoldings
from unlearn_core.adapters.database.key_store import DatabaseKeyStore
from unlearn_core.adapters.database.lease_store import DatabaseLeaseStore
from unlearn_core.adapters.database.notifier import StatusPageNotifier
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.identity_policies import proof_of
from unlearn_core.adapters.keepers import open_keeper
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.letters import SetLetters
from unlearn_core.adapters.mail import EMAIL
from unlearn_core.adapters.notes import Ed25519NoteSigner, TrustedNotes
from unlearn_core.adapters.objects import ObjectEvidence, open_objects
from unlearn_core.adapters.prefect_trigger import PrefectTrigger
from unlearn_core.adapters.recipients import FileRegister, open_register
from unlearn_core.adapters.serving_fleet import HttpServingFleet
from unlearn_core.adapters.webhooks import route_to
from unlearn_core.adapters.wrapping import KeyWrapping, KmsWrapping, RotatingWrapping
from unlearn_core.domain.deadlines import IsHoliday, Rule
from unlearn_core.domain.dispatches import Route
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.retention import Terms, table
from unlearn_core.errors import SchemaOutdatedError, SettingsError
from unlearn_core.ports import CheckpointKeeper
from unlearn_core.post_wiring import (
    mail_carriers,
    notice_carriers,
    webhook_carriers,
)
from unlearn_core.sender_wiring import callback_carriers, callback_routes
from unlearn_core.settings import Settings
from unlearn_core.shielding import forbid_dumps
from unlearn_core.steps.answer_senders import AnswerDesk
from unlearn_core.steps.apply_retention import RetentionDesk
from unlearn_core.steps.audit_ledger import AuditDesk
from unlearn_core.steps.cut_off_replica import FleetDesk
from unlearn_core.steps.decide_request import FEWEST_OFFICERS, DecisionDesk
from unlearn_core.steps.deliver_messages import PostRoom
from unlearn_core.steps.export_bundle import ExportDesk
from unlearn_core.steps.prove_identity import ProofDesk
from unlearn_core.steps.publish_checkpoint import CheckpointDesk
from unlearn_core.steps.receive_request import FrontDesk
from unlearn_core.steps.resume_requests import WatchPost
from unlearn_core.steps.review_records import ReviewDesk
from unlearn_core.steps.settle_recipient import RecipientDesk
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
        access: Keys and sessions.
        custody: Sealed personal data.
        evidence: Certificates.
        notifier: Messages to subjects.
        register: Recipients of personal data.
    """

    settings: Settings
    database: Database
    clock: SystemClock
    keys: KeyDirectory
    store: DatabaseRequestStore
    leases: DatabaseLeaseStore
    access: DatabaseAccessStore
    custody: SealedCustody
    evidence: ObjectEvidence
    notifier: StatusPageNotifier
    register: FileRegister

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
            leases=self.leases,
            trigger=PrefectTrigger(),
            clock=self.clock,
            rule=Rule(legal.rule),
        )

    @property
    def certificates(self) -> CertificateDesk:
        """Return what looking at certificates needs."""
        return CertificateDesk(requests=self.store, ledger=self.store, clock=self.clock)

    @property
    def fleet(self) -> FleetDesk:
        """Return what looking after replicas needs."""
        return FleetDesk(
            base_model=self.settings.model.name,
            officers=self.settings.legal.officers,
            requests=self.store,
            ledger=self.store,
            fleet=HttpServingFleet(self.settings.replicas),
        )

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

    def proof(self, *, holder: str) -> ProofDesk:
        """Return what codes for subjects need."""
        return ProofDesk(
            holder=holder,
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            custody=self.custody,
            notifier=self.notifier,
            clock=self.clock,
        )

    def review(self, *, holder: str) -> ReviewDesk:
        """Return what deciding about uncertain records needs."""
        return ReviewDesk(
            holder=holder,
            officers=self.settings.legal.officers,
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            custody=self.custody,
        )

    def checkpoints(self, *, holder: str) -> CheckpointDesk:
        """Return what publishing checkpoints needs.

        Raises:
            KeyMissingError: The private key is not here.
        """
        return CheckpointDesk(
            holder=holder,
            ledger=self.store,
            leaves=self.store,
            leases=self.leases,
            signer=Ed25519NoteSigner(self.settings.audit.origin, self.keys.signer()),
            keepers=self._keepers(),
            evidence=self.evidence,
        )

    def audit(self) -> AuditDesk:
        """Return what looking for tampering needs."""
        return AuditDesk(
            requests=self.store,
            ledger=self.store,
            leaves=self.store,
            notes=TrustedNotes(self.keys.trusted()),
            keepers=self._keepers(),
        )

    def export(self) -> ExportDesk:
        """Return what exporting audit bundles needs.

        Raises:
            KeyMissingError: The private key is not here.
        """
        return ExportDesk(
            ledger=self.store,
            leaves=self.store,
            evidence=self.evidence,
            signer=EnvelopeSigner(self.keys.signer()),
            envelopes=TrustedEnvelopes(self.keys.trusted()),
            letters=SetLetters(),
            clock=self.clock,
        )

    def retention(self, *, holder: str) -> RetentionDesk:
        """Return what deleting outlived data needs."""
        kept = self.settings.retention
        return RetentionDesk(
            holder=holder,
            periods=table(Terms(**kept.terms())),
            retired=kept.retired_bases,
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            custody=self.custody,
            evidence=self.evidence,
            holdings=DatabaseHoldings(self.database),
            clock=self.clock,
        )

    def _keepers(self) -> tuple[CheckpointKeeper, ...]:
        audit = self.settings.audit
        return tuple(
            open_keeper(
                place,
                endpoint_url=self.settings.objects.endpoint_url,
                days=audit.lock_days,
            )
            for place in audit.keepers
        )

    def post_room(
        self, *, holder: str, link: Callable[[RequestId], str | None]
    ) -> PostRoom:
        """Return what delivering messages needs.

        Args:
            holder: Name of this process.
            link: Gives the address of a request's status page.

        Raises:
            SettingsError: There are webhooks without a good secret, or recipients by
                e-mail without a mail server.
        """
        return PostRoom(
            holder=holder,
            carriers=(
                *mail_carriers(self.settings, link=link),
                *webhook_carriers(self.settings, now=self.clock.now),
                *callback_carriers(self.settings, self.answers(link=link)),
                *notice_carriers(self.settings, self.register, now=self.clock.now),
            ),
            outbox=self.notifier,
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            custody=self.custody,
            clock=self.clock,
        )

    def recipients(self) -> RecipientDesk:
        """Return what looking after notices to recipients needs."""
        return RecipientDesk(
            officers=self.settings.legal.officers,
            ledger=self.store,
            outbox=self.notifier,
            custody=self.custody,
        )

    def answers(self, *, link: Callable[[RequestId], str | None]) -> AnswerDesk:
        """Return what answering senders needs."""
        legal = self.settings.legal
        return AnswerDesk(
            ledger=self.store,
            clock=self.clock,
            timezone=ZoneInfo(legal.timezone),
            is_holiday=_holidays(legal.country),
            link=link,
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


def check_officers(settings: Settings) -> None:
    """Refuse to start where requests would wait for officers who are not there.

    Raises:
        SettingsError: Fewer than two are named.
    """
    waits = settings.legal.approval or proof_of(settings.identity.policy).is_waited_for
    if waits and len(set(settings.legal.officers)) < FEWEST_OFFICERS:
        raise SettingsError(variable="UNLEARN_LEGAL__OFFICERS")


def open_office(settings: Settings) -> Office:
    """Open database, keys and stores.

    Raises:
        UnlearnError: A key is missing, two officers are needed and not named, or the
            database does not answer or lacks its schema.
    """
    forbid_dumps()
    check_officers(settings)
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
        access=DatabaseAccessStore(database),
        custody=SealedCustody(
            wrapping=_wrapping(settings, keys),
            keys=DatabaseKeyStore(database, clock=clock),
            objects=objects,
            ledger=store,
        ),
        evidence=ObjectEvidence(objects),
        notifier=StatusPageNotifier(database, clock=clock, routes=_routes(settings)),
        register=open_register(settings.recipients, officers=settings.legal.officers),
    )


def _wrapping(settings: Settings, keys: KeyDirectory) -> KeyWrapping:
    """Return who wraps data keys: AWS KMS if it is set, or else the key file."""
    if key := settings.keys.kms_key:
        return KmsWrapping(key, endpoint_url=settings.keys.kms_endpoint_url)
    keys.kek()  # without it nothing can be sealed, so nothing is begun
    return RotatingWrapping(keys.keks)


def _routes(settings: Settings) -> tuple[Route, ...]:
    """Return the ways on which messages go beside the status page."""
    mail = (EMAIL,) if settings.mail.host else ()
    return (*mail, *map(route_to, settings.webhooks.urls), *callback_routes(settings))


def _holidays(country: str) -> IsHoliday:
    calendar = holidays.country_holidays(country)

    def is_holiday(day: date) -> bool:
        return day in calendar

    return is_holiday
