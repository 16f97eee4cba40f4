from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel
from support.databases import KINDS, migrated, postgres_schema
from support.domain import request_id

from unlearn_core.adapters.database.engine import MIGRATIONS, Database
from unlearn_core.adapters.database.holdings import DatabaseHoldings
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.retention import Kind
from unlearn_core.domain.transparency import matched

STEPS = [
    (str(script.down_revision or "base"), script.revision)
    for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()
][::-1]
every_kind = pytest.mark.parametrize("kind", KINDS)


@contextmanager
def empty(kind: str, folder: Path) -> Iterator[Database]:
    """Open a database without tables."""
    if kind == "sqlite":
        with closing(Database(f"sqlite:///{folder}/unlearn.db")) as database:
            yield database
        return
    with postgres_schema() as url, closing(Database(url)) as database:
        yield database


def described(database: Database) -> dict[str, str]:
    """Return everything about the tables of ours."""
    with database._engine.connect() as connection:
        seen = sa.inspect(connection)
        return {
            name: repr(
                (
                    seen.get_columns(name),
                    seen.get_pk_constraint(name),
                    seen.get_foreign_keys(name),
                    seen.get_indexes(name),
                    seen.get_unique_constraints(name),
                )
            )
            for name in seen.get_table_names()
            if name != "alembic_version"
        }


def upgrade(database: Database, revision: str) -> None:
    """Bring the schema to a version."""
    with database._writer.begin() as connection:
        command.upgrade(Database._alembic(connection), revision)


@every_kind
def test_the_migrations_make_exactly_the_declared_tables(
    kind: str, tmp_path: Path
) -> None:
    with migrated(kind, tmp_path) as database:
        assert described(database).keys() == SQLModel.metadata.tables.keys()
        with database._engine.connect() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, SQLModel.metadata) == []


@every_kind
def test_every_migration_can_be_taken_back_and_made_again(
    kind: str, tmp_path: Path
) -> None:
    """One step up, one down, and up again."""
    with empty(kind, tmp_path) as database:
        for earlier, later in STEPS:
            before = described(database)
            upgrade(database, later)
            after = described(database)
            assert after != before
            database.downgrade(earlier)
            assert described(database) == before
            upgrade(database, later)
            assert described(database) == after
        assert database.is_current()


Tables = dict[str, list[dict[str, object]]]


def rows(database: Database) -> Tables:
    """Return every row of every table of ours."""
    with database._engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(query).mappings()]
            for name, query in (
                (table.name, table.select().order_by(*table.primary_key.columns))
                for table in reflected(connection)
            )
        }


def reflected(connection: sa.Connection) -> list[sa.Table]:
    """Return the tables as they are, those that others refer to first."""
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def fill(database: Database) -> None:
    """Put two rows into every table that has none; the second entry is emptied."""
    with database._writer.begin() as connection:
        for table in reflected(connection):
            is_empty = connection.execute(table.select()).first() is None
            for number in (1, 2) if is_empty else ():
                row = {column.name: value(column, number) for column in table.columns}
                if table.name == "ledger_entry":
                    row["payload"] = {1: '{"count":1}', 2: "null"}[number]
                connection.execute(table.insert().values(row))


def value(column: sa.Column[object], number: int) -> object:
    """Return something that fits into a column; references are to the same number."""
    if isinstance(column.type, sa.LargeBinary):
        return bytes([number])
    if isinstance(column.type, sa.Integer):
        return number
    target = next(iter(column.foreign_keys), None)
    return f"{target.column.name if target else column.name} {number}"


def shared(one: Tables, other: Tables) -> Tables:
    """Return what of the rows has a place in the other ones as well."""
    return {
        name: [
            {key: row[key] for key in row if all(key in held for held in other[name])}
            for row in one[name]
        ]
        for name in one.keys() & other.keys()
    }


@every_kind
def test_rows_stay_on_every_step_up_down_and_up_again(
    kind: str, tmp_path: Path
) -> None:
    """What the older schema has a place for is never lost."""
    with empty(kind, tmp_path) as database:
        for _, later in STEPS:
            before = rows(database)
            upgrade(database, later)
            assert shared(before, rows(database)) == before
            fill(database)
            assert all(rows(database).values())
        highest = rows(database)
        for earlier, _ in STEPS[:0:-1]:
            above = rows(database)
            database.downgrade(earlier)
            below = rows(database)
            assert below == shared(above, below)
        assert below.keys() >= {"erasure_request", "ledger_entry", "wrapped_key"}
        for _, later in STEPS[1:]:
            upgrade(database, later)
        assert shared(rows(database), below) == shared(highest, below)
        assert rows(database).keys() == highest.keys()
        database.downgrade("base")
        assert rows(database) == {}


@every_kind
def test_leaves_that_are_made_again_fit_entries_and_emptied_ones(
    kind: str, tmp_path: Path
) -> None:
    with migrated(kind, tmp_path) as database:
        store = DatabaseRequestStore(database, clock=MemoryClock())
        store.note("first", {"count": 1}, request_id=request_id())
        store.note("second", {"count": 2}, request_id=request_id())
        DatabaseHoldings(database).delete(Kind.LEDGER_CONTENT, request_id())
        store.note("third", {"count": 3})
        database.downgrade("0001")
        database.upgrade()
        erased = [
            entry.is_erased for entry, _ in matched(store.entries(), store.leaves())
        ]
        assert erased == [True, True, False]
