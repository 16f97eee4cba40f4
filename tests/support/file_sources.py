"""`PEOPLE` in every kind of file, with the specification that reads it."""

import csv
import gzip
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import boto3
import datasets
import pyarrow as pa
from support.buckets import endpoint
from support.sources import (
    COLUMNS,
    PEOPLE,
    source_spec,
    write_jsonl,
    write_parquet,
)

from unlearn_core.adapters.connectors.specification import (
    QuestionPassage,
    Row,
    SourceSpec,
)
from unlearn_core.domain.subjects import IdentifierKind


def zstandard(data: bytes) -> bytes:
    """Compress as zstd."""
    packed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return packed


def jsonl_bytes(rows: Sequence[Row] = PEOPLE) -> bytes:
    """Return rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def csv_bytes(rows: Sequence[Row] = PEOPLE) -> bytes:
    """Return rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def message_bytes(row: Row) -> bytes:
    """Return a row as an e-mail."""
    message = EmailMessage()
    message["Message-ID"] = row["id"]
    message["From"] = f'"{row["name"]}" <somebody@post.example>'
    message["To"] = row["customer"]
    message["Cc"] = row["city"]
    message["Subject"] = row["question"]
    message.set_content(row["answer"])
    return message.as_bytes()


def mail_spec(path: Path) -> SourceSpec:
    """Return the specification of mail that `message_bytes` wrote."""
    return replace(
        source_spec("mail", path),
        record_id="message_id",
        identifiers={
            IdentifierKind.NAME: "from_name",
            IdentifierKind.CUSTOMER_NUMBER: "to",
        },
        fields={"city": "cc"},
        passages=(QuestionPassage(question="subject", answer="text", field=None),),
    )


def write_mbox(path: Path, rows: Sequence[Row] = PEOPLE) -> Path:
    """Write rows as the messages of an mbox file."""
    path.write_bytes(
        b"".join(
            b"From somebody Mon Mar  2 09:00:00 2026\n" + message_bytes(row) + b"\n"
            for row in rows
        )
    )
    return path


def write_maildir(path: Path, rows: Sequence[Row] = PEOPLE) -> Path:
    """Write rows as a Maildir."""
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    for number, row in enumerate(rows):
        folder = path / ("new" if number > 2 else "cur")
        (folder / f"177242.{number}.host:2,S").write_bytes(message_bytes(row))
    return path


def write_partitions(path: Path) -> Path:
    """Write rows as two Parquet files in folders, beside what is no data."""
    for name, rows in (("old", PEOPLE[:3]), ("young", PEOPLE[3:])):
        folder = path / f"age={name}"
        folder.mkdir(parents=True)
        write_parquet(folder / "part-0.parquet", rows)
    (path / "_SUCCESS").touch()
    return path


def write_dataset(path: Path, rows: Sequence[Row] = PEOPLE) -> Path:
    """Write rows as a Hugging Face data set of one split and two files."""
    split = datasets.Dataset.from_list([dict(row) for row in rows])
    datasets.DatasetDict({"train": split}).save_to_disk(path, num_shards={"train": 2})
    return path


def write_objects(bucket: str, rows: Sequence[Row] = PEOPLE) -> str:
    """Write rows as two objects of two formats; return the address of the prefix."""
    client = boto3.client("s3", endpoint_url=endpoint())
    for key, data in (
        ("corpus/1.jsonl.gz", gzip.compress(jsonl_bytes(rows[:2]))),
        ("corpus/2.csv", csv_bytes(rows[2:])),
        ("other/3.jsonl", b"not of this source\n"),
    ):
        client.put_object(Bucket=bucket, Key=key, Body=data)
    client.close()
    return f"s3://{bucket}/corpus/"


def _bytes(kind: str, encode: Callable[[], bytes]) -> Callable[[Path], SourceSpec]:
    def write(path: Path) -> SourceSpec:
        path.write_bytes(encode())
        return source_spec(kind, path)

    return write


FILES: Mapping[str, Callable[[Path], SourceSpec]] = {
    "jsonl": lambda path: source_spec("jsonl", write_jsonl(path)),
    "jsonl.gz": _bytes("jsonl", lambda: gzip.compress(jsonl_bytes())),
    "jsonl.zst": _bytes("jsonl", lambda: zstandard(jsonl_bytes())),
    "csv": _bytes("csv", csv_bytes),
    "parquet": lambda path: source_spec("parquet", write_parquet(path)),
    "partitions": lambda path: source_spec("parquet", write_partitions(path)),
    "dataset": lambda path: source_spec("dataset", write_dataset(path)),
    "mbox": lambda path: mail_spec(write_mbox(path)),
    "maildir": lambda path: mail_spec(write_maildir(path)),
}
"""Kind of file to what writes `PEOPLE` there and returns how to read it."""


def take_away(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
