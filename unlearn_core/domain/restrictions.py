"""The list of restrictions: a signed, expiring statement about whom nothing is said.

Art. 18 GDPR lets a person have the use of their data restricted at once, long before
an erasure is effective. Replicas then withhold answers that name the person. What they
need to recognise the name is personal, so it is sealed for them inside the list.

- The version of a list is the sequence of the last ledger entry that it knows of, so a
  later list has a larger one, whoever wrote it.
- It expires, so that withholding a newer list is noticed.
- The sealed part is filled up to whole blocks: its size does not tell how many there
  are.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from unlearn_core.domain.canonical import JsonValue, canonical_json
from unlearn_core.domain.subjects import (
    DataSubject,
    IdentifierKind,
    SubjectIdentifier,
)
from unlearn_core.errors import DowngradeRefusedError, ManifestInvalidError
from unlearn_core.privacy import Personal

LIST_FORMAT = "unlearn/restrictions/v1"
LIST_TYPE = "application/vnd.unlearn.restrictions+json"
BLOCK_BYTES = 1024
_FILLING = b" "


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionList:
    """About whom the replicas of one base model may say nothing.

    Attributes:
        base_model: Name of the base model.
        version: Sequence of the last ledger entry that the list knows of.
        issued_at: Moment of issue.
        expires_at: Moment after which a replica must stop trusting it.
        people: Their identifiers, sealed for replicas.
    """

    base_model: str
    version: int
    issued_at: datetime
    expires_at: datetime
    people: bytes

    def to_json(self) -> dict[str, JsonValue]:
        """Return the list as a JSON object."""
        return {
            "format": LIST_FORMAT,
            "base_model": self.base_model,
            "version": self.version,
            "issued_at": self.issued_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
            "people": b64encode(self.people).decode(),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "RestrictionList":
        """Read a list.

        Raises:
            ManifestInvalidError: The list is malformed.
        """
        try:
            if raw["format"] != LIST_FORMAT:
                raise ManifestInvalidError(problem="format")
            listed = cls(
                base_model=str(raw["base_model"]),
                version=int(raw["version"]),
                issued_at=datetime.fromisoformat(raw["issued_at"]),
                expires_at=datetime.fromisoformat(raw["expires_at"]),
                people=b64decode(raw["people"], validate=True),
            )
        except (KeyError, TypeError, ValueError):
            raise ManifestInvalidError(problem="list of restrictions") from None
        if listed.issued_at.tzinfo is None or listed.expires_at.tzinfo is None:
            raise ManifestInvalidError(problem="time zone")
        return listed

    def check_follows(self, seen: "RestrictionList | None") -> None:
        """Refuse a list that goes back behind one already seen.

        Raises:
            DowngradeRefusedError: The version or the time of issue goes back.
        """
        if seen is None:
            return
        if self.version < seen.version:
            raise DowngradeRefusedError(offered=self.version, minimum=seen.version)
        if self.issued_at < seen.issued_at:
            raise DowngradeRefusedError(problem="issued before the one in use")


def write_people(people: Iterable[DataSubject]) -> bytes:
    """Return identifiers as bytes, to be sealed at once, in whole blocks."""
    plain = [subject.to_plain() for subject in people]
    data = canonical_json([dict(entry) for entry in plain])
    return data + _FILLING * (-len(data) % BLOCK_BYTES)


def read_people(data: bytes) -> tuple[DataSubject, ...]:
    """Read what `write_people` wrote.

    Raises:
        ManifestInvalidError: It is something else.
    """
    try:
        return tuple(
            DataSubject(
                identifiers=tuple(
                    SubjectIdentifier(kind=IdentifierKind(kind), value=Personal(value))
                    for kind, values in entry.items()
                    for value in values
                )
            )
            for entry in json.loads(data)
        )
    except (ValueError, AttributeError, TypeError):
        raise ManifestInvalidError(problem="people of the list") from None


def named(name: str) -> DataSubject:
    """Return somebody of whom nothing but a name is known."""
    only = SubjectIdentifier(kind=IdentifierKind.NAME, value=Personal(name))
    return DataSubject(identifiers=(only,))
