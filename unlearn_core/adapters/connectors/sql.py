"""A table of an SQL database, through SQLAlchemy.

SQLite and PostgreSQL are tested. Deletion is one transaction; on SQLite the freed
pages are overwritten and the write-ahead log is emptied, so that the bytes are gone
from the files as well.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from unlearn_core.adapters.connectors.matching import (
    PeopleMatcher,
    search,
    search_each,
)
from unlearn_core.adapters.connectors.quoting import Quotes
from unlearn_core.adapters.connectors.redaction import Redactor
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


class SqlConnector:
    """Reads and erases rows of one table."""

    def __init__(self, spec: SourceSpec) -> None:
        if spec.table is None:
            raise InvalidDataMapError(source=spec.name, missing="table")
        self._spec = spec
        self._table_name = spec.table
        # Statements are never shown with their parameters.
        try:
            self._engine = sa.create_engine(
                spec.location, hide_parameters=True, poolclass=sa.NullPool
            )
        except (sa.exc.ArgumentError, ImportError):
            raise InvalidDataMapError(source=spec.name, problem="url") from None

    def describe(self) -> SourceDescription:
        """Say what the source is."""
        return self._spec.describe()

    def locate(self, subject: DataSubject) -> SearchResult:
        """Find every record that concerns the subject."""
        return search(self._rows(), subject, self._spec)

    def quoting(self, originals: Sequence[SourceRecord]) -> tuple[SourceRecord, ...]:
        """Return rows that quote others, if the data map asks for them."""
        if not self._spec.reviews_quotes:
            return ()
        return tuple(Quotes(originals).find(self._rows(), self._spec))

    def screen(self, screen: PeopleMatcher) -> tuple[SearchResult, ...]:
        """Compare every row with many people."""
        return search_each(self._rows(), screen, self._spec)

    def read(self) -> Iterator[SourceRecord]:
        """Yield every readable record."""
        for row in self._rows():
            if self._spec.can_read(row):
                yield self._spec.record(row)

    def identities(self) -> Iterator[Stated | None]:
        """Yield what each row states."""
        for row in self._rows():
            yield self._spec.stated(row)

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
            SourceUnreadableError: The table does not take what is left.
        """
        redactor = Redactor(subject, self._spec)
        try:
            with self._engine.connect() as connection:
                table = self._table(connection)
                if dry_run:
                    return len(self._changes(connection, table, record_ids, redactor))
                _overwrite_what_goes(connection)
                changes = self._changes(connection, table, record_ids, redactor)
                for before, after in changes:
                    self._update(connection, table, before, after)
                connection.commit()
                if connection.dialect.name == "sqlite":
                    self._empty_log(connection)
        except sa.exc.SQLAlchemyError:
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
    ) -> list[tuple[Row, Row]]:
        """Return rows as they are and as they become, of those that change."""
        query = sa.select(table).where(self._may_erase(table, record_ids))
        rows = [dict(row) for row in connection.execute(query).mappings()]
        empty = {
            column
            for column in self._spec.identifiers.values()
            if column in table.c and table.c[column].nullable
        }
        found: list[tuple[Row, Row]] = []
        for row in rows:
            after = redactor.redact(row)
            if after != row:
                gone = {key for key in empty if after[key] == redactor.mark}
                found.append((row, after | dict.fromkeys(gone)))
        return found

    def _update(
        self, connection: sa.Connection, table: sa.Table, before: Row, after: Row
    ) -> None:
        """Change one row, if it still is what was read."""
        changed = {name: after[name] for name in after if after[name] != before[name]}
        keys = {column.name for column in table.primary_key.columns}
        same = (table.c[name] == before[name] for name in (*keys, *changed))
        is_it = sa.and_(self._id(table) == str(before[self._spec.record_id]), *same)
        done = connection.execute(sa.update(table).where(is_it).values(changed))
        if done.rowcount < 1:
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

    def _rows(self) -> Iterator[dict[str, Any]]:
        try:
            with self._engine.connect() as connection:
                table = self._table(connection)
                query = sa.select(table).execution_options(yield_per=ROWS_AT_ONCE)
                for row in connection.execute(query).mappings():
                    yield dict(row)
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
