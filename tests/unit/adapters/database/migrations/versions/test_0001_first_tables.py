from pathlib import Path

import pytest
import sqlalchemy as sa
from support.databases import KINDS, migrated

KEYS = {
    "erasure_request": ["request_id"],
    "commitment": ["request_id", "commitment"],
    "message": ["request_id", "template"],
    "ledger_entry": ["sequence"],
    "lease": ["resource"],
    "wrapped_key": ["scope"],
}
REQUEST = {
    "request_id": "r",
    "channel": "http",
    "received_at": "2026",
    "rule": "gdpr",
    "received_on": "2026",
    "due_on": "2026",
    "extended_due_on": "2026",
    "base_model": "b",
    "stage": "received",
}
MESSAGE = {"request_id": "r", "template": "t", "created_at": "2026"}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_told_apart_by_these_columns(kind: str, tmp_path: Path) -> None:
    """A comparison with the declared tables leaves primary keys out."""
    with migrated(kind, tmp_path) as database:
        seen = sa.inspect(database._engine)
        assert {
            name: seen.get_pk_constraint(name)["constrained_columns"] for name in KEYS
        } == KEYS


@pytest.mark.parametrize("kind", KINDS)
def test_tables_with_rows_that_hang_on_each_other_can_be_taken_back(
    kind: str, tmp_path: Path
) -> None:
    with migrated(kind, tmp_path) as database:
        tables = sa.MetaData()
        with database._writer.begin() as connection:
            tables.reflect(connection)
            for name, row in (("erasure_request", REQUEST), ("message", MESSAGE)):
                connection.execute(tables.tables[name].insert().values(row))
        database.downgrade("base")
        assert sa.inspect(database._engine).get_table_names() == ["alembic_version"]
