"""The erasure certificate: what it claims, and how to check it offline.

A certificate is an in-toto statement in a DSSE envelope. Its subjects are digests
of artifacts, never the person. It claims "output suppressed on these endpoints,
verified so and so" and says in `LIMITS` what it does not claim.

`check_certificate` numbers its checks:

1. the envelope is in canonical form, so that every byte of the file counts;
2. the signature verifies under a trusted key;
3. the payload is a statement of the type that this module writes, complete and
   with nothing added;
4. the statement's subjects are the digests that its body names;
5. the outcome agrees with the evidence: suppression needs a verdict that passed
   with every gate, and confirmed replicas, of which those of best effort are
   some, and those that were cut off none; a partial search never claims
   completeness;
6. the limits are stated in full;
7. times are in order.

Expiry does not make a certificate false, only old: it is reported as a status.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from unlearn_core.domain.canonical import Digest, JsonValue, canonical_json
from unlearn_core.domain.exemptions import Kept, KeptCounts
from unlearn_core.domain.grounds import Ground
from unlearn_core.domain.requests import Outcome, RequestId
from unlearn_core.errors import CertificateInvalidError

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://unlearn.example/erasure-certificate/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

LIMITS: tuple[str, ...] = (
    (
        "Nothing was erased from the weights of the base model; the output of "
        "endpoints, where any are named, was suppressed and measured as listed."
    ),
    "Anyone who holds the base model alone can still recover what it was trained on.",
    (
        "The bounds hold for the listed probe families, for the stated digests only; "
        "a change of any digest ends the validity."
    ),
)

_COMPLETE = frozenset(
    {Outcome.SUPPRESSED_AT_OUTPUT, Outcome.ERASED_AT_SOURCE, Outcome.NOT_FOUND}
)
"""Outcomes that speak for every source."""

_WHERE_THERE_ARE_ANY = ("best_effort", "cut_off", "unheard")
"""Names of replicas that are left out if there are none, as before there were any."""

OpenEnvelope = Callable[[bytes], bytes]
"""Checks form and signature of an envelope and returns its payload."""


def certificate_name(request_id: RequestId) -> str:
    """Return the name of a request's certificate in the evidence store."""
    return f"certificates/{request_id}.json"


