"""Columns that stand in the names of folders, as Hive and its heirs write them.

In ``people/country=DE/part-0.parquet`` every row has the column ``country``, though the
file does not.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote

from unlearn_core.adapters.connectors.specification import Row

NOTHING = "__HIVE_DEFAULT_PARTITION__"

Columns = Mapping[str, str | None]


def partition_columns(name: str, location: str) -> dict[str, str | None]:
    """Return the columns of the folders between a source and one of its files.

    Args:
        name: Name of the file, as its source has it; behind a version, if it has one.
        location: Path of the source, or ``s3://bucket/prefix``.
    """
    root = location
    if location.startswith("s3://"):
        root = location.removeprefix("s3://").partition("/")[2]
    inside = name.rpartition("\0")[2].removeprefix(root)
    pairs = (part.partition("=") for part in PurePosixPath(inside).parts[:-1])
    return {
        unquote(column): None if value == NOTHING else unquote(value)
        for column, is_column, value in pairs
        if column and is_column
    }


def with_columns(row: Row, columns: Columns) -> Row:
    """Return a row with the columns of its folders; its own ones go before."""
    return {**columns, **row} if columns else row
