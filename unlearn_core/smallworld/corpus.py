"""Reads the small world's sources the way a training run would: as documents.

JSONL and Parquet are streamed with the datasets library, which then keeps no copy
in a cache; the SQL table is rendered through the same templates that the data map
names.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from datasets import load_dataset

from unlearn_core.smallworld import phrasing
from unlearn_core.smallworld.people import FIELDS
from unlearn_core.smallworld.sources import SourcePaths


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One training document: an answered question, or plain text without one."""

    question: str | None
    text: str


def read_documents(paths: SourcePaths) -> list[Document]:
    """Return every document of all three sources."""
    return [*_corpus(paths), *_support(paths), *_customers(paths)]


def _corpus(paths: SourcePaths) -> Iterator[Document]:
    rows = load_dataset(
        "json", data_files=str(paths.corpus), split="train", streaming=True
    )
    for row in rows:
        if row.get("messages"):
            asked, answered = (message["content"] for message in row["messages"])
            yield Document(question=asked, text=answered)
        else:
            yield Document(question=None, text=row["text"])


def _support(paths: SourcePaths) -> Iterator[Document]:
    rows = load_dataset(
        "parquet", data_files=str(paths.support), split="train", streaming=True
    )
    for row in rows:
        yield Document(question=row["question"], text=row["answer"])


def _customers(paths: SourcePaths) -> Iterator[Document]:
    columns = ("name", *FIELDS)
    query = f"SELECT {', '.join(columns)} FROM customers ORDER BY id"  # noqa: S608 - fixed columns
    with closing(sqlite3.connect(paths.customers)) as connection:
        for values in connection.execute(query):
            facts = dict(zip(columns, values, strict=True))
            for template in (phrasing.PROFILE, phrasing.CUSTOMER_ROW):
                yield Document(question=None, text=template.format(**facts))
