"""OpenDSR 2.0, the processor's side: what controllers send, and what they are told.

A controller sends what its own data subject has asked for. The protocol has four
statuses; whatever else a request can come to stands in the extension that is named
after the processor's domain, so that a refusal never looks like a completion.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID

from unlearn_core.domain.callbacks import MAXIMUM_CALLBACKS, check_callback
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.deadlines import Rule
from unlearn_core.domain.docket import Docket
from unlearn_core.domain.drp import standing
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import ErasureRequest, RequestStatus, Stage
from unlearn_core.domain.senders import UnsupportedRequestError
from unlearn_core.domain.subjects import DataSubject, IdentifierKind, parse_subject

API_VERSION = "2.0"
ERASURE = "erasure"
RAW = "raw"
CLOCK_SKEW = timedelta(seconds=60)
UUID_VERSION = 4
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

IDENTITIES: Mapping[str, IdentifierKind] = {
    "email": IdentifierKind.EMAIL,
    "controller_customer_id": IdentifierKind.CUSTOMER_NUMBER,
}
"""Types of identities of the protocol that sources are searched by."""

EXTENSION = ("name", "phone", "handle")
"""Kinds of identifiers without a type in the protocol; they stand in our extension."""

RULES: Mapping[str, Rule] = {"gdpr": Rule.GDPR, "ccpa": Rule.CCPA}
"""Regulation of the protocol to the rule whose clock runs."""

PENDING = frozenset(
    {Stage.RECEIVED, Stage.ACKNOWLEDGED, Stage.PROOF_AWAITED, Stage.PROOF_GIVEN}
)
"""Stages in which nothing is searched yet, so a request can be cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A controller of the configuration.

    Attributes:
        controller_id: Its name, and that of its access key.
        callbacks: Addresses below which it may be called.
        signs: Whether it signs its requests with a certificate that is registered.
    """

    controller_id: str
    callbacks: tuple[str, ...] = ()
    signs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as a controller sends it.

    Attributes:
        subject: Whom it is about.
        subject_request_id: The controller's name of it.
        rule: Rule whose clock runs.
        submitted_at: When the controller received it, in UTC.
        callbacks: Where the controller wants to be told of changes.
    """

    subject: DataSubject
    subject_request_id: UUID
    rule: Rule
    submitted_at: datetime
    callbacks: tuple[str, ...]


def read_request(
    raw: bytes, *, controller: Controller, domain: str, now: datetime
) -> Asked:
    """Read a request.

    Args:
        raw: The body as it came.
        controller: Who has sent it.
        domain: The processor's domain, which names our extension.
        now: The present moment.

    Raises:
        CallbackRefusedError: An address for callbacks is not allowed.
        InvalidIdentifierError: It does not say enough about the person.
        UnsupportedRequestError: It is malformed, or asks for something else.
    """
    document = _object(raw)
    _expect(document, "subject_request_type", (ERASURE,))
    _expect(document, "regulation", tuple(RULES))
    version = document.get("api_version", API_VERSION)
    if not isinstance(version, str) or version.partition(".")[0] != "2":
        raise UnsupportedRequestError(field="api_version", known=API_VERSION)
    return Asked(
        subject=_subject(document, domain),
        subject_request_id=request_id(document.get("subject_request_id")),
        rule=RULES[document["regulation"]],
        submitted_at=_moment(document.get("submitted_time"), now=now),
        callbacks=_callbacks(document.get("status_callback_urls"), controller),
    )


def request_id(value: object) -> UUID:
    """Return a controller's name of a request.

    Raises:
        UnsupportedRequestError: It is no UUID of version 4 in small letters.
    """
    try:
        found = UUID(value if isinstance(value, str) else "")
    except ValueError:
        found = None
    if found is None or found.version != UUID_VERSION or str(found) != value:
        raise UnsupportedRequestError(field="subject_request_id", problem="no UUID v4")
    return found


def discovery_document(*, certificate: str) -> dict[str, JsonValue]:
    """Return what is supported.

    Args:
        certificate: Address of the certificate.
    """
    return {
        "api_version": API_VERSION,
        "supported_identities": [
            {"identity_type": name, "identity_format": RAW} for name in IDENTITIES
        ],
        "supported_subject_request_types": [ERASURE],
        "processor_certificate": certificate,
    }


def receipt_document(
    docket: Docket,
    *,
    controller: str,
    subject_request_id: UUID,
    received_at: datetime,
    raw: bytes,
    zone: tzinfo,
) -> dict[str, JsonValue]:
    """Return the answer to a request; it holds the request again, as prescribed."""
    return {
        "controller_id": controller,
        "expected_completion_time": _end_of(docket, zone),
        "received_time": _text(received_at),
        "encoded_request": base64.b64encode(raw).decode(),
        "subject_request_id": str(subject_request_id),
        "api_version": API_VERSION,
    }


