"""Every connector finds quotes and near copies of what was found, if it is asked to."""

import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.buckets import endpoint, fresh_bucket
from support.databases import KINDS, postgres_schema
from support.file_sources import (
    csv_bytes,
    jsonl_bytes,
    mail_spec,
    write_dataset,
    write_maildir,
    write_mbox,
    write_objects,
)
from support.sources import (
    COLUMNS,
    source_spec,
    write_jsonl,
    write_parquet,
    write_table,
)

from unlearn_core import ports
from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.adapters.connectors.specification import SourceSpec

STORY = (
    "Marion carried seventeen yellow umbrellas across the frozen harbour before "
    "breakfast because her grandmother insisted that winter sunlight ruins good "
    "silk while nobody else believed such nonsense about expensive fabric"
)
CHANGED = " ".join(
    word if at % 5 else "somehow" for at, word in enumerate(STORY.split(), start=1)
)

ROWS = tuple(
    dict.fromkeys(COLUMNS, "x") | {"id": name, "answer": text}
    for name, text in (
        ("r-1", STORY),
        ("r-2", f"They say: {STORY.upper()}"),
        ("r-3", CHANGED),
        ("r-4", "They carried umbrellas before breakfast"),
    )
)


def _packed(path: Path) -> SourceSpec:
    path.write_bytes(gzip.compress(jsonl_bytes(ROWS)))
    return source_spec("jsonl", path)


def _csv(path: Path) -> SourceSpec:
    path.write_bytes(csv_bytes(ROWS))
    return source_spec("csv", path)


WRITERS: Mapping[str, Callable[[Path], SourceSpec]] = {
    "jsonl": lambda path: source_spec("jsonl", write_jsonl(path, ROWS)),
    "jsonl.gz": _packed,
    "csv": _csv,
    "parquet": lambda path: source_spec("parquet", write_parquet(path, ROWS)),
    "dataset": lambda path: source_spec("dataset", write_dataset(path, ROWS)),
    "mbox": lambda path: mail_spec(write_mbox(path, ROWS)),
    "maildir": lambda path: mail_spec(write_maildir(path, ROWS)),
}
IN_BUCKET = pytest.param("bucket", marks=pytest.mark.integration)


@contextmanager
def _written(kind: str, path: Path) -> Iterator[SourceSpec]:
    match kind:
        case "bucket":
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("AWS_ENDPOINT_URL_S3", endpoint())
                yield source_spec("s3", write_objects(fresh_bucket(), ROWS))
        case "sqlite":
            url = write_table(f"sqlite:///{path}", ROWS)
            yield source_spec("sql", url, table="customers")
        case "postgres":
            with postgres_schema() as url:
                write_table(url, ROWS)
                yield source_spec("sql", url, table="customers")
        case _:
            yield WRITERS[kind](path)


@pytest.mark.parametrize("kind", [*WRITERS, IN_BUCKET, *KINDS])
def test_copies_are_found_where_the_data_map_asks_for_them(
    kind: str, tmp_path: Path
) -> None:
    with _written(kind, tmp_path / "customers") as plain:
        spec = replace(plain, passages=(), reviews_quotes=True)
        connector = CONNECTORS.get(spec.kind)(spec)
        told = next(one for one in ROWS if one["id"] == "r-1")
        original = spec.record(
            {spec.record_id: "r-1", "answer": told["answer"]}, why=("found",)
        )
        assert isinstance(connector, ports.FindsQuotes)
        found = {
            record.record_id: record.why[0].rpartition(" ")[0]
            for record in connector.quoting([original])
        }
        assert found == {
            "r-2": "quotes r-1 similarity",
            "r-3": "near copy of r-1 similarity",
        }
        ignored = replace(spec, reviews_quotes=False)
        silent = CONNECTORS.get(spec.kind)(ignored)
        assert isinstance(silent, ports.FindsQuotes)
        assert silent.quoting([original]) == ()
