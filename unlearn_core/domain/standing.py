"""Where a certificate stands today, read from the ledger alone.

- *valid*: what is served is what was verified last, and the time is not up;
- *expired*: the time is up, or something else is served than what was verified. The
  manifest binds base, tokenizer, chat template, reference, unlearned, strength, recipe,
  policy and code, so a change of any of them is another manifest;
- *failed*: a re-verification did not pass, and none has renewed since.

Only a re-verification that renews makes an expired or failed certificate valid.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from unlearn_core.domain.canonical import Digest, JsonValue
from unlearn_core.domain.certificates import CertificateStatus
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage

ARRANGED = "reverification_arranged"
STARTED = "reverification_started"
REVERIFIED = "certificate_reverified"
DESTROYED = "kept_data_destroyed"


class Material(StrEnum):
    """What is kept after the purge, the stronger one first."""

    EVALUATION_SET = "evaluation_set"
    FINGERPRINTS = "fingerprints"


class Reason(StrEnum):
    """Why a certificate stands where it stands."""

    AS_VERIFIED = "as_verified"
    TIME_IS_UP = "time_is_up"
    STACK_CHANGED = "stack_changed"
    NOT_CONFIRMED = "not_confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a certificate stands.

    Attributes:
        status: Valid, expired or failed.
        reason: Why.
        verified_at: When what is certified was verified last.
        valid_until: Until when that is vouched for, if nothing changes.
        reverifications: How many were begun.
        material: What the next one can be made with; None if nothing is kept.
        failed_gates: What the latest one failed, if it did.
    """

    status: CertificateStatus
    reason: Reason
    verified_at: datetime
    valid_until: datetime
    reverifications: int
    material: Material | None
    failed_gates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A re-verification that was begun, with what was declared beforehand."""

    number: int
    terms: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewals:
    """What the ledger says of one certificate.

    Attributes:
        manifest: What was verified last; None if nothing is served.
        verified_at: When.
        valid_until: Until when that is vouched for.
        every: Time between re-verifications; None if nothing was arranged.
        kept: What is kept, with the moment when it must be destroyed.
        latest: The latest re-verification that was begun.
        is_open: Whether it has no result yet.
        has_failed: Whether a result was negative and none has renewed since.
        failed_gates: What it failed.
        asked_at: When something was asked last.
        asked: Manifest that was asked last.
    """

    manifest: Digest | None
    verified_at: datetime
    valid_until: datetime
    asked_at: datetime
    asked: Digest | None
    every: timedelta | None = None
    kept: Mapping[Material, datetime] = field(default_factory=dict)
    latest: Attempt | None = None
    is_open: bool = False
    has_failed: bool = False
    failed_gates: tuple[str, ...] = ()

    def material(self, now: datetime) -> Material | None:
        """Return the strongest thing that is still kept."""
        lasting = (item for item in Material if now < self.kept.get(item, now))
        return next(lasting, None)

    def outlived(self, now: datetime) -> tuple[Material, ...]:
        """Return what must be destroyed now."""
        return tuple(item for item, until in self.kept.items() if now >= until)

    def is_due(self, served: Digest | None, now: datetime) -> bool:
        """Tell whether the served stack is to be asked now."""
        if self.every is None or served is None or self.material(now) is None:
            return False
        return served != self.asked or now >= self.asked_at + self.every

    def standing(self, served: Digest | None, now: datetime) -> Standing:
        """Return where the certificate stands.

        Args:
            served: Digest of the manifest that is served.
            now: The present moment.
        """
        status, reason = self._judged(served, now)
        return Standing(
            status=status,
            reason=reason,
            verified_at=self.verified_at,
            valid_until=self.valid_until,
            reverifications=self.latest.number if self.latest else 0,
            material=self.material(now),
            failed_gates=self.failed_gates if self.has_failed else (),
        )

    def _judged(
        self, served: Digest | None, now: datetime
    ) -> tuple[CertificateStatus, Reason]:
        if self.has_failed:
            return CertificateStatus.FAILED, Reason.NOT_CONFIRMED
        if self.manifest is not None and self.manifest != served:
            return CertificateStatus.EXPIRED, Reason.STACK_CHANGED
        if now > self.valid_until:
            return CertificateStatus.EXPIRED, Reason.TIME_IS_UP
        return CertificateStatus.VALID, Reason.AS_VERIFIED


def read_renewals(entries: Iterable[LedgerEntry]) -> Renewals | None:
    """Read the ledger entries of one request; None if there is no certificate."""
    entries = tuple(entries)
    latest = {entry.event: entry for entry in entries}
    certified = latest.get(Stage.CERTIFIED)
    if certified is None:
        return None
    manifest = None
    if Stage.SERVING_CONFIRMED in latest:
        manifest = Digest(str(latest[Stage.REGISTERED].payload["manifest"]))
    issued_at = latest[Stage.PURGED].recorded_at
    renewals = Renewals(
        manifest=manifest,
        verified_at=issued_at,
        valid_until=datetime.fromisoformat(str(certified.payload["expires_at"])),
        asked_at=issued_at,
        asked=manifest,
    )
    for entry in entries:
        if entry.event in _READ:
            renewals = _READ[entry.event](renewals, entry)
    return renewals


def _arranged(renewals: Renewals, entry: LedgerEntry) -> Renewals:
    until = {item: entry.payload.get(f"{item.value}_until") for item in Material}
    return replace(
        renewals,
        every=timedelta(days=int(str(entry.payload["every_days"]))),
        kept={
            item: datetime.fromisoformat(str(moment))
            for item, moment in until.items()
            if moment is not None
        },
    )


def _started(renewals: Renewals, entry: LedgerEntry) -> Renewals:
    attempt = Attempt(number=int(str(entry.payload["number"])), terms=entry.payload)
    return replace(renewals, latest=attempt, is_open=True)


def _reverified(renewals: Renewals, entry: LedgerEntry) -> Renewals:
    """Take over a result; one that does not renew heals no earlier failure."""
    asked, until = Digest(str(entry.payload["manifest"])), entry.payload["valid_until"]
    looked = replace(renewals, is_open=False, asked_at=entry.recorded_at, asked=asked)
    if entry.payload["passed"] is not True:
        failed = tuple(map(str, cast("list[str]", entry.payload["failed_gates"])))
        return replace(looked, has_failed=True, failed_gates=failed)
    if until is None:
        return looked
    return replace(
        looked,
        has_failed=False,
        manifest=asked,
        verified_at=entry.recorded_at,
        valid_until=datetime.fromisoformat(str(until)),
    )


def _destroyed(renewals: Renewals, entry: LedgerEntry) -> Renewals:
    gone = Material(str(entry.payload["material"]))
    kept = {item: until for item, until in renewals.kept.items() if item is not gone}
    return replace(renewals, kept=kept)


_READ: Mapping[str, Callable[[Renewals, LedgerEntry], Renewals]] = {
    ARRANGED: _arranged,
    STARTED: _started,
    REVERIFIED: _reverified,
    DESTROYED: _destroyed,
}
