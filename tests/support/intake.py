"""An intake service over stores in memory."""

from collections.abc import Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from support.domain import BASE_MODEL, NOW, STRAIGHT_WAY
from support.issuer import ADDRESS, CLIENT_ID, CLIENT_SECRET, LocalIssuer
from support.log import Register

from unlearn_core.adapters.letters import SetLetters
from unlearn_core.adapters.memory.access import MemoryAccessStore
from unlearn_core.adapters.memory.contact import MemoryNotifier, MemoryTrigger
from unlearn_core.adapters.memory.delivery import MemoryFleet
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.signing import MemoryNotary
from unlearn_core.adapters.memory.storage import MemoryCustody, MemoryEvidence
from unlearn_core.adapters.oidc import OidcIssuer, Registration
from unlearn_core.domain.archive import pack
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.certificates import PAYLOAD_TYPE, check_certificate
from unlearn_core.domain.codes import Proof
from unlearn_core.domain.requests import Channel, Outcome, RequestId, Stage
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.intake.app import IntakeService
from unlearn_core.intake.console.desk import ConsoleDesk
from unlearn_core.intake.doors import Doors
from unlearn_core.intake.watchdog import Watchdog
from unlearn_core.intake.web import WebDesk
from unlearn_core.ports import LoginIssuer
from unlearn_core.privacy import Pseudonymiser
from unlearn_core.steps.cut_off_replica import FleetDesk
from unlearn_core.steps.decide_request import DecisionDesk
from unlearn_core.steps.deliver_messages import PostRoom
from unlearn_core.steps.export_bundle import export_bundle
from unlearn_core.steps.prove_identity import ProofDesk, send_code
from unlearn_core.steps.publish_checkpoint import publish_checkpoint
from unlearn_core.steps.receive_request import FrontDesk, Submission, receive_request
from unlearn_core.steps.restrict_request import RestrictionDesk
from unlearn_core.steps.resume_requests import WatchPost
from unlearn_core.steps.review_records import ReviewDesk

NEVER_SECONDS = 3600.0
OFFICERS = ("Olga Officer", "Otto Officer")


