"""The audit bundle: what an auditor takes away and checks without the operator.

A bundle is a zip file. ``bundle.json`` is a signed envelope around a document with
ledger entries, the salts of their leaves, proofs and checkpoints; the other files are
certificates, reports and letters, each bound by its digest. `check_bundle` numbers
its checks:

1. the envelope is in canonical form and a trusted key signed it;
2. every file is there, unchanged, and no other;
3. every checkpoint was signed by a trusted key, and each begins the latest one;
4. every entry has the hash that it must have, is what its leaf commits to, and is
   included in the latest checkpoint; of an entry whose content was destroyed because
   its time was over, the leaf alone can be checked;
5. nothing was left out: the entries of a period follow each other without a gap, from
   the last one before it, or the first of all, to the first one after it, or the last
   of all; those of a request are in order a life that the state machine allows, and
   announce it if any of them was emptied;
6. there is a certificate for every entry that names one, and no other; it passes its
   own checks, is about the entry's request and speaks of an entry of this bundle;
   every report is one that the ledger names.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from unlearn_core.domain.canonical import Digest, JsonValue, digest_of
from unlearn_core.domain.certificates import ErasureCertificate
from unlearn_core.domain.checkpoints import (
    Checkpoint,
    CheckpointInvalidError,
    LogForkedError,
)
from unlearn_core.domain.ledger import LedgerEntry, announces_erasure
from unlearn_core.domain.merkle import Path, is_included
from unlearn_core.domain.requests import RequestId, Stage, check_transition
from unlearn_core.domain.transparency import LogLeaf
from unlearn_core.errors import (
    IllegalTransitionError,
    IntegrityError,
    SignatureInvalidError,
    UnlearnError,
)

FORMAT = "unlearn/audit-bundle/v1"
BUNDLE_TYPE = "application/vnd.unlearn.audit-bundle+json"
DOCUMENT = "bundle.json"

CERTIFICATES, REPORTS, LETTERS = "certificates/", "reports/", "letters/"
"""Folders of a bundle."""


class BundleInvalidError(IntegrityError):
    """An audit bundle does not prove what it says."""

    code = "bundle_invalid"
    summary = "the audit bundle is not valid"
    next_step = "Ask the operator for the original file, and keep this one."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedEntry:
    """A ledger entry with what proves it.

    Attributes:
        entry: The entry.
        salt: Salt of its leaf, 32 bytes; empty if the entry is erased.
        inclusion: Path from its leaf to the root of the latest checkpoint.
        commitment: What the leaf of an erased entry says; empty for any other.
    """

    entry: LedgerEntry
    salt: bytes
    inclusion: Path
    commitment: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierCheckpoint:
    """A checkpoint with the proof that the latest one continues it."""

    note: bytes
    consistency: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditBundle:
    """The document of a bundle.

    Attributes:
        request_id: The request that the bundle is about; None for a period.
        period: First and last day, ISO 8601, in UTC; None for a request. The entries
            next to it are there too.
        exported_at: Moment of export.
        checkpoint: The latest signed checkpoint.
        earlier: Older ones.
        entries: Ledger entries in order.
        files: Digest of every other file of the bundle.
    """

    request_id: RequestId | None
    period: tuple[str, str] | None
    exported_at: datetime
    checkpoint: bytes
    earlier: tuple[EarlierCheckpoint, ...]
    entries: tuple[ProvedEntry, ...]
    files: Mapping[str, Digest]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the document."""
        return {
            "format": FORMAT,
            "request_id": str(self.request_id) if self.request_id else None,
            "period": list(self.period) if self.period else None,
            "exported_at": self.exported_at.isoformat(),
            "checkpoint": self.checkpoint.decode(),
            "earlier": [
                {
                    "checkpoint": item.note.decode(),
                    "consistency": _text(item.consistency),
                }
                for item in self.earlier
            ],
            "entries": [_proof(item) for item in self.entries],
            "files": dict(self.files),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "AuditBundle":
        """Read a document.

        Raises:
            BundleInvalidError: It is not one of ours.
        """
        try:
            if document["format"] != FORMAT:
                raise BundleInvalidError(check=1, problem="format")
            request_id, period = document["request_id"], document["period"]
            if bool(request_id) == bool(period):
                raise BundleInvalidError(check=1, problem="scope")
            bundle = cls(
                request_id=RequestId(UUID(request_id)) if request_id else None,
                period=_days(period) if period else None,
                exported_at=datetime.fromisoformat(document["exported_at"]),
                checkpoint=document["checkpoint"].encode(),
                earlier=tuple(
                    EarlierCheckpoint(
                        note=item["checkpoint"].encode(),
                        consistency=_path(item["consistency"]),
                    )
                    for item in document["earlier"]
                ),
                entries=tuple(_entry(item) for item in document["entries"]),
                files=dict(document["files"]),
            )
            is_complete = bundle.to_json() == document
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise BundleInvalidError(check=1, problem="malformed") from None
        if not is_complete:
            raise BundleInvalidError(check=1, problem="fields")
        return bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Openers:
    """What checks signatures; public keys are all that they hold.

    Attributes:
        bundle: Opens the envelope of a bundle.
        certificate: Checks a certificate, all seven of its checks.
        checkpoint: Opens a signed checkpoint.
    """

    bundle: Callable[[bytes], bytes]
    certificate: Callable[[bytes], ErasureCertificate]
    checkpoint: Callable[[bytes], Checkpoint]


def check_bundle(
    files: Mapping[str, bytes], *, openers: Openers
) -> tuple[AuditBundle, Checkpoint]:
    """Check the files of a bundle offline.

    Args:
        files: Every file of the bundle by name.
        openers: Made from the trusted public keys.

    Returns:
        The document and its latest checkpoint.

    Raises:
        BundleInvalidError: A check fails; its number is named.
    """
    bundle = _opened(files, openers)
    _check_files(bundle, files)
    checkpoint = _check_checkpoints(bundle, openers)
    for item in bundle.entries:
        _check_entry(item, checkpoint)
    if bundle.period is not None:
        _check_period(bundle.period, bundle, checkpoint)
    else:
        _check_life(bundle)
    _check_certificates(bundle, files, openers)
    return bundle, checkpoint


def _opened(files: Mapping[str, bytes], openers: Openers) -> AuditBundle:
    """Do check 1."""
    try:
        payload = openers.bundle(files.get(DOCUMENT, b""))
        document = json.loads(payload)
    except (SignatureInvalidError, ValueError):
        raise BundleInvalidError(check=1, problem="signature") from None
    return AuditBundle.from_json(document)


def _check_files(bundle: AuditBundle, files: Mapping[str, bytes]) -> None:
    """Do check 2."""
    present = {name: digest_of(data) for name, data in files.items()}
    present.pop(DOCUMENT)
    if present != bundle.files:
        raise BundleInvalidError(check=2, problem="files")


def _check_checkpoints(bundle: AuditBundle, openers: Openers) -> Checkpoint:
    """Do check 3."""
    try:
        latest = openers.checkpoint(bundle.checkpoint)
        for item in bundle.earlier:
            openers.checkpoint(item.note).check_extended(latest, item.consistency)
    except (CheckpointInvalidError, LogForkedError) as error:
        raise BundleInvalidError(check=3, problem=error.code) from None
    return latest


def _check_entry(item: ProvedEntry, checkpoint: Checkpoint) -> None:
    """Do check 4 for one entry."""
    entry = item.entry
    at = entry.sequence
    leaf = LogLeaf(sequence=at, salt=b"", commitment=item.commitment)
    if not entry.is_erased:
        if entry.entry_hash != entry.computed_hash():
            raise BundleInvalidError(check=4, problem="changed entry", at=at)
        leaf = LogLeaf.of(entry, item.salt)
    if not is_included(
        leaf.hash, at - 1, checkpoint.size, item.inclusion, checkpoint.root
    ):
        raise BundleInvalidError(check=4, problem="not in the log", at=at)


def _check_period(
    period: tuple[str, str], bundle: AuditBundle, checkpoint: Checkpoint
) -> None:
    """Do check 5 for a period: no gap in it, nor before or behind what is shown."""
    entries = [item.entry for item in bundle.entries]
    if not entries:
        raise BundleInvalidError(check=5, problem="no entry")
    first, last = entries[0], entries[-1]
    if first.sequence > 1 and _day(first) >= period[0]:
        raise BundleInvalidError(check=5, problem="beginning left out")
    if last.sequence < checkpoint.size and _day(last) <= period[1]:
        raise BundleInvalidError(check=5, problem="end left out")
    for earlier, later in pairwise(entries):
        is_next = later.sequence == earlier.sequence + 1
        if not is_next or later.previous_hash != earlier.entry_hash:
            raise BundleInvalidError(check=5, problem="gap", at=later.sequence)


def _check_life(bundle: AuditBundle) -> None:
    """Do check 5 for a request: its stages are a life from the receipt on."""
    stage: Stage | None = None
    sequences = [item.entry.sequence for item in bundle.entries]
    if sequences != sorted(set(sequences)):
        raise BundleInvalidError(check=5, problem="not in order")
    for item in bundle.entries:
        if item.entry.request_id != bundle.request_id:
            raise BundleInvalidError(
                check=5, problem="another request", at=item.entry.sequence
            )
        if item.entry.event in set(Stage):
            following = Stage(item.entry.event)
            try:
                check_transition(stage, following)
            except IllegalTransitionError:
                raise BundleInvalidError(
                    check=5, problem="stage left out", at=item.entry.sequence
                ) from None
            stage = following
    if stage is None:
        raise BundleInvalidError(check=5, problem="no receipt")
    entries = [item.entry for item in bundle.entries]
    emptied = next((entry for entry in entries if entry.is_erased), None)
    if emptied is not None and not any(map(announces_erasure, entries)):
        raise BundleInvalidError(check=5, problem="emptied", at=emptied.sequence)


def _check_certificates(
    bundle: AuditBundle, files: Mapping[str, bytes], openers: Openers
) -> None:
    """Do check 6."""
    hashes = {item.entry.entry_hash for item in bundle.entries}
    entries = [item.entry for item in bundle.entries]
    named = {
        entry.payload.get("digest"): str(entry.request_id)
        for entry in entries
        if entry.event == Stage.CERTIFIED and not entry.is_erased
    }
    reports = {entry.payload.get("report") for entry in entries}
    for name, data in files.items():
        if name.startswith(REPORTS) and digest_of(data) not in reports:
            raise BundleInvalidError(check=6, problem="another report")
        if not name.startswith(CERTIFICATES):
            continue
        try:
            certificate = openers.certificate(data)
        except UnlearnError as error:
            raise BundleInvalidError(check=6, problem=error.code) from None
        if named.pop(digest_of(data), None) != certificate.request_id:
            raise BundleInvalidError(check=6, problem="another certificate")
        if bundle.request_id and certificate.ledger_head not in hashes:
            raise BundleInvalidError(check=6, problem="another ledger")
    if named:
        raise BundleInvalidError(check=6, problem="certificate left out")


def _entry(item: Mapping[str, Any]) -> ProvedEntry:
    request_id = item["request_id"]
    return ProvedEntry(
        entry=LedgerEntry(
            sequence=int(item["sequence"]),
            recorded_at=datetime.fromisoformat(item["recorded_at"]),
            request_id=RequestId(UUID(request_id)) if request_id else None,
            event=item["event"],
            payload=item["payload"] or {},
            fencing_token=int(item["fencing_token"]),
            previous_hash=Digest(item["previous_hash"]),
            entry_hash=Digest(item["entry_hash"]),
            is_erased=item["payload"] is None,
        ),
        salt=bytes.fromhex(item["salt"]),
        inclusion=_path(item["inclusion"]),
        commitment=bytes.fromhex(item.get("commitment", "")),
    )


def _proof(item: ProvedEntry) -> dict[str, JsonValue]:
    document: dict[str, JsonValue] = {
        **json.loads(item.entry.hashed_bytes()),
        "entry_hash": item.entry.entry_hash,
        "salt": item.salt.hex(),
        "inclusion": _text(item.inclusion),
    }
    if item.entry.is_erased:
        document["commitment"] = item.commitment.hex()
    return document


def _days(period: list[str]) -> tuple[str, str]:
    first, last = map(date.fromisoformat, period)
    return first.isoformat(), last.isoformat()


def _day(entry: LedgerEntry) -> str:
    return entry.recorded_at.astimezone(UTC).date().isoformat()


def _text(path: Path) -> list[JsonValue]:
    return [b64encode(step).decode() for step in path]


def _path(steps: list[str]) -> Path:
    return tuple(b64decode(step, validate=True) for step in steps)
