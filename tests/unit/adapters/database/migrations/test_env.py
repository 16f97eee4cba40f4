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

from unlearn_core.adapters.database.engine import MIGRATIONS, Database

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
