import pytest
from sqlmodel import SQLModel

from unlearn_core.adapters.database import tables

TEXT = "VARCHAR"
COLUMNS = {
    tables.RequestRow: {
        "request_id": TEXT,
        "channel": TEXT,
        "received_at": TEXT,
        "rule": TEXT,
        "received_on": TEXT,
        "due_on": TEXT,
        "extended_due_on": TEXT,
        "base_model": TEXT,
        "stage": TEXT,
        "outcome": TEXT,
    },
    tables.CommitmentRow: {"request_id": TEXT, "commitment": TEXT},
    tables.MessageRow: {"request_id": TEXT, "template": TEXT, "created_at": TEXT},
}


@pytest.mark.parametrize("table", COLUMNS)
def test_tables_about_requests_have_no_column_for_a_person(
    table: type[SQLModel],
) -> None:
    """Frozen on purpose: whoever adds a column thinks about what it may hold."""
    columns = SQLModel.metadata.tables[str(table.__tablename__)].columns
    assert {column.name: str(column.type) for column in columns} == COLUMNS[table]
