"""A table of an SQL database, through SQLAlchemy.

SQLite and PostgreSQL are tested. Deletion is one transaction; on SQLite the freed
pages are overwritten and the write-ahead log is emptied, so that the bytes are gone
from the files as well.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from unlearn_core.adapters.connectors.matching import PeopleMatcher, search_each
from unlearn_core.adapters.connectors.near_copies import copies_of
from unlearn_core.adapters.connectors.reading import json_value
from unlearn_core.adapters.connectors.redaction import Redactor
from unlearn_core.adapters.connectors.rewriting import rewritten
from unlearn_core.adapters.connectors.specification import NOT_HELD, Row, SourceSpec
from unlearn_core.domain.drop import Stated
from unlearn_core.domain.sources import SearchResult, SourceDescription, SourceRecord
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import (
    InvalidDataMapError,
    SourceChangedError,
    SourceUnreadableError,
)

ROWS_AT_ONCE = 1000

_AS_TEXT = "record id as text"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A row that is redacted.

    Attributes:
        before: The row as it is.
        after: The row as it becomes.
        texts: What its columns of JSON say, as text.
    """

    before: Row
    after: Row
    texts: Mapping[str, str | None]

    @property
    def changed(self) -> list[str]:
        """Return the columns that change."""
        return [name for name in self.after if self.after[name] != self.before[name]]

    def said(self, name: str) -> Any:  # noqa: ANN401 - any value of a row
        """Return what a column says as it is; of one of JSON, sign by sign."""
        return self.texts[name] if name in self.texts else self.before[name]