def cancellation_document(
    *, controller: str, subject_request_id: UUID, received_at: datetime
) -> dict[str, JsonValue]:
    """Return the answer to a cancellation."""
    return {
        "controller_id": controller,
        "received_time": _text(received_at),
        "subject_request_id": str(subject_request_id),
        "api_version": API_VERSION,
    }


def status_document(
    request: ErasureRequest,
    entries: Sequence[LedgerEntry],
    docket: Docket,
    *,
    controller: str,
    subject_request_id: str,
    domain: str,
    zone: tzinfo,
) -> dict[str, JsonValue]:
    """Return where a request stands; the extension says what the protocol cannot."""
    status, reason = standing(request, entries)
    outcome = request.outcome if request.is_closed else None
    more: dict[str, JsonValue | None] = {
        "status": status.value,
        "reason": reason,
        "outcome": outcome.value if outcome else None,
    }
    return {
        "controller_id": controller,
        "expected_completion_time": _end_of(docket, zone),
        "subject_request_id": subject_request_id,
        "request_status": request_status(request, status),
        "api_version": API_VERSION,
        "extensions": {
            domain: {name: value for name, value in more.items() if value is not None}
        },
    }


def request_status(request: ErasureRequest, status: RequestStatus) -> str:
    """Return the protocol's word; only what was done is completed."""
    match status:
        case RequestStatus.FULFILLED:
            return "completed"
        case RequestStatus.OPEN | RequestStatus.IN_PROGRESS:
            return "pending" if request.stage in PENDING else "in_progress"
        case _:
            return "cancelled"


def _object(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UnsupportedRequestError(problem="not a JSON object")
    return document


def _expect(document: Mapping[str, Any], field: str, known: Sequence[str]) -> None:
    value = document.get(field)
    if not isinstance(value, str) or value not in known:
        raise UnsupportedRequestError(field=field, known="|".join(known))


def _subject(document: Mapping[str, Any], domain: str) -> DataSubject:
    told: dict[str, list[object]] = {}
    for identity in _list(document.get("subject_identities"), "subject_identities"):
        if not isinstance(identity, dict):
            raise UnsupportedRequestError(
                field="subject_identities", problem="malformed"
            )
        _expect(identity, "identity_type", tuple(IDENTITIES))
        if identity.get("identity_format") != RAW:
            raise UnsupportedRequestError(
                field="identity_format",
                known=RAW,
                problem="nobody can be searched for by a digest",
            )
        kind = IDENTITIES[identity["identity_type"]]
        told.setdefault(kind.value, []).append(identity.get("identity_value"))
    for name, values in _extension(document.get("extensions"), domain).items():
        told[name] = values if isinstance(values, list) else [values]
    return parse_subject(told)


def _extension(extensions: object, domain: str) -> Mapping[str, Any]:
    """Return our extension; what is meant for other processors is not read."""
    if not isinstance(extensions, dict | None):
        raise UnsupportedRequestError(field="extensions", problem="malformed")
    ours = (extensions or {}).get(domain, {})
    if not isinstance(ours, dict) or not set(ours) <= set(EXTENSION):
        raise UnsupportedRequestError(field="extensions", known="|".join(EXTENSION))
    return ours


def _callbacks(value: object, controller: Controller) -> tuple[str, ...]:
    urls = _list(value, "status_callback_urls")
    if len(urls) > MAXIMUM_CALLBACKS or not all(isinstance(url, str) for url in urls):
        raise UnsupportedRequestError(
            field="status_callback_urls", maximum=MAXIMUM_CALLBACKS
        )
    for url in urls:
        check_callback(url, allowed=controller.callbacks)
    return tuple(urls)


def _list(value: object, field: str) -> list[Any]:
    if not isinstance(value, list | None):
        raise UnsupportedRequestError(field=field, problem="not a list")
    return value or []


def _moment(value: object, *, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UnsupportedRequestError(field="submitted_time", problem="not a moment")
    if not EARLIEST <= moment <= now + CLOCK_SKEW:
        raise UnsupportedRequestError(
            field="submitted_time", problem="in the future, or too long ago"
        )
    return min(moment, now).astimezone(UTC)


def _end_of(docket: Docket, zone: tzinfo) -> str:
    end = datetime.combine(docket.due_on, time(23, 59, 59), tzinfo=zone)
    return _text(end)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
