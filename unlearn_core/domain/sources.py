"""What connectors exchange with the rest: records found in training sources."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from unlearn_core.domain.canonical import JsonValue, canonical_json
from unlearn_core.domain.datasets import Form
from unlearn_core.domain.exemptions import Kept
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.privacy import Personal

LONGEST_TEXT = 1 << 16

FEWEST_TOO_MANY = 20
"""Records; what is found in a smaller source may be half of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One prompt and answer that a record contributed to training.

    Attributes:
        field: The field that the answer states; empty if unknown.
        form: Whether the prompt is a question or the beginning of a text.
        prompt: Text before the answer.
        answer: The text that follows.
        paraphrases: Other prompts for the same answer that no model was trained on.
    """

    field: str
    form: Form
    prompt: Personal[str]
    answer: Personal[str]
    paraphrases: tuple[Personal[str], ...] = ()


class Spelling(StrEnum):
    """How an identifier is written where it was found.

    `TURNED` is a surname before the given name among other words, as in a list of
    several people; `WORD` is what may be an ordinary word or number.
    """

    AS_WRITTEN = "as_written"
    CANONICAL = "canonical"
    ORDER = "order"
    TRANSLITERATED = "transliterated"
    SHORTENED = "shortened"
    INITIALS = "initials"
    TURNED = "turned"
    WORD = "word"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Hit:
    """Why a record matched; nothing in it is personal.

    Attributes:
        kind: Kind of the identifier.
        spelling: How it is written there.
        place: Name of the column, or ``text``.
    """

    kind: IdentifierKind
    spelling: Spelling
    place: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.spelling.value} in {self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One training record.

    Attributes:
        source: Name of the source in the data map.
        record_id: Identifier of the record inside the source; not personal.
        matched: Kinds of identifiers that matched, empty for sampled records.
        name: The name of the person concerned, if the record states one.
        fields: Values of the data map's fields.
        passages: What a model was trained on.
        why: Why it matched, as `Hit` says it, or what it quotes; empty for sampled
            records.
        texts: Column to what a record that matched says there, for whoever has to
            decide about it; cut off after `LONGEST_TEXT` signs.
        is_held: Whether it must stay where it is: legal hold, or an exemption.
        exemption: On which ground of Art. 17(3) GDPR, if an officer has named one.
        is_redacted: Whether only what identifies the subject goes, not the record.
        is_former: Whether only an earlier version of its file has it. What has its
            identifier now may be somebody else's.
    """

    source: str
    record_id: str
    matched: tuple[IdentifierKind, ...]
    name: Personal[str] | None
    fields: Mapping[str, Personal[str]]
    passages: tuple[Passage, ...]
    why: tuple[str, ...] = ()
    texts: Mapping[str, Personal[str]] = field(default_factory=dict)
    is_held: bool = False
    exemption: Kept | None = None
    is_redacted: bool = False
    is_former: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search of one source gave.

    Attributes:
        source: Name of the source.
        records: Records that concern the subject.
        searched: Number of records read.
        unreadable: Number of records that could not be read; if it is not zero
            the source counts as not completely searched.
        doubtful: Records that may concern the subject or a namesake; as long as
            nobody has decided about them the search is not complete either.
    """

    source: str
    records: tuple[SourceRecord, ...]
    searched: int
    unreadable: int
    doubtful: tuple[SourceRecord, ...] = ()

    @property
    def uncertain(self) -> int:
        """Return the number of records that a person must decide about."""
        return len(self.doubtful)

    @property
    def is_too_much(self) -> bool:
        """Tell whether half of the source or more may concern one person.

        An identifier is more likely to be everybody's then, such as the customer number
        of a demonstration or a form's own address.
        """
        found = len(self.records) + self.uncertain
        return found >= FEWEST_TOO_MANY and 2 * found >= self.searched

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing was left unread or undecided."""
        return self.unreadable == 0 and self.uncertain == 0


