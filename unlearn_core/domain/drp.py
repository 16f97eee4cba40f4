"""The Data Rights Protocol 1.0: what agents send, and what they are told.

A message is read in the order that the protocol fixes: first whether it is signed,
which happens before this module sees it; then agent, business, time of issue, expiry.
Only after that anything else of it is looked at.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from unlearn_core.domain.callbacks import check_callback
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.deadlines import Rule
from unlearn_core.domain.decisions import protocol_reason
from unlearn_core.domain.docket import Docket
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import (
    ErasureRequest,
    Outcome,
    RequestStatus,
)
from unlearn_core.domain.senders import SignedMessageError, UnsupportedRequestError
from unlearn_core.domain.subjects import DataSubject, IdentifierKind, parse_subject
from unlearn_core.privacy import Personal

VERSIONS = frozenset({"1.0", "0.9.4"})
"""Versions with this form of messages."""
DELETION = "deletion"
CLOCK_SKEW = timedelta(seconds=60)
LONGEST_WINDOW = timedelta(hours=1)
MAXIMUM_REFERENCE_CHARACTERS = 200
NEEDS_VERIFICATION = "need_user_verification"

RULES: Mapping[str | None, Rule | None] = {None: None, "ccpa": Rule.CCPA}
"""Regime of the protocol to the rule whose clock runs; without one, the desk's own."""

CLAIMS: Mapping[str, IdentifierKind] = {
    "name": IdentifierKind.NAME,
    "email": IdentifierKind.EMAIL,
    "phone_number": IdentifierKind.PHONE,
}
"""Claims that are searched for; others say nothing that sources are searched by."""

REASONS: Mapping[RequestStatus, frozenset[str]] = {
    RequestStatus.IN_PROGRESS: frozenset({NEEDS_VERIFICATION}),
    RequestStatus.DENIED: frozenset(
        {
            "suspected_fraud",
            "insuf_verification",
            "no_match",
            "claim_not_covered",
            "outside_jurisdiction",
            "too_many_requests",
            "other",
        }
    ),
}
"""The reasons that the protocol has beside a status; beside any other there is none."""

