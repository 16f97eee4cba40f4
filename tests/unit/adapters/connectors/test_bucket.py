"""Against an S3 protocol server; all of it is integration."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.buckets import endpoint, fresh_bucket
from support.file_sources import jsonl_bytes
from support.sources import PEOPLE, source_spec, subject

from unlearn_core.adapters.connectors import bucket as module
from unlearn_core.adapters.connectors.bucket import BucketConnector, BucketFiles
from unlearn_core.adapters.connectors.parts import Part
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import (
    InvalidDataMapError,
    SourceChangedError,
    SourceUnreadableError,
    StorageError,
)
from unlearn_core.steps.erase_source_records import plan_for

pytestmark = pytest.mark.integration
KEY = "corpus/1.jsonl"


class Bucket:
    """A bucket with what another writer may do to it."""

    def __init__(self, *, is_versioned: bool) -> None:
        self.name = fresh_bucket(is_versioned=is_versioned)
        self.client: Any = boto3.client("s3", endpoint_url=endpoint())
        self.put(KEY, jsonl_bytes())

    def put(self, key: str, data: bytes, **properties: object) -> None:
        """Write an object."""
        self.client.put_object(Bucket=self.name, Key=key, Body=data, **properties)

    def get(self, key: str = KEY) -> bytes:
        """Return the present object."""
        found = self.client.get_object(Bucket=self.name, Key=key)
        data: bytes = found["Body"].read()
        return data

    def versions(self) -> tuple[int, int]:
        """Return how many versions and delete markers there are."""
        found = self.client.list_object_versions(Bucket=self.name)
        return len(found.get("Versions", ())), len(found.get("DeleteMarkers", ()))

    def source(self) -> BucketConnector:
        """Return a connector."""
        return BucketConnector(source_spec("s3", f"s3://{self.name}/corpus/"))


@pytest.fixture(autouse=True)
def _server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint())


@pytest.fixture(params=[True, False], ids=["versioned", "plain"])
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """Return a bucket of either kind."""
    opened = Bucket(is_versioned=request.param)
    yield opened
    opened.client.close()


@pytest.fixture
def versioned() -> Iterator[Bucket]:
    """Return a bucket that keeps versions."""
    opened = Bucket(is_versioned=True)
    yield opened
    opened.client.close()


def test_no_version_of_an_erased_record_is_left(bucket: Bucket) -> None:
    bucket.put(KEY, jsonl_bytes(PEOPLE[:4]))
    assert bucket.source().erase(["r-1"], dry_run=False) == 1
    assert bucket.get() == jsonl_bytes(PEOPLE[1:4])
    assert bucket.versions() == (1, 0)
    assert bucket.source().confirm_absent(["r-1"])


def test_versions_without_the_record_are_kept(versioned: Bucket) -> None:
    versioned.put(KEY, jsonl_bytes(PEOPLE[1:2]))
    versioned.put(KEY, jsonl_bytes(PEOPLE[:2]))
    versioned.source().erase(["r-1"], dry_run=False)
    # The new present object and the second; the first and third held the record.
    assert versioned.versions() == (2, 0)


def test_a_record_in_a_deleted_object_is_found_and_purged(versioned: Bucket) -> None:
    versioned.put("corpus/2.jsonl", jsonl_bytes(PEOPLE[1:2]))
    versioned.client.delete_object(Bucket=versioned.name, Key=KEY)
    source = versioned.source()
    found = source.locate(subject())
    assert [item.record_id for item in found.records] == ["r-1", "r-3"]
    assert (found.searched, found.uncertain) == (1, 2)
    assert not source.confirm_absent(["r-1"])
    assert source.erase(["r-1", "r-3"], dry_run=False) == 0
    assert source.confirm_absent(["r-1", "r-3"])
    assert versioned.versions() == (1, 0)


def test_a_version_that_alone_has_a_record_on_hold_stays(versioned: Bucket) -> None:
    """Whosever it is, and what else is in the version stays with it."""
    held = [{**row, "hold": row["id"] == "r-2"} for row in PEOPLE[:2]]
    versioned.put(KEY, jsonl_bytes(held))
    versioned.put(KEY, jsonl_bytes([PEOPLE[0]]))
    spec = source_spec("s3", f"s3://{versioned.name}/corpus/")
    source = BucketConnector(replace(spec, held="hold"))

    assert source.erase(["r-1"], dry_run=False) == 1

    assert source.confirm_absent(["r-1"])
    assert source.held(["r-1", "r-3"]) == {"r-1"}
    # The new present object, and the version with the hold.
    assert versioned.versions() == (2, 0)
    versioned.put(KEY, jsonl_bytes(held[1:]))
    # Now a present object has it, so the versions with r-1 may go.
    assert not source.confirm_absent(["r-1"])
    source.erase(["r-1"], dry_run=False)
    assert source.confirm_absent(["r-1"])
    assert not source.held(["r-1"])


def test_an_erasure_that_died_before_the_purge_is_completed(
    versioned: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(BucketFiles, "remove", die)
        with pytest.raises(KeyboardInterrupt):
            versioned.source().erase(["r-1"], dry_run=False)
    assert versioned.versions() == (2, 0)
    assert not versioned.source().confirm_absent(["r-1"])
    assert versioned.source().erase(["r-1"], dry_run=False) == 0
    assert versioned.source().confirm_absent(["r-1"])
    assert versioned.versions() == (1, 0)


def test_uploads_that_were_never_completed_are_aborted(bucket: Bucket) -> None:
    for key in (KEY, "other/1.jsonl"):
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    assert not bucket.source().confirm_absent(["r-9"])
    bucket.source().erase(["r-9"], dry_run=False)
    assert bucket.source().confirm_absent(["r-9"])
    left = bucket.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert [item["Key"] for item in left] == ["other/1.jsonl"]


@pytest.mark.parametrize("part_bytes", [8 << 20, 5 << 20])
def test_an_object_that_is_written_meanwhile_stays_as_the_other_left_it(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, part_bytes: int
) -> None:
    """In one piece, and in parts."""
    monkeypatch.setattr(module, "PART_BYTES", part_bytes)
    filler = [{"id": f"f-{number}", "text": "x" * 500_000} for number in range(12)]
    bucket.put(KEY, jsonl_bytes([*PEOPLE, *filler]))
    theirs = jsonl_bytes(PEOPLE[:2])
    finish = module._Upload.finish

    def write_first(self: module._Upload) -> None:
        bucket.put(KEY, theirs)
        finish(self)

    monkeypatch.setattr(module._Upload, "finish", write_first)
    with pytest.raises(SourceChangedError, match="source=customers"):
        bucket.source().erase(["r-1"], dry_run=False)
    assert bucket.get() == theirs
    assert not bucket.source().confirm_absent(["r-1"])
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name)


def test_an_object_that_is_replaced_while_it_is_read_is_noticed(
    bucket: Bucket,
) -> None:
    filler = [{"id": f"f-{number}", "text": "x" * 500_000} for number in range(6)]
    bucket.put(KEY, jsonl_bytes([*PEOPLE, *filler]))
    rows = bucket.source().read()
    next(rows)
    bucket.put(KEY, jsonl_bytes())
    with pytest.raises(SourceChangedError):
        list(rows)


def test_a_large_object_is_copied_in_parts(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 5 << 20)
    filler = [{"id": f"f-{number}", "text": "x" * 500_000} for number in range(12)]
    bucket.put(KEY, jsonl_bytes([*PEOPLE, *filler]))
    assert bucket.source().erase(["r-1"], dry_run=False) == 1
    assert bucket.get() == jsonl_bytes([*PEOPLE[1:], *filler])
    assert bucket.versions() == (1, 0)


def test_properties_of_an_object_survive(bucket: Bucket) -> None:
    bucket.put(
        KEY,
        gzip.compress(jsonl_bytes()),
        ContentType="application/x-ndjson",
        Metadata={"owner": "support"},
        ServerSideEncryption="AES256",
    )
    bucket.source().erase(["r-1"], dry_run=False)
    head = bucket.client.head_object(Bucket=bucket.name, Key=KEY)
    assert (head["ContentType"], head["Metadata"], head["ServerSideEncryption"]) == (
        "application/x-ndjson",
        {"owner": "support"},
        "AES256",
    )
    assert gzip.decompress(bucket.get()) == jsonl_bytes(PEOPLE[1:])


def test_tables_are_read_and_written_in_place(bucket: Bucket) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(PEOPLE)), sink, row_group_size=2)
    bucket.put("corpus/2.parquet", sink.getvalue().to_pybytes())
    bucket.client.delete_object(Bucket=bucket.name, Key=KEY)
    bucket.source().erase(["r-1", "r-2"], dry_run=False)
    table = pq.read_table(pa.BufferReader(bucket.get("corpus/2.parquet")))
    assert table["id"].to_pylist() == ["r-3", "r-4", "r-5"]


def test_an_object_of_unknown_format_makes_the_search_incomplete(
    bucket: Bucket,
) -> None:
    bucket.put("corpus/notes.docx", b"PK")
    bucket.put("corpus/_SUCCESS", b"")
    bucket.put("corpus/folder/", b"")
    result = bucket.source().locate(subject())
    assert (result.searched, result.unreadable) == (5, 1)


@pytest.mark.parametrize(
    ("ask", "fault"),
    [
        (lambda source: source.locate(subject()), SourceUnreadableError),
        (lambda source: source.confirm_absent(["r-1"]), SourceUnreadableError),
        (lambda source: source.erase(["r-1"], dry_run=False), SourceUnreadableError),
    ],
)
def test_a_bucket_that_is_not_there_is_unreadable(
    ask: Callable[[BucketConnector], object], fault: type[Exception]
) -> None:
    source = BucketConnector(source_spec("s3", "s3://no-such-bucket-here/x"))
    with pytest.raises(fault, match="source=customers"):
        ask(source)


def test_an_upload_that_fails_is_reported_and_changes_nothing(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bucket.get()

    def refuse(upload: module._Upload) -> None:
        upload._where["Bucket"] = "no-such-bucket-here"
        finish(upload)

    finish = module._Upload.finish
    monkeypatch.setattr(module._Upload, "finish", refuse)
    with pytest.raises(StorageError, match="kind="):
        bucket.source().erase(["r-1"], dry_run=False)
    assert bucket.get() == before


@pytest.mark.parametrize("location", ["bucket/prefix", "s3://", str(Path("/x"))])
def test_an_address_that_is_none_is_refused(location: str) -> None:
    with pytest.raises(InvalidDataMapError, match="problem=url"):
        BucketConnector(source_spec("s3", location))


def test_an_identifier_that_somebody_else_has_now_is_not_erased(
    versioned: Bucket,
) -> None:
    """The earlier version has a record of Ada's that is nowhere else."""
    versioned.put(KEY, jsonl_bytes(PEOPLE[:1]))
    versioned.put(KEY, jsonl_bytes([{**PEOPLE[1], "id": "r-1"}]))
    source = versioned.source()
    found = source.locate(subject())
    assert [(item.record_id, item.is_former) for item in found.records] == [
        ("r-1", True),
        ("r-3", True),
    ]
    plan = plan_for(source, found.records, subject())
    assert (set(plan.deleted), set(plan.redacted)) == ({"r-3"}, set())


