"""The sources of `benchmarks.kills`: files, a database and a bucket of invented people.

What is in them after an erasure is read without the connectors, by the libraries of
each format alone.
"""

import gzip
import io
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

Row = dict[str, str]

SUBJECT = {"name": "Ada Killjoy", "email": "ada.killjoy@post.example"}
MARK = SUBJECT["email"].encode()
"""What stands in every record of the subject, and nowhere else."""

PEOPLE, RECORDS_OF_SUBJECT = 300, 20
COLUMNS = ("id", "name", "email", "text")
TABLES = {"people": "d", "slips": "e"}
"""Tables of the database to the places whose records they have."""

FILLER_SIGNS = 30_000
"""Of a record of the large object, so that it is written in parts."""

REDACTED = {"n": "[redacted]", "e": None, "q": "[redacted]"}
"""Places where records are redacted to what becomes of a name: a table has nothing."""

PREFIX, REDACTED_PREFIX = "training", "letters"
BUCKET = "kills"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the sources are.

    Attributes:
        folder: Files and the database.
        client: Talks to the server of the bucket.
    """

    folder: Path
    client: Any

    @property
    def lines(self) -> Path:
        """Return the folder of JSON lines, plain and compressed."""
        return self.folder / "lines"

    @property
    def notes(self) -> Path:
        """Return the JSON lines that are redacted."""
        return self.folder / "notes.jsonl"

    @property
    def table(self) -> Path:
        """Return the Parquet file."""
        return self.folder / "table.parquet"

    @property
    def database(self) -> Path:
        """Return the SQLite file."""
        return self.folder / "rows.db"


def rows(place: str, *, filler: int = 40) -> list[Row]:
    """Return the records of a place; the subject's are scattered among the others."""
    draw = random.Random(place)
    letters = "abcdefghijklmnopqrstuvwxyz "
    texts = ["".join(draw.choices(letters, k=filler)) for _ in range(7)]
    found = [
        {
            "id": f"{place}-{number}",
            "name": f"Person Number{number}",
            "email": f"person{number}@post.example",
            "text": texts[number % len(texts)],
        }
        for number in range(PEOPLE)
    ]
    for number in draw.sample(range(PEOPLE), RECORDS_OF_SUBJECT):
        found[number] |= SUBJECT
        if place in REDACTED:
            found[number]["text"] += f" by {SUBJECT['name']}"
    return found


def redacted(row: Row, place: str) -> Row:
    """Return what has to become of a record in a place where records are redacted."""
    if not _is_subject(row):
        return row
    gone: dict[str, Any] = dict.fromkeys(SUBJECT, REDACTED[place])
    return {**row, **gone, "text": row["text"].replace(SUBJECT["name"], "[redacted]")}


def write_files(places: Places) -> None:
    """Write the files, the database and a data map that names all sources."""
    places.lines.mkdir(parents=True)
    (places.lines / "a.jsonl").write_bytes(_lines(rows("a")))
    (places.lines / "b.jsonl.gz").write_bytes(gzip.compress(_lines(rows("b"))))
    places.notes.write_bytes(_lines(rows("n")))
    pq.write_table(pa.Table.from_pylist(rows("t")), places.table, row_group_size=50)
    with sqlite3.connect(places.database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for table, place in TABLES.items():
            connection.execute(f"CREATE TABLE {table} (id, name, email, text)")
            connection.executemany(
                f"INSERT INTO {table} VALUES (:id, :name, :email, :text)",  # noqa: S608 - fixed names
                rows(place),
            )
    connection.close()
    (places.folder / "data-map.yaml").write_text(yaml.safe_dump(_data_map(places)))


def fill_bucket(places: Places) -> None:
    """Write the objects anew, the small ones twice, into a bucket that keeps both."""
    client = places.client
    _empty_bucket(client)
    for _ in range(2):
        for name, data in (
            ("small.jsonl", _lines(rows("o"))),
            ("table.parquet", _table(rows("p"))),
        ):
            client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}", Body=data)
        client.put_object(
            Bucket=BUCKET, Key=f"{REDACTED_PREFIX}/a.parquet", Body=_table(rows("q"))
        )
    large = _lines(rows("l", filler=FILLER_SIGNS))
    client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/large.jsonl", Body=large)


def create_bucket(client: Any) -> None:  # noqa: ANN401 - made by boto3
    """Create a bucket that keeps versions, if there is none yet.

    All servers of moto's in one process have the same buckets.
    """
    with suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(
            Bucket=BUCKET,
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )
    client.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
    )