DETAILS: Mapping[str, str] = {
    "extended": "The request is complex or one of many; it takes longer.",
    NEEDS_VERIFICATION: "The person has to prove who they are.",
    "no_match": "No record about this person was found.",
    "suspected_fraud": "The request does not seem to come from the person it names.",
    "insuf_verification": "It was not proven who the person is.",
    "claim_not_covered": "The law does not oblige us to erase this data.",
    "outside_jurisdiction": "Another controller decides about this data.",
    "too_many_requests": "Earlier requests were the same.",
    "other": "The request was not carried out; ask the business.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An authorised agent of the configuration.

    Attributes:
        agent_id: Its name in the network's directory.
        callbacks: Addresses below which it may be called.
    """

    agent_id: str
    callbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """A request as an agent sends it.

    Attributes:
        subject: Whom it is about.
        reference: The agent's own name of it, or the digest of the message.
        is_named: Whether the agent has named it.
        rule: Rule whose clock runs; None for that of the desk.
        callback: Where the agent wants to be told of changes.
    """

    subject: DataSubject
    reference: Personal[str]
    is_named: bool
    rule: Rule | None
    callback: str | None


def read_claims(
    message: bytes, *, agent: str, business: str, now: datetime
) -> dict[str, JsonValue]:
    """Return what a message says whose signature was verified.

    Raises:
        SignedMessageError: Another agent or business is named, or it is not its time.
    """
    claims = read_document(message)
    if claims.get("agent-id") != agent:
        raise SignedMessageError(problem="another agent")
    if claims.get("business-id") != business:
        raise SignedMessageError(problem="another business")
    issued = _moment(claims.get("issued-at"), "issued-at")
    if issued > now + CLOCK_SKEW:
        raise SignedMessageError(problem="issued in the future")
    expires = _moment(claims.get("expires-at"), "expires-at")
    if expires <= now:
        raise SignedMessageError(problem="expired")
    if expires - issued > LONGEST_WINDOW:
        raise SignedMessageError(problem="valid for too long")
    version = claims.get("drp.version")
    if not isinstance(version, str) or version not in VERSIONS:
        raise UnsupportedRequestError(
            field="drp.version", known="|".join(sorted(VERSIONS))
        )
    return claims


def read_document(message: bytes) -> dict[str, JsonValue]:
    """Return a message as a JSON object.

    Raises:
        SignedMessageError: It is none.
    """
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise SignedMessageError(problem="not a JSON object")
    return document


def read_exercise(
    claims: Mapping[str, JsonValue], *, message: bytes, agent: Agent
) -> Exercise:
    """Read a request to exercise a right.

    Raises:
        CallbackRefusedError: The address for callbacks is not allowed.
        InvalidIdentifierError: It does not say enough about the person.
        UnsupportedRequestError: It asks for something else than deletion.
    """
    if claims.get("exercise") != DELETION:
        raise UnsupportedRequestError(field="exercise", known=DELETION)
    regime = claims.get("regime")
    if not isinstance(regime, str | None) or regime not in RULES:
        raise UnsupportedRequestError(field="regime", known="ccpa")
    callback = claims.get("status_callback")
    if callback is not None:
        if not isinstance(callback, str):
            raise UnsupportedRequestError(field="status_callback", problem="not text")
        check_callback(callback, allowed=agent.callbacks)
    reference = claims.get("agent-request-id")
    if reference is not None and not (
        isinstance(reference, str)
        and 0 < len(reference) <= MAXIMUM_REFERENCE_CHARACTERS
        and reference.isprintable()
    ):
        raise UnsupportedRequestError(field="agent-request-id", problem="malformed")
    told = {kind.value: claims[name] for name, kind in CLAIMS.items() if name in claims}
    return Exercise(
        subject=parse_subject(told),
        reference=Personal(reference or hashlib.sha256(message).hexdigest()),
        is_named=reference is not None,
        rule=RULES[regime],
        callback=callback,
    )


def status_document(
    request: ErasureRequest,
    entries: Sequence[LedgerEntry],
    docket: Docket,
    *,
    zone: tzinfo,
    reference: str | None,
    verification_url: str | None,
) -> dict[str, JsonValue]:
    """Return where a request stands, in the protocol's form.

    Args:
        request: The request.
        entries: Its ledger entries, in order.
        docket: What counts for it today.
        zone: Time zone of the controller.
        reference: The agent's own name of it, if it is still kept.
        verification_url: Where the person can prove who they are.
    """
    status, reason = standing(request, entries)
    if reason == NEEDS_VERIFICATION and verification_url is None:
        reason = None
    details = reason or ("extended" if docket.is_extended else None)
    due = datetime.combine(docket.due_on, time(23, 59, 59), tzinfo=zone)
    told: dict[str, JsonValue | None] = {
        "request_id": str(request.request_id),
        "agent_request_id": reference,
        "received_at": request.received_at.isoformat(timespec="seconds"),
        "expected_by": due.isoformat(),
        "status": status.value,
        "reason": reason,
        "processing_details": DETAILS[details] if details else None,
        "user_verification_url": (
            verification_url if reason == NEEDS_VERIFICATION else None
        ),
    }
    return {name: value for name, value in told.items() if value is not None}


def standing(
    request: ErasureRequest, entries: Sequence[LedgerEntry]
) -> tuple[RequestStatus, str | None]:
    """Return status and reason: only pairs that the protocol's table has."""
    if request.outcome is Outcome.WITHDRAWN:
        return RequestStatus.REVOKED, None
    if request.is_closed and request.outcome is Outcome.NOT_FOUND:
        return RequestStatus.DENIED, "no_match"
    status, reason = request.status, protocol_reason(entries)
    if reason not in REASONS.get(status, frozenset()):
        reason = "other" if status is RequestStatus.DENIED else None
    return status, reason


def _moment(value: JsonValue, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise SignedMessageError(field=name, problem="not a moment") from None
    if moment.tzinfo is None:
        raise SignedMessageError(field=name, problem="no time zone")
    return moment
