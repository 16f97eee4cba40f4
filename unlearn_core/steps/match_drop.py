"""Match: which records of the sources the lists of DROP are about.

The sources are read once for every `CHUNK` work items, and only records that match are
kept, so memory does not grow with the lists nor with the sources.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from unlearn_core import ports
from unlearn_core.domain.drop import DropRefusedError, FieldNames, WorkItem
from unlearn_core.domain.subjects import (
    DataSubject,
    IdentifierKind,
    SubjectIdentifier,
    parse_subject,
)
from unlearn_core.errors import InvalidIdentifierError, SourceUnreadableError
from unlearn_core.privacy import Personal

CHUNK = 200_000
"""Work items that are looked for at once."""


@dataclass(slots=True)
class Match:
    """What the sources say about a work item.

    Attributes:
        item: The item.
        values: Kind of identifier to the values that records state; canonical form to
            the value as it is written.
        records: How many records matched.
    """

    item: WorkItem
    values: dict[IdentifierKind, dict[Personal[str], Personal[str]]] = field(
        default_factory=dict
    )
    records: int = 0

    @property
    def is_shared(self) -> bool:
        """Tell whether records of several people have the identifier."""
        return len(self.values.get(IdentifierKind.NAME, ())) > 1

    def subject(self) -> DataSubject | None:
        """Return whom the item is about; None if records do not say enough."""
        told = {
            kind.value: [value.reveal() for value in values.values()]
            for kind, values in self.values.items()
        }
        try:
            return parse_subject(told)
        except InvalidIdentifierError:
            return None


def match_items(
    items: Iterable[WorkItem],
    *,
    sources: Sequence[ports.TellsIdentities],
    names: FieldNames,
) -> Iterator[tuple[WorkItem, Match | None]]:
    """Yield each work item with what matches it, in order.

    Raises:
        DropRefusedError: A list cannot be compared, because settings are missing.
        SourceUnreadableError: A record cannot be read or compared, so nothing can be
            ruled out.
    """
    rest = iter(items)
    while chunk := list(islice(rest, CHUNK)):
        found = _match(chunk, sources=sources, names=names)
        yield from ((item, found.get(item.item_id)) for item in chunk)


def _match(
    chunk: Sequence[WorkItem],
    *,
    sources: Sequence[ports.TellsIdentities],
    names: FieldNames,
) -> dict[str, Match]:
    wanted: defaultdict[tuple[str, str], list[WorkItem]] = defaultdict(list)
    for item in chunk:
        if missing := names.missing(item.list_type):
            setting = f"UNLEARN_DROP__{missing[0].upper()}"
            raise DropRefusedError(list=item.list_type.value, missing=setting)
        wanted[item.list_type, item.digest].append(item)
    found: dict[str, Match] = {}
    for source in sources:
        unreadable = 0
        for stated in source.identities():
            if stated is None or stated.cannot_be_compared(names):
                unreadable += 1
                continue
            for key in stated.digests(names):
                for item in wanted.get(key, ()):
                    match = found.setdefault(item.item_id, Match(item))
                    _add(match, stated.identifiers)
        if unreadable:
            raise SourceUnreadableError(
                source=source.describe().name, unreadable=unreadable
            )
    return found


def _add(match: Match, identifiers: Mapping[IdentifierKind, Personal[str]]) -> None:
    match.records += 1
    for kind, value in identifiers.items():
        canonical = SubjectIdentifier(kind=kind, value=value).canonical
        match.values.setdefault(kind, {}).setdefault(canonical, value)
