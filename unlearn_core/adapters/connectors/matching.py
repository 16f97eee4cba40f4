"""Finds out whether a row concerns the subject, and by which identifiers.

- An identifier column matches if its canonical form equals the subject's.
- Everywhere else, text is searched for identifiers as whole words, in canonical
  form.
- A name alone, on a row whose other identifiers belong to somebody else, is
  probably a namesake: such a hit is *uncertain*. It is never erased by itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unlearn_core.adapters.connectors.specification import Row, SourceSpec
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import DataSubject, IdentifierKind, normalise

_SEARCHED_IN_TEXT = (
    IdentifierKind.NAME,
    IdentifierKind.EMAIL,
    IdentifierKind.CUSTOMER_NUMBER,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How a row matches.

    Attributes:
        kinds: Kinds of identifiers that match; empty if none does.
        is_certain: False for a name that other identifiers contradict.
    """

    kinds: tuple[IdentifierKind, ...]
    is_certain: bool


class SubjectMatcher:
    """Compares rows of one source with one subject."""

    def __init__(self, subject: DataSubject, spec: SourceSpec) -> None:
        self._spec = spec
        self._canonical: dict[IdentifierKind, set[str]] = {}
        for item in subject.identifiers:
            values = self._canonical.setdefault(item.kind, set())
            values.add(item.canonical.reveal())
        self._patterns = {
            kind: _whole_words(values)
            for kind, values in self._canonical.items()
            if kind in _SEARCHED_IN_TEXT
        }

    def match(self, row: Row) -> Match:
        """Compare one row."""
        found: set[IdentifierKind] = set()
        is_contradicted = False
        for kind, column in self._spec.identifiers.items():
            value = row.get(column)
            if value is None or kind not in self._canonical:
                continue
            if normalise(kind, str(value)) in self._canonical[kind]:
                found.add(kind)
            else:
                is_contradicted = True
        if not found:
            found = self._in_text(row)
        is_name_only = found <= {IdentifierKind.NAME}
        return Match(
            kinds=tuple(sorted(found)),
            is_certain=not (is_name_only and is_contradicted),
        )

    def _in_text(self, row: Row) -> set[IdentifierKind]:
        columns = set(self._spec.identifiers.values())
        free = {name: value for name, value in row.items() if name not in columns}
        text = normalise(IdentifierKind.NAME, " ".join(_strings(free)))
        return {
            kind for kind, pattern in self._patterns.items() if pattern.search(text)
        }


def search(
    rows: Iterable[Row | None], subject: DataSubject, spec: SourceSpec
) -> SearchResult:
    """Search rows for a subject; a row of None could not be read.

    A row that does not have the declared form counts as unreadable too: what it
    taught a model is not known.
    """
    matcher = SubjectMatcher(subject, spec)
    records, doubtful, searched, unreadable = [], [], 0, 0
    for row in rows:
        if row is None or not spec.can_read(row):
            unreadable += 1
            continue
        searched += 1
        match = matcher.match(row)
        if match.kinds and match.is_certain:
            records.append(spec.record(row, matched=match.kinds))
        elif match.kinds:
            doubtful.append(spec.record(row, matched=match.kinds))
    return SearchResult(
        source=spec.name,
        records=tuple(records),
        searched=searched,
        unreadable=unreadable,
        doubtful=tuple(doubtful),
    )


def _whole_words(values: set[str]) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(value.casefold()) for value in sorted(values))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield every text inside a row."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