class CertificateStatus(StrEnum):
    """Whether a genuine certificate is still current.

    Whether a later verification failed is not in the certificate itself; the ledger
    says so, see `domain.standing`.
    """

    VALID = "valid"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedScope:
    """Where suppression was confirmed.

    Attributes:
        base_model: Name of the base model.
        registered_model: Name in the registry.
        version: Registered version.
        sequence: Sequence of the manifest.
        manifest: Digest of the manifest.
        replicas: Names of the replicas that confirmed.
        effective_at: Moment of the last confirmation.
        best_effort: Those of the replicas that know the base's law in part only, so
            that their answers follow the verified law within a bound.
        cut_off: Names of replicas that an officer had cut off at that moment. Nothing
            is confirmed of them.
        unheard: Those of them that did not say themselves that they had stopped; an
            officer said that they were gone.
    """

    base_model: str
    registered_model: str
    version: str
    sequence: int
    manifest: Digest
    replicas: tuple[str, ...]
    effective_at: datetime
    best_effort: tuple[str, ...] = ()
    cut_off: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCertificate:
    """The content of a certificate.

    Attributes:
        request_id: The request.
        outcome: The honest word for what was achieved.
        regime: Legal rule that set the clock.
        received_at: Receipt of the request.
        due_on: Legal due date, ISO 8601.
        issued_at: Moment of issue.
        expires_at: Moment until which the verification is vouched for.
        scope: Where output was suppressed; None if nothing is served.
        sources: Per training source the number of records found and erased, and of
            those that were redacted, if any.
        unsearched_sources: Sources that could not be searched or erased.
        forget_set: Keyed commitment to the forget set; its key is destroyed.
        verdict: The verification verdict, as JSON.
        metrics: The measurements, as JSON.
        key_destruction: Evidence of the destruction of the working data's key.
        ledger_head: Hash of the last ledger entry before issue.
        recipients: How many who had received the data had come how far in being told,
            see `domain.recipients.Telling`; empty if nobody had.
        ground: Ground of Art. 17(1) GDPR, if one was claimed or found.
        kept: How many records of which source stay, by the code of why; see
            `domain.exemptions.Kept`.
    """

    request_id: str
    outcome: Outcome
    regime: str
    received_at: datetime
    due_on: str
    issued_at: datetime
    expires_at: datetime
    scope: ServedScope | None
    sources: Mapping[str, Mapping[str, int]]
    unsearched_sources: tuple[str, ...]
    forget_set: str | None
    verdict: Mapping[str, JsonValue] | None
    metrics: tuple[Mapping[str, JsonValue], ...]
    key_destruction: Mapping[str, JsonValue]
    ledger_head: Digest
    recipients: Mapping[str, int] = field(default_factory=dict)
    ground: Ground | None = None
    kept: KeptCounts = field(default_factory=dict)

    def to_statement(self) -> dict[str, JsonValue]:
        """Return the in-toto statement."""
        scope = self.scope
        return {
            "_type": STATEMENT_TYPE,
            "predicateType": PREDICATE_TYPE,
            "subject": _subjects(self.ledger_head, scope.manifest if scope else None),
            "predicate": {
                "request_id": self.request_id,
                "outcome": self.outcome.value,
                "regime": self.regime,
                "received_at": self.received_at.isoformat(),
                "due_on": self.due_on,
                "issued_at": self.issued_at.isoformat(),
                "expires_at": self.expires_at.isoformat(),
                "scope": _scope_json(scope) if scope else None,
                "sources": _plain(self.sources),
                "unsearched_sources": list(self.unsearched_sources),
                "forget_set": self.forget_set,
                "verdict": self.verdict,
                "metrics": list(self.metrics),
                "key_destruction": dict(self.key_destruction),
                "ledger_head": self.ledger_head,
                "limits": list(LIMITS),
                **({"ground": self.ground.value} if self.ground else {}),
                **({"kept": _plain(self.kept)} if self.kept else {}),
                **({"recipients": dict(self.recipients)} if self.recipients else {}),
            },
        }

    def payload(self) -> bytes:
        """Return the bytes to be signed."""
        return canonical_json(self.to_statement())

    @classmethod
    def from_statement(cls, statement: Mapping[str, Any]) -> "ErasureCertificate":
        """Read a statement that passed check 3.

        Raises:
            CertificateInvalidError: A field is missing or malformed.
        """
        try:
            body = statement["predicate"]
            scope = body["scope"]
            return cls(
                request_id=body["request_id"],
                outcome=Outcome(body["outcome"]),
                regime=body["regime"],
                received_at=datetime.fromisoformat(body["received_at"]),
                due_on=body["due_on"],
                issued_at=datetime.fromisoformat(body["issued_at"]),
                expires_at=datetime.fromisoformat(body["expires_at"]),
                scope=_scope(scope) if scope else None,
                sources=body["sources"],
                unsearched_sources=tuple(body["unsearched_sources"]),
                forget_set=body["forget_set"],
                verdict=body["verdict"],
                metrics=tuple(body["metrics"]),
                key_destruction=body["key_destruction"],
                ledger_head=Digest(body["ledger_head"]),
                recipients=body.get("recipients", {}),
                ground=Ground(body["ground"]) if "ground" in body else None,
                kept=_kept(body.get("kept", {})),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise CertificateInvalidError(check=3, problem="malformed") from None

    def status(self, now: datetime) -> CertificateStatus:
        """Tell whether the verification is still vouched for."""
        if now > self.expires_at:
            return CertificateStatus.EXPIRED
        return CertificateStatus.VALID


def check_certificate(
    envelope: bytes, *, open_envelope: OpenEnvelope
) -> ErasureCertificate:
    """Check a certificate file offline.

    Args:
        envelope: The bytes of the file.
        open_envelope: Does checks 1 and 2 with the trusted keys.

    Returns:
        The certificate.

    Raises:
        SignatureInvalidError: Check 1 or 2 fails.
        CertificateInvalidError: Another check fails; its number is named.
    """
    # Checks 1 and 2.
    payload = open_envelope(envelope)
    # Check 3.
    statement = _load(payload)
    certificate = ErasureCertificate.from_statement(statement)
    complete = _rewritten(certificate)
    _check_nothing_added(statement, complete)
    # Check 4.
    if statement["subject"] != complete["subject"]:
        raise CertificateInvalidError(check=4, problem="subjects")
    # Check 5.
    _check_outcome(certificate)
    # Check 6.
    if statement["predicate"].get("limits") != list(LIMITS):
        raise CertificateInvalidError(check=6, problem="limits")
    # Check 7.
    _check_times(certificate)
    return certificate


def _load(payload: bytes) -> dict[str, Any]:
    try:
        statement: dict[str, Any] = json.loads(payload)
        types = (statement["_type"], statement["predicateType"])
        is_canonical = canonical_json(statement) == payload
    except (ValueError, KeyError, TypeError):
        raise CertificateInvalidError(check=3, problem="not a statement") from None
    if types != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise CertificateInvalidError(check=3, problem="type")
    if not is_canonical:
        raise CertificateInvalidError(check=3, problem="not canonical")
    return statement


def _rewritten(certificate: ErasureCertificate) -> dict[str, Any]:
    """Write a certificate that was read once more, to compare the two."""
    try:
        return certificate.to_statement()
    except (TypeError, ValueError, AttributeError):
        raise CertificateInvalidError(check=3, problem="malformed") from None


def _check_nothing_added(
    statement: Mapping[str, Any], complete: Mapping[str, Any]
) -> None:
    """Require every field and value that is written, but for those of 4 and 6."""
    if statement.keys() != complete.keys():
        raise CertificateInvalidError(check=3, problem="fields")
    body, expected = statement["predicate"], complete["predicate"]
    if body | {"limits": None} != expected | {"limits": None}:
        raise CertificateInvalidError(check=3, problem="fields")


def _check_outcome(certificate: ErasureCertificate) -> None:
    outcome = certificate.outcome
    if outcome in _COMPLETE and certificate.unsearched_sources:
        raise CertificateInvalidError(check=5, problem="incomplete search")
    if outcome in _COMPLETE and certificate.kept:
        raise CertificateInvalidError(check=5, problem="records stay")
    if outcome is Outcome.SUPPRESSED_AT_OUTPUT and certificate.scope is None:
        raise CertificateInvalidError(check=5, problem="no scope")
    if certificate.scope is not None and (
        not certificate.scope.replicas or not _has_passed(certificate.verdict)
    ):
        raise CertificateInvalidError(check=5, problem="unverified suppression")
    if certificate.scope is not None:
        _check_names(certificate.scope)


def _check_names(scope: ServedScope) -> None:
    if not all(name in scope.replicas for name in scope.best_effort):
        raise CertificateInvalidError(check=5, problem="best effort of no replica")
    if any(name in scope.replicas for name in scope.cut_off):
        raise CertificateInvalidError(check=5, problem="cut off and confirmed")
    if not all(name in scope.cut_off for name in scope.unheard):
        raise CertificateInvalidError(check=5, problem="unheard and not cut off")


def _has_passed(verdict: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tell whether a verdict passed, every gate did and some gate applied."""
    try:
        decisions = verdict["decisions"]
        said = [verdict["passed"], *(item["passed"] for item in decisions)]
        applied = [item["applies"] for item in decisions]
    except (TypeError, KeyError):
        return False
    return all(passed is True for passed in said) and True in applied


def _check_times(certificate: ErasureCertificate) -> None:
    scope, issued = certificate.scope, certificate.issued_at
    effective = [scope.effective_at] if scope else []
    times = [certificate.received_at, *effective, issued, certificate.expires_at]
    if any(moment.tzinfo is None for moment in times):
        raise CertificateInvalidError(check=7, problem="time zone")
    if times != sorted(times) or issued == certificate.expires_at:
        raise CertificateInvalidError(check=7, problem="times")


def _subjects(ledger_head: Digest, manifest: Digest | None) -> list[JsonValue]:
    named = {"ledger-head": ledger_head}
    if manifest is not None:
        named["offset-pair-manifest"] = manifest
    return [
        {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
        for name, digest in sorted(named.items())
    ]


def _plain(counts: KeptCounts) -> dict[str, JsonValue]:
    return {name: dict(row) for name, row in counts.items()}


def _kept(raw: KeptCounts) -> KeptCounts:
    """Read what stays; a code that nobody knows is malformed."""
    return {
        name: {Kept(code).value: count for code, count in row.items()}
        for name, row in raw.items()
    }


def _scope_json(scope: ServedScope) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = {
        "base_model": scope.base_model,
        "registered_model": scope.registered_model,
        "version": scope.version,
        "sequence": scope.sequence,
        "manifest": scope.manifest,
        "replicas": list(scope.replicas),
        "effective_at": scope.effective_at.isoformat(),
    }
    for name in _WHERE_THERE_ARE_ANY:
        if names := getattr(scope, name):
            plain[name] = list(names)
    return plain


def _scope(raw: Mapping[str, Any]) -> ServedScope:
    return ServedScope(
        base_model=raw["base_model"],
        registered_model=raw["registered_model"],
        version=raw["version"],
        sequence=raw["sequence"],
        manifest=Digest(raw["manifest"]),
        replicas=tuple(raw["replicas"]),
        effective_at=datetime.fromisoformat(raw["effective_at"]),
        **{name: tuple(raw.get(name, ())) for name in _WHERE_THERE_ARE_ANY},
    )
