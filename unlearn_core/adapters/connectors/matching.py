"""Finds out whom a row concerns, and by which identifiers.

- The value of an identifier column is compared in canonical form.
- Everywhere else, text is searched for identifiers as whole words, in every spelling
  that `spelling` knows. A whole number outside lists of numbers is read as text, and so
  is a key of an object that the data map does not name.
- A name is shared by namesakes, so alone it is *uncertain*. Where the source says that
  a name decides, it is only if the row's other identifiers belong to somebody else, if
  it is shortened, or if it is turned among other words. So is a handle or a number that
  may be an ordinary one, such as any that is kept as a number. What is uncertain is
  never erased by itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

from unlearn_core.adapters.connectors.specification import Row, SourceSpec
from unlearn_core.domain import spelling
from unlearn_core.domain.needles import Found, Needles
from unlearn_core.domain.sources import Hit, SearchResult, SourceRecord, Spelling
from unlearn_core.domain.subjects import DataSubject, IdentifierKind

TEXT = "text"
KEY = "a key"
"""Of an object: what names somebody may be the name of a value."""

KEPT, LONGEST_KEPT = 1 << 12, 256
"""Keys of which is remembered whom they name, and signs of one; most are the same in
every row."""

_WEAK = frozenset(
    {Spelling.SHORTENED, Spelling.INITIALS, Spelling.TURNED, Spelling.WORD}
)

Sifted = Row | int | None
"""A row, a number of rows that concern nobody, or a row that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How a row matches one person.

    Attributes:
        hits: Why it matches, sorted; empty if it does not.
        is_certain: False for what may be somebody else's, or an ordinary word.
        columns: Columns in which it matches.
    """

    hits: tuple[Hit, ...] = ()
    is_certain: bool = True
    columns: frozenset[str] = frozenset()

    @property
    def kinds(self) -> tuple[IdentifierKind, ...]:
        """Return the kinds of identifiers that match, sorted."""
        return tuple(sorted({hit.kind for hit in self.hits}))


class Finder(Protocol):
    """Finds who is identified by something."""

    def in_column(self, kind: IdentifierKind, value: str) -> Iterator[Found]:
        """Find who is identified by the value of an identifier column."""
        ...

    def in_text(self, text: str) -> Iterator[Found]:
        """Find who is identified by something in a text."""
        ...

    def in_parts(self, values: Sequence[str]) -> Iterator[Found]:
        """Find names whose parts are the values of two columns side by side."""
        ...


@dataclass(slots=True)
class _Hits:
    """Why a row matches, and in which columns, by the number of the person."""

    why: defaultdict[int, set[Hit]] = field(default_factory=lambda: defaultdict(set))
    columns: defaultdict[int, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def note(
        self, found: Iterable[Found], *, place: str, columns: Iterable[str]
    ) -> None:
        """Take in what was found in one place."""
        for person, kind, how in found:
            self.why[person].add(Hit(kind=kind, spelling=how, place=place))
            self.columns[person].update(columns)


class PeopleMatcher:
    """Compares rows of one source with one person or many.

    Attributes:
        people: How many there are.
        words: The words of their names.
        needles: Their identifiers.
        finder: Finds them.
        kinds: Kinds of identifiers that are known of each.
    """

    def __init__(self, people: Sequence[DataSubject], spec: SourceSpec) -> None:
        self._spec = spec
        self._columns = set(spec.identifiers.values())
        self.kinds = [
            frozenset(item.kind for item in subject.identifiers) for subject in people
        ]
        self.people = len(people)
        needles = Needles(people)
        self.words = needles.words
        self.needles = needles
        self.finder: Finder = needles
        self._known = spec.columns
        self._in_key = lru_cache(KEPT)(lambda key: tuple(self.finder.in_text(key)))

    def match(self, row: Row) -> Mapping[int, Match]:
        """Compare one row; return the people that it concerns, by their number."""
        found = _Hits()
        for kind, column in self._spec.identifiers.items():
            if (value := row.get(column)) is not None:
                said = spelling.whole_number(value) or str(value)
                hits = self.finder.in_column(kind, said)
                found.note(hits, place=column, columns=[column])
        texts = [
            (name, text)
            for name in row
            if name not in self._columns
            for text in _strings(row[name])
        ]
        for name, text in texts:
            found.note(self.finder.in_text(text), place=TEXT, columns=[name])
        for name in set(row) - self._columns:
            for number in _numbers(row[name]):
                hits = _as_words(self.finder.in_text(number))
                found.note(hits, place=TEXT, columns=[name])
        for key in set(_keys(row)) - self._known:
            # It goes with the record or not at all.
            look = self._in_key if len(key) <= LONGEST_KEPT else self.finder.in_text
            found.note(look(key), place=KEY, columns=[self._spec.record_id])
        for (name, text), (beside, other) in pairwise(texts):
            parts = self.finder.in_parts((text, other))
            found.note(parts, place=TEXT, columns=[name, beside])
        return {
            person: Match(
                hits=tuple(sorted(why, key=str)),
                is_certain=self._is_certain(row, person, why),
                columns=frozenset(found.columns[person]),
            )
            for person, why in found.why.items()
        }

    def _is_certain(self, row: Row, person: int, why: set[Hit]) -> bool:
        strong = {hit.kind for hit in why if hit.spelling not in _WEAK}
        if strong - {IdentifierKind.NAME}:
            return True
        if self._spec.reviews_names or not strong:
            return False
        agreed = {hit.place for hit in why}
        return not any(
            kind in self.kinds[person] and column not in agreed
            for kind, column in self._spec.identifiers.items()
            if row.get(column) is not None
        )


@dataclass(slots=True)
class _Tally:
    """What a search has found of one person so far."""

    certain: list[SourceRecord] = field(default_factory=list)
    doubtful: list[SourceRecord] = field(default_factory=list)


def apart(
    certain: Iterable[SourceRecord], doubtful: Sequence[SourceRecord]
) -> tuple[tuple[SourceRecord, ...], tuple[SourceRecord, ...]]:
    """Return what is certain and what is doubtful.

    Records are erased by their identifiers, so whatever shares one with a doubtful
    record is doubtful too.
    """
    unsure = {record.record_id for record in doubtful}
    sure: list[SourceRecord] = []
    shared: list[SourceRecord] = []
    for record in certain:
        (shared if record.record_id in unsure else sure).append(record)
    return tuple(sure), (*doubtful, *shared)


def search(
    rows: Iterable[Sifted], subject: DataSubject, spec: SourceSpec
) -> SearchResult:
    """Search rows for one person, as `search_each` does for many."""
    return search_each(rows, PeopleMatcher([subject], spec), spec)[0]


def search_each(
    rows: Iterable[Sifted], matcher: PeopleMatcher, spec: SourceSpec
) -> tuple[SearchResult, ...]:
    """Search rows for people, in one pass.

    A row that does not have the declared form counts as unreadable too: what it
    taught a model is not known.

    Returns:
        A result per person, in their order.
    """
    tallies = [_Tally() for _ in range(matcher.people)]
    searched = unreadable = 0
    for row in rows:
        if isinstance(row, int):
            searched += row
        elif row is None or not spec.can_read(row):
            unreadable += 1
        else:
            searched += 1
            for person, match in matcher.match(row).items():
                tally = tallies[person]
                kept = tally.certain if match.is_certain else tally.doubtful
                kept.append(
                    spec.record(
                        row,
                        matched=match.kinds,
                        why=map(str, match.hits),
                        columns=match.columns,
                    )
                )
    return tuple(
        SearchResult(
            source=spec.name,
            records=certain,
            searched=searched,
            unreadable=unreadable,
            doubtful=doubtful,
        )
        for certain, doubtful in (
            apart(tally.certain, tally.doubtful) for tally in tallies
        )
    )


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


def _keys(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield the name of every value inside a row that is not empty."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if item is not None and item != "":
                yield str(key)
                yield from _keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _keys(item)


def _numbers(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield every whole number inside a row; one of a list of numbers tells nothing."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, Mapping | list | tuple):
                yield from _numbers(item)
    elif number := spelling.whole_number(value):
        yield number


def _as_words(found: Iterable[Found]) -> Iterator[Found]:
    """Yield what was found, as uncertain as an ordinary word."""
    for person, kind, _ in found:
        yield person, kind, Spelling.WORD
