"""Certify: sign what was done, what was measured and what is not claimed."""

from collections.abc import Mapping
from typing import Any

from unlearn_core.domain.canonical import Digest, digest_of
from unlearn_core.domain.certificates import (
    PAYLOAD_TYPE,
    ErasureCertificate,
    ServedScope,
    certificate_name,
)
from unlearn_core.domain.grounds import ground_of
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.recipients import counted, read_recipients
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps.journal import find_entry, read_result, recorded
from unlearn_core.steps.outcome import outcome_of
from unlearn_core.steps.results import (
    Certified,
    Located,
    Purged,
    Registered,
    ServingConfirmed,
)
from unlearn_core.steps.workbench import Workbench


@recorded(Stage.CERTIFIED, result=Certified)
def issue_certificate(request_id: RequestId, *, bench: Workbench) -> Certified:
    """Write the certificate from the ledger alone; the same on every repetition.

    Raises:
        StorageError: The certificate cannot be stored.
    """
    certificate = _certificate(request_id, bench=bench)
    envelope = bench.signer.sign(certificate.payload(), payload_type=PAYLOAD_TYPE)
    name = certificate_name(request_id)
    bench.evidence.put(name, envelope)
    return Certified(
        certificate=name,
        digest=digest_of(envelope),
        expires_at=certificate.expires_at,
    )


def _counts(name: str, found: int, erased: Mapping[str, Any]) -> dict[str, int]:
    """Return what became of the records of a source; redacted ones if there are any."""
    counts = {"found": found, "erased": erased.get("erased", {}).get(name, 0)}
    if redacted := erased.get("redacted", {}).get(name, 0):
        counts["redacted"] = redacted
    return counts


def _certificate(request_id: RequestId, *, bench: Workbench) -> ErasureCertificate:
    request = bench.requests.get(request_id)
    last = _purge_entry(request_id, bench=bench)
    located = read_result(
        bench, request_id, Stage.LOCATED, Stage.NOT_FOUND, result=Located
    )
    erased = find_entry(bench, request_id, Stage.SOURCES_ERASED) or {}
    built = find_entry(bench, request_id, Stage.DATASETS_BUILT) or {}
    verified = find_entry(bench, request_id, Stage.UNLEARNING_VERIFIED) or {}
    standing = ground_of(bench.ledger.entries(request_id))
    purged = read_result(bench, request_id, Stage.PURGED, result=Purged)
    return ErasureCertificate(
        request_id=str(request_id),
        outcome=outcome_of(request_id, bench=bench),
        regime=request.deadline.rule,
        received_at=request.received_at,
        due_on=request.deadline.due_on.isoformat(),
        issued_at=last.recorded_at,
        expires_at=last.recorded_at + bench.terms.certificate_validity,
        scope=_scope(request_id, bench=bench),
        sources={
            name: _counts(name, count, erased) for name, count in located.found.items()
        },
        unsearched_sources=tuple(located.unsearched),
        forget_set=built.get("forget_set"),
        verdict=verified.get("verdict"),
        metrics=tuple(verified.get("results", ())),
        key_destruction={
            "key": purged.key,
            "objects": purged.objects,
            "destroyed_at": purged.destroyed_at.isoformat(),
        },
        ledger_head=last.entry_hash,
        ground=standing.ground if standing else None,
        kept=erased.get("staying", {}),
        recipients=counted(read_recipients(_until(last, bench=bench))),
    )


def _until(last: LedgerEntry, *, bench: Workbench) -> list[LedgerEntry]:
    """Return what was known at an entry; a repeated certificate says the same."""
    return [
        entry
        for entry in bench.ledger.entries(last.request_id)
        if entry.sequence <= last.sequence
    ]


def _scope(request_id: RequestId, *, bench: Workbench) -> ServedScope | None:
    if find_entry(bench, request_id, Stage.SERVING_CONFIRMED) is None:
        return None
    confirmed = read_result(
        bench, request_id, Stage.SERVING_CONFIRMED, result=ServingConfirmed
    )
    registered = read_result(bench, request_id, Stage.REGISTERED, result=Registered)
    return ServedScope(
        base_model=bench.terms.base_model,
        registered_model=registered.registered_model,
        version=registered.version,
        sequence=registered.sequence,
        manifest=Digest(registered.manifest),
        replicas=tuple(confirmed.replicas),
        effective_at=confirmed.effective_at,
        best_effort=tuple(confirmed.best_effort),
        cut_off=tuple(confirmed.cut_off),
        unheard=tuple(confirmed.unheard),
    )


def _purge_entry(request_id: RequestId, *, bench: Workbench) -> LedgerEntry:
    """Return the entry of the purge; the certificate is dated by and bound to it."""
    return next(
        entry
        for entry in bench.ledger.entries(request_id)
        if entry.event == Stage.PURGED
    )
