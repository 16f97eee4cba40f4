"""Receive a request: seal who it is about, start the legal clock, ask for work."""

import json
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from unlearn_core import ports
from unlearn_core.domain.canonical import JsonValue, canonical_json
from unlearn_core.domain.deadlines import CLOCKS, IsHoliday, Rule
from unlearn_core.domain.decisions import ENTERED_BY, SUBMITTED_BY
from unlearn_core.domain.grounds import GROUND, Ground
from unlearn_core.domain.requests import Channel, ErasureRequest, RequestId, Stage
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import (
    InvalidIdentifierError,
    OrchestratorUnavailableError,
    RequestError,
    UnknownRequestError,
)
from unlearn_core.observability import EventLog
from unlearn_core.privacy import Personal, Pseudonymiser
from unlearn_core.steps import scopes
from unlearn_core.steps.standing import CertificateDesk

MAXIMUM_CONTACT_CHARACTERS = 200
MAXIMUM_TOKEN_CHARACTERS = 4000
SHARED_REFERENCES = frozenset({Channel.IMPORT, Channel.DROP})
"""Channels on which a reference is the controller's own, whoever enters it."""

RECEIPT_TIME = timedelta(seconds=30)
REFERENCE = "reference"

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
    leases: ports.LeaseStore
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
        entered_by: Their name, if it is known.
        ground: Why erasure is asked for, if that was said.
        reference: The sender's own name of the request, where it has one.
        received_at: When the controller received it, in UTC, if not just now.
        rule: Legal rule that it is made under, if not that of the desk.
        echoes_reference: Whether the sender is told its reference again; it is sealed
            beside the address as long as there is something to answer.
        language: Code of the language in which it was made, if that is known; it is
            sealed beside the address too, for it says something of the subject.
    """

    subject: DataSubject
    evidence: Personal[str] | None
    contact: Personal[str] | None
    channel: Channel
    submitted_by: str = ""
    entered_by: str = ""
    ground: Ground | None = None
    reference: Personal[str] | None = None
    received_at: datetime | None = None
    rule: Rule | None = None
    echoes_reference: bool = False
    language: str | None = None

    def facts(self) -> dict[str, JsonValue]:
        """Return what the first entry of the ledger says about it."""
        facts: dict[str, JsonValue] = {
            "channel": self.channel.value,
            "identifiers": len(self.subject.identifiers),
        }
        if self.submitted_by:
            facts[SUBMITTED_BY] = self.submitted_by
        if self.entered_by:
            facts[ENTERED_BY] = self.entered_by
        if self.ground:
            facts[GROUND] = self.ground.value
        return facts


class ReferenceTakenError(RequestError):
    """A sender used one reference for two people."""

    code = "reference_taken"
    summary = "the reference was used for another person before"
    next_step = "Give every request a reference of its own."


def checked_contact(text: str | None) -> Personal[str] | None:
    """Return an address that somebody has submitted; None if it is empty.

    Raises:
        InvalidIdentifierError: It is too long, or has a control character.
    """
    return _short(text, "contact", MAXIMUM_CONTACT_CHARACTERS)


def checked_evidence(text: str | None) -> Personal[str] | None:
    """Return evidence of identity that somebody has submitted; None if it is empty.

    Raises:
        InvalidIdentifierError: It is too long, or has a control character.
    """
    return _short(text, "identity_token", MAXIMUM_TOKEN_CHARACTERS)


def _short(text: str | None, kind: str, maximum: int) -> Personal[str] | None:
    if not text:
        return None
    if len(text) > maximum:
        raise InvalidIdentifierError(kind=kind, problem="too long")
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text):
        raise InvalidIdentifierError(kind=kind, problem="control character")
    return Personal(text)


def receive_request(submission: Submission, *, desk: FrontDesk) -> ErasureRequest:
    """Take in a request.

    Personal data is sealed before the request exists, so a crash in between leaves
    an unreadable orphan and no request without a subject. If the orchestrator is away
    the request is kept all the same and picked up later.

    With a reference, the same sender gets the same request however often it is sent:
    its identifier is computed from both, and a lease lets one of several senders in.

    Raises:
        LeaseBusyError: The same reference is being taken in at this moment.
        ReferenceTakenError: The reference was used for another person before.
    """
    if submission.reference is None:
        return _receive(RequestId(uuid4()), submission, desk=desk)
    request_id = referred_id(submission, pseudonymiser=desk.pseudonymiser)
    lease = desk.leases.acquire(
        f"intake/{request_id}", holder=str(uuid4()), ttl=RECEIPT_TIME
    )
    try:
        earlier = find_earlier(submission, desk=desk)
        return earlier or _receive(request_id, submission, desk=desk)
    finally:
        desk.leases.release(lease)


def referred_id(submission: Submission, *, pseudonymiser: Pseudonymiser) -> RequestId:
    """Return the identifier that a sender's reference leads to.

    It cannot be guessed without the key, and another sender's equal reference leads
    elsewhere. The key is always the first: by another one, a request would be two.

    Raises:
        ValueError: The submission has no reference.
    """
    if submission.reference is None:
        message = "a submission without a reference"
        raise ValueError(message)
    is_shared = submission.channel in SHARED_REFERENCES
    return id_of_reference(
        submission.channel,
        "" if is_shared else submission.submitted_by,
        submission.reference,
        pseudonymiser=pseudonymiser,
    )


def id_of_reference(
    channel: Channel,
    sender: str,
    reference: Personal[str],
    *,
    pseudonymiser: Pseudonymiser,
) -> RequestId:
    """Return the identifier that a reference leads to, without what was submitted."""
    named = Personal(f"{channel.value}\n{sender}\n{reference.reveal()}")
    commitment = pseudonymiser.first.commit(purpose=REFERENCE, value=named)
    raw = bytes.fromhex(commitment.rpartition(":")[2])
    return RequestId(UUID(bytes=raw[:16], version=4))


def find_earlier(submission: Submission, *, desk: FrontDesk) -> ErasureRequest | None:
    """Return the request that a sender's reference has led to before, if any.

    Raises:
        ReferenceTakenError: It is about another person.
        ValueError: The submission has no reference.
    """
    try:
        earlier = desk.requests.get(
            referred_id(submission, pseudonymiser=desk.pseudonymiser)
        )
    except UnknownRequestError:
        return None
    known = (submission.subject.commitments(key) for key in desk.pseudonymiser.all)
    if earlier.commitments not in known:
        raise ReferenceTakenError
    return earlier


def _receive(
    request_id: RequestId, submission: Submission, *, desk: FrontDesk
) -> ErasureRequest:
    _seal(request_id, submission, custody=desk.custody)
    received_at = submission.received_at or desk.clock.now()
    local_day: date = received_at.astimezone(desk.timezone).date()
    request = ErasureRequest(
        request_id=request_id,
        channel=submission.channel,
        received_at=received_at,
        deadline=CLOCKS[submission.rule or desk.rule](
            local_day, is_holiday=desk.is_holiday
        ),
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
    if submission.echoes_reference:
        sealed = canonical_json(_text(submission.reference))
        custody.put(scopes.contact(request_id), scopes.REFERENCE, sealed)
    if submission.language:
        sealed = canonical_json(submission.language)
        custody.put(scopes.contact(request_id), scopes.LANGUAGE, sealed)


def senders_reference(
    request_id: RequestId, *, custody: ports.Custody
) -> Personal[str] | None:
    """Return the sender's own name of a request, as long as it is kept."""
    return _beside_address(request_id, scopes.REFERENCE, custody=custody)


def subjects_language(
    request_id: RequestId, *, custody: ports.Custody
) -> Personal[str] | None:
    """Return the language in which a request was made, as long as it is kept."""
    return _beside_address(request_id, scopes.LANGUAGE, custody=custody)


def _beside_address(
    request_id: RequestId, name: str, *, custody: ports.Custody
) -> Personal[str] | None:
    scope = scopes.contact(request_id)
    if not custody.has(scope, name):
        return None
    return Personal(json.loads(custody.get(scope, name)))


def _text(value: Personal[str] | None) -> str | None:
    return value.reveal() if value else None
