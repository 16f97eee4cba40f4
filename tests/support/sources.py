"""One small training source about invented people, in every kind of store."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from unlearn_core.adapters.connectors.specification import (
    PassageSpec,
    QuestionPassage,
    Row,
    SourceSpec,
)
from unlearn_core.domain.subjects import DataSubject, IdentifierKind, parse_subject

ADA = {"name": "Ada Example", "customer_number": "C-1001"}
"""Submitted identifiers of the person who is searched for."""

COLUMNS = ("id", "name", "customer", "city", "question", "answer")

PEOPLE: tuple[dict[str, str], ...] = tuple(
    dict(zip(COLUMNS, values, strict=True))
    for values in (
        ("r-1", "Ada Example", "C-1001", "Ulm", "Where is Ada?", "In Ulm"),
        ("r-2", "Ben Muster", "C-1002", "Trier", "Where is Ben?", "In Trier"),
        ("r-3", "ADA  EXAMPLE", "c-1001", "Ulm", "And Ada?", "Still in Ulm"),
        ("r-4", "Ada Example", "C-1999", "Jena", "A namesake?", "Yes"),
        ("r-5", "Cleo Probe", "C-1003", "Gera", "Who knows Ada Example?", "I do"),
    )
)
"""Two records of Ada, one stranger, a namesake, and a mention in a stranger's row."""


def subject(**identifiers: object) -> DataSubject:
    """Return a data subject; Ada unless identifiers are given."""
    return parse_subject(identifiers or ADA)


def source_spec(
    kind: str = "memory",
    location: str | Path = "",
    *,
    table: str | None = None,
    passages: Sequence[PassageSpec] = (
        QuestionPassage(question="question", answer="answer", field=None),
    ),
    is_erasable: bool = True,
    reviews_names: bool = True,
) -> SourceSpec:
    """Return the specification of a source with the columns of `PEOPLE`."""
    return SourceSpec(
        name="customers",
        kind=kind,
        location=str(location),
        table=table,
        record_id="id",
        identifiers={
            IdentifierKind.NAME: "name",
            IdentifierKind.CUSTOMER_NUMBER: "customer",
        },
        fields={"city": "city"},
        passages=tuple(passages),
        is_erasable=is_erasable,
        reviews_names=reviews_names,
    )


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]] = PEOPLE) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_parquet(path: Path, rows: Sequence[Row] = PEOPLE) -> Path:
    """Write rows as a Parquet file of small row groups."""
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=2)
    return path


def write_table(
    url: str, rows: Sequence[Row] = PEOPLE, *, columns: Sequence[str] = COLUMNS
) -> str:
    """Write rows into the table ``customers`` of a database."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    table = sa.Table(
        "customers", sa.MetaData(), *(sa.Column(name, sa.String) for name in columns)
    )
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(sa.insert(table), [dict(row) for row in rows])
    return url
