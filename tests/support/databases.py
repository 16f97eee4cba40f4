"""Migrated databases, each fresh: SQLite always, PostgreSQL where there is one."""

import atexit
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
import sqlalchemy as sa

from unlearn_core.adapters.database.engine import Database
from unlearn_core.local.postgres import PostgresMissingError, running_postgres

POSTGRES_URL = "UNLEARN_TEST_POSTGRES_URL"
POSTGRES = pytest.param("postgres", marks=pytest.mark.integration)
KINDS = ["sqlite", POSTGRES]
"""The databases that everything must work on."""


def open_sqlite(folder: Path) -> Database:
    """Return a database in a folder; the migrations were run once for all tests."""
    path = folder / "unlearn.db"
    path.write_bytes(_migrated_file())
    return Database(f"sqlite:///{path}")


@contextmanager
def postgres_schema() -> Iterator[str]:
    """Give the address of an empty schema of its own, or skip the test."""
    url = os.environ.get(POSTGRES_URL) or _server()
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
def _server() -> str:
    """Start one server for all tests of this process and return its address."""
    pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
    stack = ExitStack()
    try:
        url = stack.enter_context(running_postgres(is_durable=False))
    except PostgresMissingError as error:
        pytest.skip(f"{error}; or set {POSTGRES_URL}")
    atexit.register(stack.close)
    return url


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "unlearn.db"
        database = Database(f"sqlite:///{path}")
        database.upgrade()
        database.close()
        return path.read_bytes()
