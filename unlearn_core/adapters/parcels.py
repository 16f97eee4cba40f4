"""What travels to the workers of a cluster and back: sealed, so that only they read it.

Neither the scheduler nor what workers spill to a disk has the key. A parcel is sealed
for one part of one search, so none can stand in for another.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from unlearn_core.adapters.connectors.parts import Part
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.adapters.sealing import seal, unseal
from unlearn_core.domain.sources import (
    SearchResult,
    records_from_bytes,
    records_to_bytes,
)
from unlearn_core.domain.subjects import (
    DataSubject,
    IdentifierKind,
    SubjectIdentifier,
)
from unlearn_core.privacy import Personal

_SPEC = TypeAdapter(SourceSpec)
_PART = TypeAdapter(Part)

Kind = Literal["job", "found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one worker is asked to do.

    Attributes:
        spec: How the source is read.
        part: The part to search.
        subjects: Whom to search for.
    """

    spec: SourceSpec
    part: Part
    subjects: tuple[DataSubject, ...]


def text_of(spec: SourceSpec) -> str:
    """Return how a source is read, as JSON."""
    return _SPEC.dump_json(spec).decode()


def spec_of(text: str) -> SourceSpec:
    """Read what `text_of` wrote."""
    return _SPEC.validate_json(text)


class Parcels:
    """Packs and opens what travels.

    Args:
        key: The key that asking and searching machines share.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def pack_job(self, job: Job, *, number: str) -> bytes:
        """Seal a job under its number."""
        said = {
            "spec": text_of(job.spec),
            "part": _PART.dump_python(job.part, mode="json"),
            "subjects": [subject.to_plain() for subject in job.subjects],
        }
        return self._sealed(said, "job", number)

    def open_job(self, sealed: bytes, *, number: str) -> Job:
        """Read a job.

        Raises:
            SealBrokenError: It is not this job, or was sealed with another key.
        """
        said = self._opened(sealed, "job", number)
        return Job(
            spec=spec_of(said["spec"]),
            part=_PART.validate_python(said["part"]),
            subjects=tuple(map(_subject, said["subjects"])),
        )

    def pack_found(self, found: Sequence[SearchResult], *, number: str) -> bytes:
        """Seal what a part has, for a job."""
        return self._sealed(list(map(_said, found)), "found", number)

    def open_found(self, sealed: bytes, *, number: str) -> tuple[SearchResult, ...]:
        """Read what a part has.

        Raises:
            SealBrokenError: It answers another job, or was sealed with another key.
        """
        return tuple(map(_result, self._opened(sealed, "found", number)))

    def _sealed(self, said: object, kind: Kind, number: str) -> bytes:
        data = json.dumps(said).encode()
        return seal(self._key, data, purpose=f"search/{kind}/{number}")

    def _opened(self, sealed: bytes, kind: Kind, number: str) -> Any:  # noqa: ANN401 - JSON
        data = unseal(self._key, sealed, purpose=f"search/{kind}/{number}")
        return json.loads(data)


def _subject(plain: Mapping[str, list[str]]) -> DataSubject:
    return DataSubject(
        identifiers=tuple(
            SubjectIdentifier(kind=IdentifierKind(kind), value=Personal(value))
            for kind, values in plain.items()
            for value in values
        )
    )


def _said(found: SearchResult) -> dict[str, object]:
    return {
        "source": found.source,
        "records": records_to_bytes(found.records).decode(),
        "searched": found.searched,
        "unreadable": found.unreadable,
        "doubtful": records_to_bytes(found.doubtful).decode(),
    }


def _result(said: Mapping[str, Any]) -> SearchResult:
    return SearchResult(
        source=said["source"],
        records=records_from_bytes(said["records"].encode()),
        searched=said["searched"],
        unreadable=said["unreadable"],
        doubtful=records_from_bytes(said["doubtful"].encode()),
    )
