"""Recipients of personal data, and what becomes of telling them (GDPR Art. 19).

Whoever was given records, or a model that learned from them, is told of their erasure,
unless that is impossible or takes a disproportionate effort. What the ledger says is
the whole truth about it: who was concerned, who was told, and who decided otherwise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.errors import PolicyError

NOTICE = "recipient_notice"
"""Name of the message that tells a recipient."""

CHANNEL = "recipient-"
NOTICE_TYPE = "application/vnd.unlearn.recipient-notice+json"
CONCERNED = "recipients_concerned"
SETTLED = "recipient_settled"


class InvalidRecipientsError(PolicyError):
    """The register of recipients cannot be used."""

    code = "invalid_recipients"
    summary = "the register of recipients is invalid"
    next_step = "Correct the entry that is named, then: unlearn recipients list."


class RecipientRefusedError(PolicyError):
    """Nothing can be decided about telling a recipient."""

    code = "recipient_refused"
    summary = "nothing was decided about this recipient"
    next_step = "Look who was concerned with: unlearn recipients told REQUEST."


class RecipientKind(StrEnum):
    """What a recipient has from us."""

    TENANT = "tenant"
    PROCESSOR = "processor"
    SHARER = "sharer"
    WEIGHTS = "weights"


class Enclosure(StrEnum):
    """What a notice encloses, sealed for its recipient alone."""

    NOTHING = "nothing"
    RECORDS = "records"
    IDENTIFIERS = "identifiers"


class Settlement(StrEnum):
    """Why a recipient gets no notice from us, or none any more."""

    TOLD_OTHERWISE = "told_otherwise"
    IMPOSSIBLE = "impossible"
    DISPROPORTIONATE = "disproportionate"


class Telling(StrEnum):
    """How far the telling of one recipient has come."""

    WAITING = "waiting"
    TOLD = "told"
    BOUNCED = "bounced"
    ABANDONED = "abandoned"
    TOLD_OTHERWISE = "told_otherwise"
    IMPOSSIBLE = "impossible"
    DISPROPORTIONATE = "disproportionate"

    @property
    def is_open(self) -> bool:
        """Tell whether a recipient has not been told, and nobody decided about it."""
        return self in {Telling.WAITING, Telling.BOUNCED, Telling.ABANDONED}


_ENDS: Mapping[str, Telling] = {
    "message_sent": Telling.TOLD,
    "message_bounced": Telling.BOUNCED,
    "message_abandoned": Telling.ABANDONED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision about every notice to one recipient.

    Attributes:
        settlement: Why there is none.
        officer: Who decided it.
    """

    settlement: Settlement
    officer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody who has received personal data.

    Attributes:
        name: Code name; it stands in the ledger.
        kind: What they have from us.
        sources: Sources whose records they have received.
        base_models: Models whose weights they have received.
        since: First day on which they received anything.
        way: ``email`` or ``webhook``; empty if they cannot be reached.
        encloses: What a notice to them encloses.
        decided: Why they get no notices; None if they do.
    """

    name: str
    kind: RecipientKind
    sources: frozenset[str]
    base_models: frozenset[str]
    since: date
    way: str = ""
    encloses: Enclosure = Enclosure.NOTHING
    decided: Decided | None = None

    @property
    def channel(self) -> str:
        """Return the name of the way to them in the outbox."""
        return CHANNEL + self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one recipient reads about one erasure; names nobody in the open.

    Attributes:
        sources: Records erased by source, of those that they have received.
        base_model: Model whose weights they have; empty if they have none.
        erased_on: Day of the erasure.
        sealed: What only they can open, a JWE; empty if nothing is enclosed.
    """

    sources: Mapping[str, int]
    base_model: str
    erased_on: date
    sealed: str = ""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the notice as JSON."""
        return {
            "sources": dict(self.sources),
            "base_model": self.base_model,
            "erased_on": self.erased_on.isoformat(),
            "sealed": self.sealed,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, JsonValue]) -> "Notice":
        """Read a notice that we have written."""
        sources = raw["sources"]
        assert isinstance(sources, Mapping)  # noqa: S101 - our own sealed form
        return cls(
            sources={name: int(str(count)) for name, count in sources.items()},
            base_model=str(raw["base_model"]),
            erased_on=date.fromisoformat(str(raw["erased_on"])),
            sealed=str(raw["sealed"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One recipient of what a request has erased.

    Attributes:
        name: Code name.
        sources: Sources from which they have records that were erased.
        base_model: Model whose weights they have; empty if they have none.
        telling: How far it has come.
        reason: Code of why a notice did not arrive; empty if none failed.
        officer: Who decided that no notice is needed; empty if nobody did.
    """

    name: str
    sources: tuple[str, ...]
    base_model: str
    telling: Telling = Telling.WAITING
    reason: str = ""
    officer: str = ""

    def to_json(self) -> dict[str, JsonValue]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "sources": list(self.sources),
            "base_model": self.base_model,
            "telling": self.telling.value,
            "officer": self.officer,
        }