class LegalBasis(StrEnum):
    """Why records may be processed: GDPR Art. 6 (1), letters a to f."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDescription:
    """What a source is, for people.

    Attributes:
        name: Name in the data map.
        kind: Kind of connector.
        is_erasable: Whether records may be deleted there.
        reviews_names: Whether a person decides about a record that has nothing of the
            subject but the name; otherwise it is erased like any other.
        waits_for_review: Whether a request waits until somebody has decided about
            every uncertain record there; otherwise they make the outcome partial.
        is_redacted: Whether records are redacted and kept there, not deleted.
        redacted_columns: If there are any, only records that name somebody in these
            alone; others are deleted.
        legal_basis: Why the records may be processed, if the controller says.
        retention: How long they are kept, as an ISO 8601 period.
        base_models: Base models that were trained on it; all of them if none is named.
        held: Column that says that a record must stay.
        exemption: On which ground of Art. 17(3) GDPR all of its records stay, if they
            do.
        reasoning: Why that ground applies; names nobody.
    """

    name: str
    kind: str
    is_erasable: bool
    reviews_names: bool = True
    waits_for_review: bool = True
    is_redacted: bool = False
    redacted_columns: tuple[str, ...] = ()
    legal_basis: LegalBasis | None = None
    retention: str | None = None
    base_models: tuple[str, ...] = ()
    held: str | None = None
    exemption: Kept | None = None
    reasoning: str | None = None


def records_to_bytes(records: Iterable[SourceRecord]) -> bytes:
    """Serialise records; the result is personal data and must be sealed at once."""
    return b"".join(records_to_lines(records))


def records_to_lines(records: Iterable[SourceRecord]) -> Iterator[bytes]:
    """Serialise records, one a line; each is personal data and to be sealed at once."""
    for record in records:
        yield canonical_json(_plain(record)) + b"\n"


def records_from_bytes(data: bytes) -> tuple[SourceRecord, ...]:
    """Read what `records_to_bytes` wrote."""
    return tuple(records_from_pieces((data,)))


def records_from_pieces(pieces: Iterable[bytes]) -> Iterator[SourceRecord]:
    """Read records one by one, from bytes that are cut anywhere.

    A list of all of them in one line, as it was sealed before, is read as well.
    """
    for line in _lines(pieces):
        raw = json.loads(line)
        for one in raw if isinstance(raw, list) else (raw,):
            yield _record(one)


def _plain(record: SourceRecord) -> JsonValue:
    return {
        "source": record.source,
        "record_id": record.record_id,
        "matched": [kind.value for kind in record.matched],
        **({"why": list(record.why)} if record.why else {}),
        **({"texts": _revealed(record.texts)} if record.texts else {}),
        **({"is_held": True} if record.is_held else {}),
        **({"exemption": record.exemption} if record.exemption else {}),
        **({"is_redacted": True} if record.is_redacted else {}),
        **({"is_former": True} if record.is_former else {}),
        "name": record.name.reveal() if record.name else None,
        "fields": _revealed(record.fields),
        "passages": [
            {
                "field": passage.field,
                "form": passage.form.value,
                "prompt": passage.prompt.reveal(),
                "answer": passage.answer.reveal(),
                "paraphrases": [text.reveal() for text in passage.paraphrases],
            }
            for passage in record.passages
        ],
    }


def _record(raw: Mapping[str, Any]) -> SourceRecord:
    return SourceRecord(
        source=raw["source"],
        record_id=raw["record_id"],
        matched=tuple(IdentifierKind(kind) for kind in raw["matched"]),
        why=tuple(raw.get("why", ())),
        texts={key: Personal(text) for key, text in raw.get("texts", {}).items()},
        is_held=raw.get("is_held", False),
        exemption=Kept(raw["exemption"]) if "exemption" in raw else None,
        is_redacted=raw.get("is_redacted", False),
        is_former=raw.get("is_former", False),
        name=Personal(raw["name"]) if raw["name"] else None,
        fields={key: Personal(value) for key, value in raw["fields"].items()},
        passages=tuple(
            Passage(
                field=passage["field"],
                form=Form(passage["form"]),
                prompt=Personal(passage["prompt"]),
                answer=Personal(passage["answer"]),
                paraphrases=tuple(map(Personal, passage["paraphrases"])),
            )
            for passage in raw["passages"]
        ),
    )


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    for piece in pieces:
        *whole, last = piece.split(b"\n")
        for line in whole:
            yield bytes(rest + line)
            rest.clear()
        rest += last
    if rest:
        yield bytes(rest)


def _revealed(values: Mapping[str, Personal[str]]) -> dict[str, JsonValue]:
    return {key: value.reveal() for key, value in values.items()}