class _Replacing:
    """An engine that somebody replaces the object under before it begins."""

    part_bytes = 1 << 20

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def search(
        self,
        spec: SourceSpec,
        parts: Sequence[Part],
        subjects: Sequence[DataSubject],
    ) -> list[tuple[SearchResult, ...]]:
        """Search the parts, after the object was replaced."""
        self._bucket.put(KEY, jsonl_bytes(PEOPLE[1:2]))
        source = BucketConnector(spec)
        return [source.locate_part(part, subjects) for part in parts]


def test_what_is_replaced_while_an_engine_searches_is_found_as_a_former_version(
    versioned: Bucket,
) -> None:
    found = versioned.source().on(_Replacing(versioned)).locate(subject())
    assert [(item.record_id, item.is_former) for item in found.records] == [
        ("r-1", True),
        ("r-3", True),
    ]


def test_what_only_an_earlier_version_has_goes_with_it_and_is_not_redacted(
    versioned: Bucket,
) -> None:
    versioned.put(KEY, jsonl_bytes(PEOPLE[1:2]))
    source = versioned.source()
    source._spec = replace(source._spec, is_redacted=True)
    found = source.locate(subject())
    assert [item.record_id for item in found.records] == ["r-1", "r-3"]
    assert not any(item.is_redacted for item in found.records)


@pytest.mark.parametrize("size", [0, module.PART_BYTES])
def test_an_object_is_encrypted_with_its_own_key_again(
    bucket: Bucket, size: int
) -> None:
    """In one piece and in parts, so that no default of the bucket takes over."""
    key = "arn:aws:kms:eu-central-1:123456789012:key/0c6e3c5a"
    filler = {**PEOPLE[1], "id": "r-9", "answer": "x" * size}
    bucket.put(
        KEY,
        jsonl_bytes([*PEOPLE, filler]),
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=key,
        BucketKeyEnabled=True,
    )
    assert bucket.source().erase(["r-1"], dry_run=False) == 1
    head = bucket.client.head_object(Bucket=bucket.name, Key=KEY)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    # The server of these tests forgets it of what was written in parts.
    assert size or head["BucketKeyEnabled"] is True
