"""A source that is one file or many: the connector that all file formats share."""

from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from copy import copy
from dataclasses import replace
from itertools import chain
from typing import Self

from unlearn_core.adapters.connectors.formats import Edit, FileFormat
from unlearn_core.adapters.connectors.matching import (
    PeopleMatcher,
    Sifted,
    search_each,
)
from unlearn_core.adapters.connectors.near_copies import copies_of
from unlearn_core.adapters.connectors.partitions import (
    Columns,
    partition_columns,
    with_columns,
)
from unlearn_core.adapters.connectors.parts import (
    Divisible,
    Engine,
    Part,
    divided,
    together,
    whole,
)
from unlearn_core.adapters.connectors.redaction import Redactor
from unlearn_core.adapters.connectors.sieve import Sieve
from unlearn_core.adapters.connectors.specification import Row, SourceSpec
from unlearn_core.adapters.connectors.stored_files import Files
from unlearn_core.domain import spelling
from unlearn_core.domain.drop import Stated
from unlearn_core.domain.sources import SearchResult, SourceDescription, SourceRecord
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import SourceChangedError, SourceUnreadableError


class FilesConnector:
    """Reads and erases the records of files.

    A file that is of no known format counts as one unreadable record.
    Versions that a store keeps of replaced files are searched and erased as well.

    Args:
        spec: The source of the data map.
        files: Where the files are.
        form_of: The format of a file by its name, None if there is none.
    """

    def __init__(
        self,
        spec: SourceSpec,
        *,
        files: Files,
        form_of: Callable[[str], FileFormat | None],
    ) -> None:
        self._spec = spec
        self._files = files
        self._form_of = form_of
        self._engine: Engine | None = None

    def on(self, engine: Engine) -> Self:
        """Return the same source, whose parts are searched by an engine."""
        elsewhere = copy(self)
        elsewhere._engine = engine  # noqa: SLF001 - of a copy of this one
        return elsewhere

    def describe(self) -> SourceDescription:
        """Say what the source is."""
        return self._spec.describe()

    def locate(self, subject: DataSubject) -> SearchResult:
        """Find every record that concerns the subject."""
        return self.locate_each([subject])[0]

    def locate_each(self, subjects: Sequence[DataSubject]) -> tuple[SearchResult, ...]:
        """Find every record that concerns any of the subjects, in one pass."""
        if self._engine is not None:
            return self._search_on(self._engine, subjects)
        names = self._files.names()
        self._check_held(names)
        matcher = PeopleMatcher(subjects, self._spec)
        sieve = Sieve(matcher.needles)
        rows = self._sifted(whole(names), sieve, matcher)
        present = search_each(rows, matcher, self._spec)
        former = self._files.former()
        if not former:
            return present
        rows = self._sifted(whole(former), sieve, matcher)
        earlier = search_each(rows, matcher, self._spec)
        return tuple(map(_with_former, present, earlier))

    def parts(self, size: int) -> list[Part]:
        """Divide the present files: each of them, and runs of large ones.

        Args:
            size: Bytes of a run.
        """
        present = self._files.sizes().items()
        return list(
            chain.from_iterable(self._divided(*file, into=size) for file in present)
        )

    def locate_part(
        self, part: Part, subjects: Sequence[DataSubject]
    ) -> tuple[SearchResult, ...]:
        """Find every record of one part that concerns any of the subjects.

        Raises:
            SourceChangedError: The file was written to after it had been divided.
            SourceUnreadableError: It cannot be read.
        """
        if part.is_first and not part.is_former:
            self._check_held([part.name])
        matcher = PeopleMatcher(subjects, self._spec)
        rows = self._sifted([part], Sieve(matcher.needles), matcher)
        found = search_each(rows, matcher, self._spec)
        if part.span and self._files.state(part.name)[1] != part.span.mark:
            raise SourceChangedError(source=self._spec.name)
        return found

    def quoting(self, originals: Sequence[SourceRecord]) -> tuple[SourceRecord, ...]:
        """Return records that quote others, if the data map asks for them."""
        if not self._spec.reviews_quotes:
            return ()
        copies = copies_of(originals, self._spec)
        names = [*self._files.names(), *self._files.former()]
        if not copies.are_few:
            return tuple(copies.find(self._rows(names), self._spec))
        rows = self._sifted(whole(names), Sieve(copies))
        return tuple(copies.find(rows, self._spec))

    def screen(self, screen: PeopleMatcher) -> tuple[SearchResult, ...]:
        """Compare every record of the present files, without a sieve."""
        return search_each(self._rows(self._files.names()), screen, self._spec)

    def read(self) -> Iterator[SourceRecord]:
        """Yield every readable record of the present files."""
        for row in self._rows(self._files.names()):
            if row is not None and self._spec.can_read(row):
                yield self._spec.record(row)

    def identities(self) -> Iterator[Stated | None]:
        """Yield what each record of the present files states."""
        for row in self._rows(self._files.names()):
            yield None if row is None else self._spec.stated(row)

    def erase(self, record_ids: Collection[str], *, dry_run: bool) -> int:
        """Delete records by rewriting their files, former versions by removing them."""
        return self._apply(self._edit(record_ids), dry_run=dry_run)

    def confirm_absent(self, record_ids: Collection[str]) -> bool:
        """Read back and tell whether none of the records is left, here or beside."""
        return self._is_done(self._edit(record_ids))

    def redact(
        self, record_ids: Collection[str], subject: DataSubject, *, dry_run: bool
    ) -> int:
        """Redact records by rewriting their files; former versions are removed."""
        redactor = Redactor(subject, self._spec)
        try:
            return self._apply(self._edit(record_ids, redactor), dry_run=dry_run)
        except RecursionError:
            problem = "nested too deeply"
            raise SourceUnreadableError(
                source=self._spec.name, problem=problem
            ) from None

    def confirm_redacted(
        self, record_ids: Collection[str], subject: DataSubject
    ) -> bool:
        """Read back and tell whether none of them names the subject, here or beside."""
        return self._is_done(self._edit(record_ids, Redactor(subject, self._spec)))

    def held(self, record_ids: Collection[str]) -> frozenset[str]:
        """Return which of the records are on hold, here or in a former version.

        A former version that must stay holds everything that is in it.
        """
        if self._spec.held is None:
            return frozenset()
        former = self._files.former()
        marked = self._rows([*self._files.names(), *former])
        staying = self._rows(sorted(set(former) - set(self._removable())))
        return frozenset(record_ids).intersection(
            chain(self._spec.ids(marked, held_only=True), self._spec.ids(staying))
        )

    def shared(self, found: Mapping[str, int]) -> frozenset[str]:
        """Return identifiers that more present records have than were found."""
        ids = self._spec.ids(self._rows(self._files.names()))
        present = Counter(item for item in ids if item in found)
        return frozenset(item for item in present if present[item] > found[item])

    def _check_held(self, names: list[str]) -> None:
        """Make sure that some record of each file says whether it must stay.

        A file without records, or without any that can be read, says nothing wrong.
        """
        column = self._spec.held
        for name in names if column is not None else ():
            says = (column in row for row in self._rows_of(name) if row is not None)
            if not (next(says, True) or any(says)):
                raise SourceUnreadableError(
                    source=self._spec.name, missing_column=column
                )

    def _removable(self) -> list[str]:
        """Return former versions, but none that alone has a record on hold."""
        former = self._files.former()
        if self._spec.held is None or not former:
            return former
        held = {
            name: set(self._spec.ids(self._rows_of(name), held_only=True))
            for name in former
        }
        present = self._spec.ids(self._rows(self._files.names()))
        alone = set(chain(*held.values())).difference(present)
        return [name for name in former if not held[name] & alone]

    def _edit(
        self, record_ids: Collection[str], redactor: Redactor | None = None
    ) -> Edit:
        wanted = frozenset(record_ids)
        return Edit(
            concerns=lambda row: self._spec.may_erase(row, wanted), redactor=redactor
        )

    def _apply(self, edit: Edit, *, dry_run: bool) -> int:
        """Edit the files and return how many present records that changes."""
        present = self._count(self._files.names(), edit)
        if dry_run:
            return present.total()
        self._files.tidy()
        for name in present:
            self._rewrite(name, edit)
        for name in self._count(self._removable(), edit):
            self._files.remove(name)
        return present.total()

    def _is_done(self, edit: Edit) -> bool:
        names = [*self._files.names(), *self._removable()]
        return not self._count(names, edit) and not self._files.leftovers()

    def _rewrite(self, name: str, edit: Edit) -> None:
        form = self._form_of(name)
        if form is None or (form.is_one_record and edit.redactor is None):
            self._files.remove(name)
            return
        columns = self._columns(name, form)
        whole = replace(
            edit, concerns=lambda row: edit.concerns(with_columns(row, columns))
        )
        self._files.rewrite(name, lambda file, target: form.copy(file, target, whole))

    def _columns(self, name: str, form: FileFormat) -> Columns:
        """Return the columns that a file has by its name."""
        if not form.is_partitioned:
            return {}
        return partition_columns(name, self._spec.location)

    def _count(self, names: list[str], edit: Edit) -> Counter[str]:
        return Counter(
            name for name in names for row in self._rows_of(name) if edit.changes(row)
        )

    def _search_on(
        self, engine: Engine, subjects: Sequence[DataSubject]
    ) -> tuple[SearchResult, ...]:
        parts = self.parts(engine.part_bytes)
        present = together(engine.search(self._spec, parts, subjects))
        # Listed only now: what was replaced during the search has to be among them.
        former = whole(self._files.former(), is_former=True)
        if not former:
            return present
        earlier = together(engine.search(self._spec, former, subjects))
        return tuple(map(_with_former, present, earlier))

    def _divided(self, name: str, size: int, *, into: int) -> list[Part]:
        if size <= into or not isinstance(self._form_of(name), Divisible):
            return whole([name])
        # What was listed may have been written to since: size and mark go together.
        return divided(name, *self._files.state(name), into=into)

    def _sifted(
        self,
        parts: Iterable[Part],
        sieve: Sieve,
        matcher: PeopleMatcher | None = None,
    ) -> Iterator[Sifted]:
        """Yield what may pass a sieve, and all of a file whose own name may match."""
        for part in parts:
            form = self._form_of(part.name)
            if form is None:
                yield None
                continue
            columns = self._columns(part.name, form)
            if part.span is not None and isinstance(form, Divisible):
                form = form.within(part.span)
            is_named = matcher is not None and _names(columns, matcher)
            with self._files.open(part.name) as file:
                for row in form.rows(file) if is_named else form.sifted(file, sieve):
                    if row is None or isinstance(row, int):
                        yield row
                    else:
                        yield with_columns(row, columns)

    def _rows(self, names: list[str]) -> Iterator[Row | None]:
        for name in names:
            yield from self._rows_of(name)

    def _rows_of(self, name: str) -> Iterator[Row | None]:
        form = self._form_of(name)
        if form is None:
            yield None
            return
        columns = self._columns(name, form)
        with self._files.open(name) as file:
            for row in form.rows(file):
                yield row if row is None else with_columns(row, columns)


def _names(columns: Columns, matcher: PeopleMatcher) -> bool:
    """Tell whether folders name somebody, or a part of a name that goes on inside."""
    words = {word for value in columns.values() for word in spelling.words(value or "")}
    return bool(columns and matcher.match(columns)) or not words.isdisjoint(
        matcher.words
    )


def _with_former(present: SearchResult, earlier: SearchResult) -> SearchResult:
    """Add what only earlier versions of the files have."""
    known = {item.record_id for item in (*present.records, *present.doubtful)}
    return replace(
        present,
        records=present.records + _unknown(earlier.records, known),
        doubtful=present.doubtful + _unknown(earlier.doubtful, known),
        unreadable=present.unreadable + earlier.unreadable,
    )


def _unknown(
    records: tuple[SourceRecord, ...], known: set[str]
) -> tuple[SourceRecord, ...]:
    """Return records that the present files do not have, each once.

    Such a record goes with its version, whatever becomes of present ones.
    """
    found = {item.record_id: item for item in records if item.record_id not in known}
    return tuple(
        replace(item, is_former=True, is_redacted=False) for item in found.values()
    )