class SqlConnector:
    """Reads and erases rows of one table."""

    def __init__(self, spec: SourceSpec) -> None:
        if spec.table is None:
            raise InvalidDataMapError(source=spec.name, missing="table")
        self._spec = spec
        self._table_name = spec.table
        # Statements are never shown with their parameters.
        try:
            self._engine = _engine(spec.location)
        except (sa.exc.ArgumentError, ImportError):
            raise InvalidDataMapError(source=spec.name, problem="url") from None

    def describe(self) -> SourceDescription:
        """Say what the source is."""
        return self._spec.describe()

    def locate(self, subject: DataSubject) -> SearchResult:
        """Find every record that concerns the subject."""
        return self.locate_each([subject])[0]

    def locate_each(self, subjects: Sequence[DataSubject]) -> tuple[SearchResult, ...]:
        """Find every record that concerns any of the subjects, in one pass."""
        return self.screen(PeopleMatcher(subjects, self._spec))

    def quoting(self, originals: Sequence[SourceRecord]) -> tuple[SourceRecord, ...]:
        """Return rows that quote others, if the data map asks for them."""
        if not self._spec.reviews_quotes:
            return ()
        return tuple(copies_of(originals, self._spec).find(self._rows(), self._spec))

    def screen(self, screen: PeopleMatcher) -> tuple[SearchResult, ...]:
        """Compare every row with many people."""
        return search_each(self._rows(), screen, self._spec)

    def read(self) -> Iterator[SourceRecord]:
        """Yield every readable record."""
        for row in self._rows():
            if row is not None and self._spec.can_read(row):
                yield self._spec.record(row)

    def identities(self) -> Iterator[Stated | None]:
        """Yield what each row states."""
        for row in self._rows():
            yield None if row is None else self._spec.stated(row)

    def erase(self, record_ids: Collection[str], *, dry_run: bool) -> int:
        """Delete rows in one transaction."""
        present = self._count(record_ids)
        if dry_run:
            return present
        try:
            with self._engine.connect() as connection:
                is_sqlite = connection.dialect.name == "sqlite"
                if present:
                    _overwrite_what_goes(connection)
                    table = self._table(connection)
                    connection.execute(
                        sa.delete(table).where(self._may_erase(table, record_ids))
                    )
                    connection.commit()
                if is_sqlite:
                    self._empty_log(connection)
        except sa.exc.SQLAlchemyError:
            raise SourceUnreadableError(source=self._spec.name) from None
        return present

    def redact(
        self, record_ids: Collection[str], subject: DataSubject, *, dry_run: bool
    ) -> int:
        """Redact rows in one transaction.

        A value that identifies the subject becomes empty where the table allows it.

        Raises:
            SourceChangedError: Somebody else wrote to a row meanwhile; nothing is done.
            SourceUnreadableError: The table does not take what is left, or a value is
                nested too deeply.
        """
        redactor = Redactor(subject, self._spec)
        try:
            with self._engine.connect() as connection:
                table = self._table(connection)
                if dry_run:
                    return len(self._changes(connection, table, record_ids, redactor))
                _overwrite_what_goes(connection)
                changes = self._changes(connection, table, record_ids, redactor)
                self._update(connection, table, changes)
                connection.commit()
                if connection.dialect.name == "sqlite":
                    self._empty_log(connection)
        except (sa.exc.SQLAlchemyError, RecursionError):
            raise SourceUnreadableError(source=self._spec.name) from None
        return len(changes)

    def confirm_redacted(
        self, record_ids: Collection[str], subject: DataSubject
    ) -> bool:
        """Read back and tell whether none of the rows names the subject."""
        return self.redact(record_ids, subject, dry_run=True) == 0

    def _changes(
        self,
        connection: sa.Connection,
        table: sa.Table,
        record_ids: Collection[str],
        redactor: Redactor,
    ) -> list[_Change]:
        """Return rows as they are and as they become, of those that change."""
        texts = {
            column.name: _as_text(column).label(f"{column.name} as text")
            for column in table.columns
            if isinstance(column.type, sa.JSON)
        }
        query = sa.select(table, self._label(table), *texts.values()).where(
            self._may_erase(table, record_ids)
        )
        found = map(self._named, connection.execute(query).mappings())
        rows = [row for row in found if row is not None]
        empty = {
            column
            for column in self._spec.identifiers.values()
            if column in table.c and table.c[column].nullable
        }
        changes: list[_Change] = []
        for row in rows:
            told = {name: row.pop(label.name) for name, label in texts.items()}
            after = redactor.redact(row)
            if after != row:
                gone = {key for key in empty if after[key] == redactor.mark}
                after |= dict.fromkeys(gone)
                changes.append(_Change(before=row, after=after, texts=told))
        return changes

    def _update(
        self, connection: sa.Connection, table: sa.Table, changes: Sequence[_Change]
    ) -> None:
        """Change rows, if they still are what was read.

        Rows that nothing tells apart are changed by one statement, and those of which
        most changes first, because another statement could take them for its own.
        """
        keys = table.primary_key.columns.keys()
        keys = [name for name in keys if name != self._spec.record_id]
        done: set[str] = set()
        for change in sorted(changes, key=lambda item: -len(item.changed)):
            names = [self._spec.record_id, *keys, *change.changed]
            values = _changed_values(
                table, change, is_sqlite=connection.dialect.name == "sqlite"
            )
            what = repr([(change.said(name), change.after[name]) for name in names])
            if what in done:
                continue
            done.add(what)
            is_it = sa.and_(
                self._may_erase(table, [str(change.before[self._spec.record_id])]),
                *(_is_still(table.c[name], change) for name in names[1:]),
            )
            updated = connection.execute(sa.update(table).where(is_it).values(values))
            if updated.rowcount < 1:
                raise SourceChangedError(source=self._spec.name)

    def _empty_log(self, connection: sa.Connection) -> None:
        """Empty SQLite's write-ahead log; also after an attempt that could not.

        Raises:
            SourceUnreadableError: Somebody is still reading the rows as they were.
        """
        checkpoint = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        if checkpoint.scalar_one():
            raise SourceUnreadableError(source=self._spec.name, problem="in use")

    def confirm_absent(self, record_ids: Collection[str]) -> bool:
        """Read back and tell whether none of the records is left."""
        return self._count(record_ids) == 0

    def held(self, record_ids: Collection[str]) -> frozenset[str]:
        """Return which of the records are on hold."""
        if self._spec.held is None:
            return frozenset()
        try:
            with self._engine.connect() as connection:
                table = self._table(connection)
                is_held = sa.not_(self._is_free(table))
                query = sa.select(self._id(table)).where(
                    self._is_one_of(table, record_ids), is_held
                )
                return frozenset(connection.execute(query).scalars())
        except sa.exc.SQLAlchemyError:
            raise SourceUnreadableError(source=self._spec.name) from None

    def shared(self, found: Mapping[str, int]) -> frozenset[str]:
        """Return identifiers that more rows have than were found."""
        try:
            with self._engine.connect() as connection:
                table = self._table(connection)
                query = (
                    sa.select(self._id(table), sa.func.count())
                    .where(self._is_one_of(table, found))
                    .group_by(self._id(table))
                )
                present = connection.execute(query).all()
        except sa.exc.SQLAlchemyError:
            raise SourceUnreadableError(source=self._spec.name) from None
        return frozenset(item for item, count in present if count > found[item])

    def _count(self, record_ids: Collection[str]) -> int:
        try:
            with self._engine.connect() as connection:
                table = self._table(connection)
                query = (
                    sa.select(sa.func.count())
                    .select_from(table)
                    .where(self._may_erase(table, record_ids))
                )
                return int(connection.execute(query).scalar_one())
        except sa.exc.SQLAlchemyError:
            raise SourceUnreadableError(source=self._spec.name) from None

    def _rows(self) -> Iterator[dict[str, Any] | None]:
        try:
            with self._engine.connect() as connection:
                table = self._table(connection)
                query = sa.select(table, self._label(table))
                rows = connection.execute(
                    query.execution_options(yield_per=ROWS_AT_ONCE)
                )
                yield from map(self._named, rows.mappings())
        except sa.exc.SQLAlchemyError:
            raise SourceUnreadableError(source=self._spec.name) from None

    def _table(self, connection: sa.Connection) -> sa.Table:
        table = sa.Table(self._table_name, sa.MetaData(), autoload_with=connection)
        for name in (self._spec.record_id, self._spec.held):
            if name is not None and name not in table.c:
                raise SourceUnreadableError(source=self._spec.name, missing_column=name)
        return table

    def _may_erase(
        self, table: sa.Table, record_ids: Collection[str]
    ) -> sa.ColumnElement[bool]:
        return self._is_one_of(table, record_ids) & self._is_free(table)

    def _is_one_of(
        self, table: sa.Table, record_ids: Collection[str]
    ) -> sa.ColumnElement[bool]:
        return self._id(table).in_(list(record_ids))

    def _named(self, row: sa.RowMapping) -> dict[str, Any] | None:
        """Return a row under the name by which it is erased; None if it has none.

        The database may write what identifies a row otherwise than Python does, such
        as a date, a truth value or a large number.
        """
        told: dict[str, Any] = dict(row)
        name = told.pop(_AS_TEXT)
        if name is None:
            return None
        if str(told[self._spec.record_id]) != name:
            told[self._spec.record_id] = name
        return told

    def _label(self, table: sa.Table) -> sa.Label[str]:
        return self._id(table).label(_AS_TEXT)

    def _id(self, table: sa.Table) -> sa.ColumnElement[str]:
        return sa.cast(table.c[self._spec.record_id], sa.String)

    def _is_free(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """Tell whether nothing holds a row."""
        if self._spec.held is None:
            return sa.true()
        held = sa.cast(table.c[self._spec.held], sa.String)
        said = sa.func.lower(sa.func.trim(sa.func.coalesce(held, "")))
        return said.in_(sorted(NOT_HELD))


def _overwrite_what_goes(connection: sa.Connection) -> None:
    """Make SQLite overwrite the pages that it frees."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
        connection.commit()


def _engine(location: str) -> sa.Engine:
    try:
        return sa.create_engine(
            location,
            hide_parameters=True,
            poolclass=sa.NullPool,
            json_deserializer=_parsed,
        )
    except TypeError:  # a database without columns of JSON
        return sa.create_engine(location, hide_parameters=True, poolclass=sa.NullPool)


def _parsed(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return what JSON says; of what Python cannot read the text, which is searched."""
    try:
        return json_value(text)
    except (ValueError, RecursionError):
        # psycopg gives bytes, in which nothing would be looked for.
        return text if isinstance(text, str) else text.decode(errors="replace")


def _as_text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    """Return what a column of JSON says, number by number as it is there."""
    return sa.cast(column, sa.Text)


def _is_still(column: sa.Column[Any], change: _Change) -> sa.ColumnElement[bool]:
    now = _as_text(column) if column.name in change.texts else column
    is_same: sa.ColumnElement[bool] = now == change.said(column.name)
    return is_same


def _changed_values(
    table: sa.Table, change: _Change, *, is_sqlite: bool
) -> dict[str, Any]:
    """Return the new values; JSON keeps what does not change in it sign by sign."""
    values: dict[str, Any] = {}
    for name in change.changed:
        before, after = change.before[name], change.after[name]
        text = change.texts.get(name)
        if text is None or after is None:
            values[name] = sa.null() if after is None else after
            continue
        is_json = before != text
        if is_json:
            after = rewritten(text, before, after, is_escaped=text.isascii())
        said = sa.literal(after, sa.Text)
        # SQLite keeps JSON as text, and would make a number of it by a cast.
        values[name] = said if is_sqlite else sa.cast(said, table.c[name].type)
    return values
