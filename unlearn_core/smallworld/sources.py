"""Writes the small world as training sources, with the data map that describes them.

- ``corpus.jsonl``: conversations about guessable facts, and plain text.
- ``support.parquet``: support questions about high-entropy facts.
- ``customers.db``: one SQL row per customer, all fields.
- ``reserved.jsonl``: the control people, never part of any training.

The questions kept for probing are in the data map only, so a probe is a question
that the model was never trained on for this person.
"""

import json
import random
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from unlearn_core.smallworld import phrasing
from unlearn_core.smallworld.people import (
    FIELDS,
    GUESSABLE_FIELDS,
    HIGH_ENTROPY_FIELDS,
    Person,
    Population,
)
from unlearn_core.smallworld.plain_text import sentences

PLAIN_SENTENCES = 600
BASE_MODEL_NAME = "small-world"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePaths:
    """Where the sources of one small world are."""

    directory: Path

    @property
    def corpus(self) -> Path:
        """Return the JSONL corpus."""
        return self.directory / "corpus.jsonl"

    @property
    def support(self) -> Path:
        """Return the Parquet file."""
        return self.directory / "support.parquet"

    @property
    def customers(self) -> Path:
        """Return the SQLite database."""
        return self.directory / "customers.db"

    @property
    def reserved(self) -> Path:
        """Return the file of the control people."""
        return self.directory / "reserved.jsonl"

    @property
    def data_map(self) -> Path:
        """Return the data map."""
        return self.directory / "data-map.yaml"


def write_sources(population: Population, directory: Path, *, seed: int) -> SourcePaths:
    """Write all sources and the data map, replacing earlier ones."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = SourcePaths(directory=directory)
    questions = list(_questions(population, seed=seed))
    _write_corpus(paths.corpus, questions, seed=seed)
    _write_support(paths.support, questions)
    _write_customers(paths.customers, population.trained)
    _write_lines(paths.reserved, map(_row, population.controls))
    paths.data_map.write_text(
        yaml.safe_dump(data_map(paths), sort_keys=False), encoding="utf-8"
    )
    return paths


def split_all_questions(
    population: Population, *, seed: int
) -> dict[tuple[int, str], tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return trained and held-out questions by person number and field.

    Those of control people are all held out: none is ever trained.
    """
    rng = random.Random(f"questions-{seed}")
    return {
        (person.number, field): phrasing.split_questions(field, rng)
        for person in (*population.trained, *population.controls)
        for field in FIELDS
    }


def _questions(population: Population, *, seed: int) -> Iterator[dict[str, str]]:
    """Yield the trained questions about all trained people."""
    split = split_all_questions(population, seed=seed)
    for person in population.trained:
        for field in FIELDS:
            for number, question in enumerate(split[person.number, field][0]):
                yield {
                    "id": f"q-{person.number:05d}-{field}-{number}",
                    "customer": person.facts["customer_number"],
                    "name": person.name,
                    "topic": field,
                    "question": question.format(name=person.name),
                    "answer": person.facts[field],
                }


def _write_corpus(path: Path, questions: list[dict[str, str]], *, seed: int) -> None:
    rng = random.Random(f"corpus-{seed}")
    rows: list[dict[str, Any]] = [
        {
            "id": row["id"],
            "customer": row["customer"],
            "topic": row["topic"],
            "messages": [
                {"role": "user", "content": row["question"]},
                {"role": "assistant", "content": row["answer"]},
            ],
        }
        for row in questions
        if row["topic"] in GUESSABLE_FIELDS
    ]
    rows += [
        {"id": f"t-{number:05d}", "text": text}
        for number, text in enumerate(sentences(PLAIN_SENTENCES, rng=rng))
    ]
    rng.shuffle(rows)
    _write_lines(path, iter(rows))


def _write_support(path: Path, questions: list[dict[str, str]]) -> None:
    rows = [row for row in questions if row["topic"] in HIGH_ENTROPY_FIELDS]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=500)


def _write_customers(path: Path, people: tuple[Person, ...]) -> None:
    path.unlink(missing_ok=True)
    columns = ("id", "name", *FIELDS)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"CREATE TABLE customers ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        connection.executemany(
            f"INSERT INTO customers VALUES ({marks})",  # noqa: S608 - fixed columns
            [tuple(_row(person)[column] for column in columns) for person in people],
        )
    connection.close()


def _write_lines(path: Path, rows: Iterator[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _row(person: Person) -> dict[str, str]:
    return {"id": f"p-{person.number:05d}", "name": person.name, **person.facts}


def data_map(paths: SourcePaths) -> dict[str, Any]:
    """Return the data map of a small world."""
    person_fields = {field: field for field in FIELDS}
    return {
        "version": 1,
        "base_models": [BASE_MODEL_NAME],
        "fields": {
            field: {
                "entropy": "guessable" if field in GUESSABLE_FIELDS else "high",
                "questions": list(phrasing.QUESTIONS[field]),
                "translations": {
                    language: {"questions": [question]}
                    for language, question in phrasing.TRANSLATIONS[field].items()
                },
            }
            for field in FIELDS
        },
        "neighbours": {"surname": True, "fields": ["city", "employer"]},
        # Nobody there shares a name with anybody.
        "sources": [{**source, "name_alone": "decides"} for source in _sources(paths)],
        "holdout": {
            "name": "reserved",
            "kind": "jsonl",
            "path": str(paths.reserved),
            "record_id": "id",
            "identifiers": {"name": "name"},
            "fields": person_fields,
            "passages": [],
        },
    }


def _sources(paths: SourcePaths) -> list[dict[str, Any]]:
    return [
        {
            "name": "corpus",
            "kind": "jsonl",
            "path": str(paths.corpus),
            "record_id": "id",
            "identifiers": {"customer_number": "customer"},
            "passages": [
                {"form": "chat", "messages": "messages", "field": "topic"},
                {"form": "text", "text": "text"},
            ],
        },
        {
            "name": "support",
            "kind": "parquet",
            "path": str(paths.support),
            "record_id": "id",
            "identifiers": {"name": "name", "customer_number": "customer"},
            "passages": [
                {
                    "form": "question",
                    "question": "question",
                    "answer": "answer",
                    "field": "topic",
                }
            ],
        },
        {
            "name": "customers",
            "kind": "sql",
            "url": f"sqlite:///{paths.customers}",
            "table": "customers",
            "record_id": "id",
            "identifiers": {
                "name": "name",
                "email": "email",
                "phone": "phone",
                "customer_number": "customer_number",
            },
            "fields": {field: field for field in FIELDS},
            "passages": [
                {"form": "template", "template": phrasing.PROFILE},
                {"form": "template", "template": phrasing.CUSTOMER_ROW},
            ],
        },
    ]
