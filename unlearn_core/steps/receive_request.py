"""Receive a request: seal who it is about, start the legal clock, ask for work."""

from dataclasses import dataclass
from datetime import date
from uuid import uuid4
from zoneinfo import ZoneInfo

from unlearn_core import ports
from unlearn_core.domain.canonical import JsonValue, canonical_json
from unlearn_core.domain.deadlines import CLOCKS, IsHoliday, Rule
from unlearn_core.domain.decisions import SUBMITTED_BY
from unlearn_core.domain.requests import Channel, ErasureRequest, RequestId, Stage
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import OrchestratorUnavailableError
from unlearn_core.observability import EventLog
from unlearn_core.privacy import Personal, Pseudonymiser
from unlearn_core.steps import scopes
from unlearn_core.steps.standing import CertificateDesk

_LOG = EventLog("intake")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDesk:
    """What receiving needs; less than a worker has, and no model.

    Attributes:
        base_model: Name of the base model that requests concern.
        timezone: Time zone of the controller; the day of receipt is local.
        is_holiday: Public holidays of the controller's country.
        rule: Legal rule that sets the clock.
    """

    base_model: str
    timezone: ZoneInfo
    is_holiday: IsHoliday
    pseudonymiser: Pseudonymiser
    requests: ports.RequestStore
    ledger: ports.Ledger
    custody: ports.Custody
    trigger: ports.WorkflowTrigger
    clock: ports.Clock
    rule: Rule = Rule.GDPR

    @property
    def certificates(self) -> CertificateDesk:
        """Return what looking at certificates needs."""
        return CertificateDesk(
            requests=self.requests, ledger=self.ledger, clock=self.clock
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What somebody submits.

    Attributes:
        subject: Whom the request is about.
        evidence: Evidence of identity.
        contact: Where the subject wants to be answered.
        channel: How it came in.
        submitted_by: Pseudonym of the key or sign-in that entered it; empty if nobody
            had to sign in.
    """

    subject: DataSubject
    evidence: Personal[str] | None
    contact: Personal[str] | None
    channel: Channel
    submitted_by: str = ""

    def facts(self) -> dict[str, JsonValue]:
        """Return what the first entry of the ledger says about it."""
        facts: dict[str, JsonValue] = {
            "channel": self.channel.value,
            "identifiers": len(self.subject.identifiers),
        }
        if self.submitted_by:
            facts[SUBMITTED_BY] = self.submitted_by
        return facts


def receive_request(submission: Submission, *, desk: FrontDesk) -> ErasureRequest:
    """Take in a request.

    Personal data is sealed before the request exists, so a crash in between leaves
    an unreadable orphan and no request without a subject. If the orchestrator is away
    the request is kept all the same and picked up later.
    """
    request_id = RequestId(uuid4())
    _seal(request_id, submission, custody=desk.custody)
    received_at = desk.clock.now()
    local_day: date = received_at.astimezone(desk.timezone).date()
    request = ErasureRequest(
        request_id=request_id,
        channel=submission.channel,
        received_at=received_at,
        deadline=CLOCKS[desk.rule](local_day, is_holiday=desk.is_holiday),
        base_model=desk.base_model,
        commitments=submission.subject.commitments(desk.pseudonymiser),
        stage=Stage.RECEIVED,
    )
    desk.requests.receive(
        request,
        submission.facts()
        | {
            "rule": request.deadline.rule,
            "due_on": request.deadline.due_on.isoformat(),
        },
    )
    _LOG.info("request_received", request_id=request_id)
    try:
        desk.trigger.start(request_id, attempt=1)
    except OrchestratorUnavailableError as error:
        _LOG.warning("request_waits", request_id=request_id, code=error.code)
    return request


def _seal(
    request_id: RequestId, submission: Submission, *, custody: ports.Custody
) -> None:
    documents = {
        scopes.working(request_id): submission.subject.to_plain(),
        scopes.evidence(request_id): _text(submission.evidence),
        scopes.contact(request_id): _text(submission.contact),
    }
    for scope, document in documents.items():
        custody.open_scope(scope)
        custody.put(scope, scopes.CONTENT, canonical_json(document))


def _text(value: Personal[str] | None) -> str | None:
    return value.reveal() if value else None