def open_client(endpoint: str) -> Any:  # noqa: ANN401 - made by boto3
    """Return a client of the server."""
    return boto3.client("s3", endpoint_url=endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What is wrong after an erasure; nothing, if all is well.

    Attributes:
        left: Records of the subject that are still there, or bytes of one.
        lost: Records of others that are gone.
        changed: Records of others that are not what they were, or were never there.
        leftovers: Files and uploads of rewriting that died half-way.
    """

    left: int
    lost: int
    changed: int
    leftovers: int


def look(places: Places) -> Damage:
    """Read everything that is there and compare it with what should be."""
    left = lost = changed = 0
    for name, found in (*_in_files(places), *_in_bucket(places)):
        sizes = {"filler": FILLER_SIGNS} if name == "l" else {}
        kept = [
            redacted(row, name) if name in REDACTED else row
            for row in rows(name, **sizes)
            if name in REDACTED or not _is_subject(row)
        ]
        expected = Counter(map(_frozen, kept))
        there = Counter(map(_frozen, found))
        ids = Counter(row["id"] for row in found if not _is_subject(row))
        gone = {json.loads(row)["id"] for row in expected - there} - set(ids)
        left += sum(map(_is_subject, found))
        lost += len(gone)
        changed += (expected - there).total() - len(gone)
        changed += sum(not _is_subject(json.loads(row)) for row in there - expected)
    return Damage(
        left=left + _bytes_left(places),
        lost=lost,
        changed=changed,
        leftovers=_leftovers(places),
    )


def _in_files(places: Places) -> Iterator[tuple[str, list[Row]]]:
    yield "a", _parsed((places.lines / "a.jsonl").read_bytes())
    packed = (places.lines / "b.jsonl.gz").read_bytes()
    yield "b", _parsed(gzip.decompress(packed))
    yield "t", pq.read_table(places.table).to_pylist()
    yield "n", _parsed(places.notes.read_bytes())
    connection = sqlite3.connect(places.database)
    for table, place in TABLES.items():
        found = connection.execute(f"SELECT id, name, email, text FROM {table}")  # noqa: S608 - fixed names
        yield place, [dict(zip(COLUMNS, row, strict=True)) for row in found]
    connection.close()


def _in_bucket(places: Places) -> Iterator[tuple[str, list[Row]]]:
    yield "o", _parsed(_body(places, "small.jsonl"))
    yield "l", _parsed(_body(places, "large.jsonl"))
    packed = io.BytesIO(_body(places, "table.parquet"))
    yield "p", pq.read_table(packed).to_pylist()
    packed = io.BytesIO(_body(places, "a.parquet", prefix=REDACTED_PREFIX))
    yield "q", pq.read_table(packed).to_pylist()


def _body(places: Places, name: str, *, prefix: str = PREFIX) -> bytes:
    found = places.client.get_object(Bucket=BUCKET, Key=f"{prefix}/{name}")
    data: bytes = found["Body"].read()
    return data


def _bytes_left(places: Places) -> int:
    """Count the subject's mark in raw files and in every version of every object."""
    count = sum(
        path.read_bytes().count(MARK)
        for path in (
            places.notes,
            *places.lines.iterdir(),
            *places.folder.glob("rows.db*"),
        )
    )
    for version in places.client.list_object_versions(Bucket=BUCKET)["Versions"]:
        body = places.client.get_object(
            Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"]
        )["Body"].read()
        if version["Key"].endswith(".parquet"):
            found = pq.read_table(io.BytesIO(body)).to_pylist()
            count += sum(map(_is_subject, found))
        else:
            count += body.count(MARK)
    return count


def _leftovers(places: Places) -> int:
    files = list(places.folder.rglob("*.replacing"))
    uploads = places.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())
    return len(files) + len(uploads)


def _empty_bucket(client: Any) -> None:  # noqa: ANN401 - made by boto3
    found = client.list_object_versions(Bucket=BUCKET)
    for item in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
        client.delete_object(
            Bucket=BUCKET, Key=item["Key"], VersionId=item["VersionId"]
        )
    for item in client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()):
        client.abort_multipart_upload(
            Bucket=BUCKET, Key=item["Key"], UploadId=item["UploadId"]
        )


def _data_map(places: Places) -> dict[str, object]:
    shape = {
        "record_id": "id",
        "identifiers": {"name": "name", "email": "email"},
        "passages": [{"form": "text", "text": "text"}],
    }
    redacting = {"erasure": "redact"}
    sources = [
        {"name": "lines", "kind": "jsonl", "path": str(places.lines)},
        {"name": "table", "kind": "parquet", "path": str(places.table)},
        {
            "name": "rows",
            "kind": "sql",
            "url": f"sqlite:///{places.database}",
            "table": "people",
        },
        {"name": "objects", "kind": "s3", "url": f"s3://{BUCKET}/{PREFIX}/"},
        {"name": "notes", "kind": "jsonl", "path": str(places.notes)} | redacting,
        {
            "name": "slips",
            "kind": "sql",
            "url": f"sqlite:///{places.database}",
            "table": "slips",
        }
        | redacting,
        {"name": "letters", "kind": "s3", "url": f"s3://{BUCKET}/{REDACTED_PREFIX}/"}
        | redacting,
    ]
    return {
        "version": 1,
        "base_models": ["small-world"],
        "fields": {},
        "sources": [source | shape for source in sources],
        "holdout": {**sources[0], **shape, "name": "reserved"},
    }


def _lines(found: Iterable[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in found).encode()


def _table(found: list[Row]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(found), sink)
    return sink.getvalue()


def _parsed(data: bytes) -> list[Row]:
    return [json.loads(line) for line in data.splitlines()]


def _frozen(row: Row) -> str:
    return json.dumps(row, sort_keys=True)


def _is_subject(row: Row) -> bool:
    return row["email"] == SUBJECT["email"]
