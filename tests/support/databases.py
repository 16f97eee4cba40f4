"""Migrated databases, each fresh: SQLite always, PostgreSQL where there is one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
import sqlalchemy as sa

from unlearn_core.adapters.database.engine import Database

POSTGRES_URL = "UNLEARN_TEST_POSTGRES_URL"


def open_sqlite(folder: Path) -> Database:
    """Return a database in a folder; the migrations were run once for all tests."""
    path = folder / "unlearn.db"
    path.write_bytes(_migrated_file())
    return Database(f"sqlite:///{path}")


@contextmanager
def postgres_schema() -> Iterator[str]:
    """Give the address of an empty schema of its own, or skip the test."""
    url = os.environ.get(POSTGRES_URL)
    if url is None:
        pytest.skip(f"{POSTGRES_URL} is not set")
    schema = f"test_{uuid4().hex}"
    server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    try:
        address = sa.make_url(url).update_query_dict(
            {"options": f"-csearch_path={schema}"}
        )
        yield address.render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(sa.schema.DropSchema(schema, cascade=True))
        server.dispose()


@contextmanager
def migrated(kind: str, folder: Path) -> Iterator[Database]:
    """Open a fresh ``sqlite`` or ``postgres`` database with all tables."""
    if kind == "sqlite":
        database = open_sqlite(folder)
        yield database
        database.close()
        return
    with postgres_schema() as url:
        database = Database(url)
        database.upgrade()
        yield database
        database.close()


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "unlearn.db"
        database = Database(f"sqlite:///{path}")
        database.upgrade()
        database.close()
        return path.read_bytes()