class IntakeWorld:
    """Everything that an intake service touches; several services may share it."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOW)
        self.leases = MemoryLeaseStore(clock=self.clock)
        self.store = MemoryRequestStore(leases=self.leases, clock=self.clock)
        self.custody = MemoryCustody(ledger=self.store, clock=self.clock)
        self.access = MemoryAccessStore()
        self.provider = LocalIssuer()
        self.issuer: LoginIssuer | None = None
        self.evidence = MemoryEvidence()
        self.notifier = MemoryNotifier()
        self.trigger = MemoryTrigger()
        self.notary = MemoryNotary()
        self.fleet = MemoryFleet(["replica-1", "replica-2", "replica-3"])

    @classmethod
    def with_issuer(cls) -> "IntakeWorld":
        """Return a world in which people sign in with an OpenID provider."""
        world = cls()
        registration = Registration(
            issuer=ADDRESS,
            client_id=CLIENT_ID,
            client_secret=SecretStr(CLIENT_SECRET),
            redirect="https://testserver/console/callback",
        )
        world.issuer = OidcIssuer(
            registration, clock=world.clock, client=world.provider.client()
        )
        return world

    def receive(self, name: str = "Ottilie Quastenflosser") -> RequestId:
        """Receive a request."""
        submission = Submission(
            subject=parse_subject({"name": name, "email": "ottilie@fins.example"}),
            evidence=None,
            contact=None,
            channel=Channel.HTTP,
        )
        return receive_request(submission, desk=self.desk()).request_id

    def move(
        self,
        request_id: RequestId,
        stage: Stage,
        payload: Mapping[str, JsonValue] | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        """Move a request on, as a worker does."""
        lease = self.leases.acquire(
            str(request_id), holder="worker", ttl=timedelta(minutes=1)
        )
        self.store.advance(
            request_id, stage, payload or {}, lease=lease, outcome=outcome
        )
        self.leases.release(lease)

    def answer(self, count: int, *, days: float = 1) -> None:
        """Let requests go the straight way, with days between sets and training."""
        for _ in range(count):
            key = self.receive()
            for stage in STRAIGHT_WAY:
                if stage is Stage.TRAINED:
                    self.clock.move(timedelta(days=days))
                self.move(key, stage)

    def console(self) -> ConsoleDesk:
        """Return what the console's pages need."""
        return ConsoleDesk(
            decisions=self.decisions(),
            restriction=RestrictionDesk(
                officers=OFFICERS,
                requests=self.store,
                ledger=self.store,
                custody=self.custody,
                notifier=self.notifier,
            ),
            review=ReviewDesk(
                holder="console",
                officers=OFFICERS,
                requests=self.store,
                ledger=self.store,
                leases=self.leases,
                custody=self.custody,
            ),
            certificates=self.desk().certificates,
            evidence=self.evidence,
            letters=SetLetters(),
            export_bundle=self.bundle,
            open_certificate=lambda raw: check_certificate(
                raw,
                open_envelope=lambda data: self.notary.open(
                    data, payload_type=PAYLOAD_TYPE
                ),
            ),
            fleet=FleetDesk(
                base_model=BASE_MODEL,
                officers=OFFICERS,
                requests=self.store,
                ledger=self.store,
                fleet=self.fleet,
            ),
            access=self.access,
        )

    def bundle(self, request_id: RequestId) -> bytes:
        """Return what proves a request, packed."""
        register = Register(
            store=self.store,
            ledger=self.store,
            leaves=self.store,
            leases=self.leases,
            clock=self.clock,
            move=self.clock.move,
            evidence=self.evidence,
            keepers=(),
        )
        publish_checkpoint(register.checkpoints())
        return pack(export_bundle(request_id, desk=register.export()))

    def doors(self, *, api_key: str | None = None) -> Doors:
        """Return who may come in."""
        return Doors(
            access=self.access,
            ledger=self.store,
            clock=self.clock,
            pseudonymiser=self.desk().pseudonymiser,
            api_key=SecretStr(api_key) if api_key else None,
            issuer=self.issuer,
        )

    def service(self, *, api_key: str | None = None) -> IntakeService:
        """Return a service whose watchdog looks only when told to."""
        return IntakeService(
            desk=self.desk(),
            proof=self.proof(),
            evidence=self.evidence,
            messages=self.notifier.posted,
            watchdog=self.watchdog(),
            doors=self.doors(api_key=api_key),
        )

    def ask_for_code(self) -> RequestId:
        """Receive a request and send the code that it then waits for."""
        key = self.receive()
        self.move(key, Stage.ACKNOWLEDGED)
        lease = self.leases.acquire(str(key), holder="worker", ttl=timedelta(minutes=1))
        assert send_code(key, lease=lease, desk=self.proof())
        self.leases.release(lease)
        self.move(key, Stage.PROOF_AWAITED, {"proof": Proof.CODE.value})
        return key

    def web(
        self, *, authority: str | None = None, asks_for: Proof = Proof.WITH_REQUEST
    ) -> WebDesk:
        """Return what the pages for subjects need."""
        return WebDesk(
            desk=self.desk(),
            proof=self.proof(),
            decisions=self.decisions(),
            authority=authority,
            asks_for=asks_for,
        )

    def decisions(self) -> DecisionDesk:
        """Return what takes decisions."""
        return DecisionDesk(
            holder="console",
            officers=OFFICERS,
            timezone=ZoneInfo("Europe/Berlin"),
            is_holiday=_never,
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            custody=self.custody,
            notifier=self.notifier,
            clock=self.clock,
        )

    def proof(self) -> ProofDesk:
        """Return what takes the codes of subjects."""
        return ProofDesk(
            holder="intake",
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            custody=self.custody,
            notifier=self.notifier,
            clock=self.clock,
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
            leases=self.leases,
            trigger=self.trigger,
            clock=self.clock,
        )

    def watchdog(
        self,
        *,
        holder: str = "intake-1",
        pause_seconds: float = NEVER_SECONDS,
        room: PostRoom | None = None,
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
        return Watchdog(post, holder=holder, pause_seconds=pause_seconds, room=room)


def _never(_day: date) -> bool:
    return False