def concerned(
    recipients: Iterable[Recipient],
    *,
    sources: Iterable[str],
    base_model: str,
    on: date,
) -> tuple[Told, ...]:
    """Return who has received what was erased, by name.

    Args:
        recipients: The register.
        sources: Sources from which records were erased.
        base_model: The model that the request concerns; empty if it was trained on none
            of the sources.
        on: Day of the erasure; who receives something later receives what is left.
    """
    erased = frozenset(sources)
    return tuple(
        Told(
            name=item.name,
            sources=tuple(sorted(item.sources & erased)),
            base_model=base_model if base_model in item.base_models else "",
            telling=(
                Telling(item.decided.settlement) if item.decided else Telling.WAITING
            ),
            officer=item.decided.officer if item.decided else "",
        )
        for item in sorted(recipients, key=lambda item: item.name)
        if erased
        and item.since <= on
        and (item.sources & erased or base_model in item.base_models)
    )


def read_recipients(entries: Iterable[LedgerEntry]) -> tuple[Told, ...]:
    """Return the recipients of a request as its entries tell, by name."""
    told: dict[str, Told] = {}
    ended: dict[str, Mapping[str, JsonValue]] = {}
    for entry in entries:
        said = entry.payload
        if entry.is_erased:
            continue
        if entry.event == CONCERNED:
            told = {item.name: item for item in _read(said)}
        elif entry.event == SETTLED:
            ended[str(said["recipient"])] = {
                "telling": said["settlement"],
                "officer": said["officer"],
            }
        elif entry.event in _ENDS and said.get("template") == NOTICE:
            name = str(said["channel"]).removeprefix(CHANNEL)
            ended[name] = {
                "telling": _ENDS[entry.event].value,
                "reason": said["reason"],
            }
    return tuple(_ended(item, ended.get(item.name)) for item in told.values())


def counted(told: Iterable[Told]) -> dict[str, int]:
    """Return how many recipients have come how far."""
    counts: dict[str, int] = {}
    for item in told:
        counts[item.telling.value] = counts.get(item.telling.value, 0) + 1
    return dict(sorted(counts.items()))


def _ended(told: Told, end: Mapping[str, JsonValue] | None) -> Told:
    if end is None:
        return told
    return replace(
        told,
        telling=Telling(str(end["telling"])),
        reason=str(end.get("reason", "")),
        officer=str(end.get("officer", "")),
    )


def _read(said: Mapping[str, JsonValue]) -> Iterable[Told]:
    listed = said["recipients"]
    assert isinstance(listed, list)  # noqa: S101 - our own entry
    for raw in listed:
        assert isinstance(raw, Mapping)  # noqa: S101 - our own entry
        sources = raw["sources"]
        assert isinstance(sources, list)  # noqa: S101 - our own entry
        yield Told(
            name=str(raw["name"]),
            sources=tuple(map(str, sources)),
            base_model=str(raw["base_model"]),
            telling=Telling(str(raw["telling"])),
            officer=str(raw["officer"]),
        )
