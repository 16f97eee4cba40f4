"""The serving pointer: a signed, expiring statement of what must be served.

A registry alias is a mutable name without history; whoever can write to the
registry can move it back. So services follow this document instead and keep the
highest `sequence` that they have seen:

- it names the version and its manifest digest;
- `minimum_sequence` says below which sequence nothing may be answered;
- it expires, so that withholding newer pointers is noticed;
- `cut_off` names replicas that may not answer at all;
- `restrictions` says which list of restrictions must be known;
- a minimum above the named sequence withdraws the version: nothing that exists may
  answer any more, and what is running ends at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from unlearn_core.domain.canonical import Digest, JsonValue
from unlearn_core.errors import DowngradeRefusedError, ManifestInvalidError

POINTER_FORMAT = "unlearn/serving-pointer/v1"
POINTER_TYPE = "application/vnd.unlearn.serving-pointer+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPointer:
    """What replicas of one base model must serve.

    Attributes:
        base_model: Name of the base model.
        version: Version of the registered model.
        manifest: Digest of that version's manifest.
        sequence: Sequence of that version's manifest.
        minimum_sequence: Lowest sequence that may still answer.
        issued_at: Moment of issue.
        expires_at: Moment after which a replica must stop trusting it.
        cut_off: Names of replicas that were taken out of service.
        restrictions: Version of the list of restrictions without which nothing may be
            answered; 0 if there is none.
    """

    base_model: str
    version: str
    manifest: Digest
    sequence: int
    minimum_sequence: int
    issued_at: datetime
    expires_at: datetime
    cut_off: tuple[str, ...] = ()
    restrictions: int = 0

    @property
    def is_withdrawal(self) -> bool:
        """Tell whether not even the named version may answer."""
        return self.minimum_sequence > self.sequence

    def withdrawn(
        self, *, issued_at: datetime, expires_at: datetime
    ) -> "ServingPointer":
        """Return the withdrawal of the named version and of all before it."""
        return replace(
            self,
            minimum_sequence=self.sequence + 1,
            issued_at=issued_at,
            expires_at=expires_at,
        )

    def to_json(self) -> dict[str, JsonValue]:
        """Return the pointer as a JSON object."""
        plain: dict[str, JsonValue] = {
            "format": POINTER_FORMAT,
            "base_model": self.base_model,
            "version": self.version,
            "manifest": self.manifest,
            "sequence": self.sequence,
            "minimum_sequence": self.minimum_sequence,
            "issued_at": self.issued_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
        }
        if self.cut_off:  # left out otherwise, as before there were such replicas
            plain["cut_off"] = list(self.cut_off)
        if self.restrictions:
            plain["restrictions"] = self.restrictions
        return plain

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "ServingPointer":
        """Read a pointer.

        Raises:
            ManifestInvalidError: The pointer is malformed.
        """
        try:
            if raw["format"] != POINTER_FORMAT:
                raise ManifestInvalidError(problem="format")
            pointer = cls(
                base_model=str(raw["base_model"]),
                version=str(raw["version"]),
                manifest=Digest(raw["manifest"]),
                sequence=int(raw["sequence"]),
                minimum_sequence=int(raw["minimum_sequence"]),
                issued_at=datetime.fromisoformat(raw["issued_at"]),
                expires_at=datetime.fromisoformat(raw["expires_at"]),
                cut_off=_names(raw.get("cut_off", [])),
                restrictions=int(raw.get("restrictions", 0)),
            )
        except (KeyError, TypeError, ValueError):
            raise ManifestInvalidError(problem="pointer") from None
        if pointer.issued_at.tzinfo is None or pointer.expires_at.tzinfo is None:
            raise ManifestInvalidError(problem="time zone")
        return pointer

    def check_follows(self, seen: "ServingPointer | None") -> None:
        """Refuse a pointer that goes back behind one already seen.

        Raises:
            DowngradeRefusedError: The version, the minimum or the time of issue
                goes back.
        """
        if seen is None:
            return
        if self.sequence < seen.sequence:
            raise DowngradeRefusedError(offered=self.sequence, minimum=seen.sequence)
        if self.sequence == seen.sequence and self.manifest != seen.manifest:
            raise DowngradeRefusedError(problem="another version of the same sequence")
        if self.minimum_sequence < seen.minimum_sequence:
            raise DowngradeRefusedError(
                offered=self.minimum_sequence, minimum=seen.minimum_sequence
            )
        if self.restrictions < seen.restrictions:
            raise DowngradeRefusedError(
                offered=self.restrictions, minimum=seen.restrictions
            )
        if self.issued_at < seen.issued_at:
            raise DowngradeRefusedError(problem="issued before the one in use")


def _names(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw):
        raise ManifestInvalidError(problem="names of replicas")
    return tuple(raw)
