"""Sources in buckets of a real S3 server, on a line that breaks and is throttled.

The rules themselves are tested with a quicker server in
``tests/unit/adapters/connectors/test_bucket.py``; that one believes any credentials.
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from support.file_sources import jsonl_bytes
from support.seaweed import CREDENTIALS, Line, Seaweed, seaweed
from support.sources import PEOPLE, source_spec, subject

from unlearn_core.adapters.connectors import bucket as module
from unlearn_core.adapters.connectors.bucket import BucketConnector
from unlearn_core.errors import (
    SourceChangedError,
    SourceUnreadableError,
    StorageError,
)

pytestmark = pytest.mark.integration
KEY = "corpus/1.jsonl"
SMALL_PARTS = 5 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """Run one server for all."""
    with seaweed(tmp_path_factory.mktemp("seaweed")) as running:
        yield running


@pytest.fixture
def line(server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Lead every connector through a line on which nothing goes wrong yet."""
    opened = Line(server.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", opened.endpoint)
    monkeypatch.setattr(module, "ATTEMPTS", 2)  # else they take half a minute
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    yield opened
    opened.close()


class Bucket:
    """A versioned bucket with one object."""

    def __init__(self, server: Seaweed, data: bytes) -> None:
        self.name = f"bucket-{uuid4().hex}"
        self.client: Any = server.client()
        self.client.create_bucket(Bucket=self.name)
        self.client.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )
        self.put(data)

    def put(self, data: bytes, **properties: object) -> None:
        """Write the object."""
        self.client.put_object(Bucket=self.name, Key=KEY, Body=data, **properties)

    def rows(self) -> list[str]:
        """Return which records the present object has."""
        found = self.client.get_object(Bucket=self.name, Key=KEY)["Body"].read()
        return [json.loads(row)["id"] for row in found.splitlines()]

    def versions(self) -> tuple[int, int]:
        """Return how many versions and delete markers there are."""
        found = self.client.list_object_versions(Bucket=self.name)
        return len(found.get("Versions", ())), len(found.get("DeleteMarkers", ()))

    def uploads(self) -> int:
        """Return how many uploads are not completed."""
        found = self.client.list_multipart_uploads(Bucket=self.name)
        return len(found.get("Uploads", ()))

    @property
    def fetched(self) -> bytes:
        """Return how the first line begins in which the object is fetched."""
        return f"GET /{self.name}/{KEY} ".encode()

    def source(self) -> BucketConnector:
        """Return a connector."""
        return BucketConnector(source_spec("s3", f"s3://{self.name}/corpus/"))


@pytest.fixture
def bucket(server: Seaweed, line: Line) -> Iterator[Bucket]:
    """Return a bucket with everybody."""
    assert line.cuts == 0
    opened = Bucket(server, jsonl_bytes())
    yield opened
    opened.client.close()


@pytest.fixture
def large(
    server: Seaweed, line: Line, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    """Return a bucket with an object that is written in two parts."""
    assert line.cuts == 0
    monkeypatch.setattr(module, "PART_BYTES", SMALL_PARTS)
    rows = [{**row, "answer": "a" * (3 << 19)} for row in PEOPLE]
    opened = Bucket(server, jsonl_bytes(rows))
    yield opened
    opened.client.close()


def test_a_versioned_bucket_keeps_nothing_of_an_erased_person(bucket: Bucket) -> None:
    bucket.put(jsonl_bytes(PEOPLE[:4]))
    source = bucket.source()
    found = [item.record_id for item in source.locate(subject()).records]
    assert source.erase(found, dry_run=True) == len(found)
    assert source.erase(found, dry_run=False) == len(found)
    assert bucket.rows() == [row["id"] for row in PEOPLE[:4] if row["id"] not in found]
    assert source.confirm_absent(found)
    assert bucket.versions() == (1, 0)


def test_bytes_stay_on_the_disk_of_the_server_until_it_compacts(
    server: Seaweed, bucket: Bucket
) -> None:
    """What the operations manual names as the step that only the owner can do."""
    # What is compressed already is stored as it is.
    data = gzip.compress(jsonl_bytes([{**PEOPLE[0], "answer": token_hex(500)}]))
    bucket.client.put_object(Bucket=bucket.name, Key="corpus/2.jsonl.gz", Body=data)
    source = bucket.source()
    assert server.holds_bytes(data)
    source.erase(["r-1"], dry_run=False)
    assert source.confirm_absent(["r-1"])
    assert server.holds_bytes(data)
    assert server.compacts_away(data)
    assert "r-1" not in bucket.rows()


@pytest.mark.parametrize(
    "wrong",
    [{"AWS_SECRET_ACCESS_KEY": "guessed"}, {"AWS_ACCESS_KEY_ID": "nobody"}],
    ids=["secret", "name"],
)
def test_wrong_credentials_are_a_source_that_was_not_searched(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    source = bucket.source()
    with pytest.raises(SourceUnreadableError) as refused:
        source.locate(subject())
    assert refused.value.facts == {"source": "customers"}
    with pytest.raises(SourceUnreadableError):
        source.erase(["r-1"], dry_run=False)
    with pytest.raises(SourceUnreadableError):
        source.confirm_absent(["r-1"])


def test_throttling_is_waited_out(bucket: Bucket, line: Line) -> None:
    line.refusals = 1
    assert bucket.source().locate(subject()).searched == len(PEOPLE)
    assert line.refusals == 0


def test_throttling_without_end_is_a_source_that_was_not_searched(
    bucket: Bucket, line: Line
) -> None:
    line.refusals = 1000
    with pytest.raises(SourceUnreadableError):
        bucket.source().locate(subject())
    line.refusals, line.concerns = 1000, b"PUT "
    with pytest.raises(StorageError):
        bucket.source().erase(["r-1"], dry_run=False)
    assert bucket.rows() == [row["id"] for row in PEOPLE]


def test_a_fetch_that_breaks_off_is_taken_up_again(large: Bucket, line: Line) -> None:
    line.cuts, line.concerns = 1, large.fetched
    assert large.source().locate(subject()).searched == len(PEOPLE)
    assert line.cuts == 0


def test_fetches_that_break_off_for_ever_are_a_source_that_was_not_searched(
    large: Bucket, line: Line
) -> None:
    line.cuts, line.concerns = 1000, large.fetched
    with pytest.raises(SourceUnreadableError):
        large.source().locate(subject())


def test_a_connection_that_breaks_in_mid_upload_is_taken_up_again(
    large: Bucket, line: Line
) -> None:
    line.cuts, line.concerns = 1, b"partNumber="
    assert large.source().erase(["r-1"], dry_run=False) == 1
    assert line.cuts == 0
    assert large.rows() == ["r-2", "r-3", "r-4", "r-5"]
    assert (large.versions(), large.uploads()) == ((1, 0), 0)


def test_a_connection_that_stays_broken_in_mid_upload_changes_nothing(
    large: Bucket, line: Line
) -> None:
    line.cuts, line.concerns = 1000, b"partNumber=2"
    with pytest.raises(StorageError):
        large.source().erase(["r-1"], dry_run=False)
    assert large.rows() == [row["id"] for row in PEOPLE]
    assert (large.versions(), large.uploads()) == ((1, 0), 0)


def test_parts_of_an_upload_that_could_not_be_given_up_are_removed_later(
    large: Bucket, line: Line
) -> None:
    """The line breaks again and again, whatever belongs to an upload."""
    line.cuts, line.concerns = 1000, b"uploadId="
    source = large.source()
    with pytest.raises(StorageError):
        source.erase(["r-1"], dry_run=False)
    line.cuts = 0
    assert large.uploads() == 1
    assert not source.confirm_absent([])
    assert source.erase(["r-1"], dry_run=False) == 1
    assert source.confirm_absent(["r-1"])
    assert (large.versions(), large.uploads()) == ((1, 0), 0)


@pytest.mark.parametrize("size", ["small", "large"])
def test_an_object_that_another_wrote_meanwhile_is_not_overwritten(
    server: Seaweed,
    line: Line,
    monkeypatch: pytest.MonkeyPatch,
    size: str,
) -> None:
    assert line.cuts == 0
    monkeypatch.setattr(module, "PART_BYTES", SMALL_PARTS)
    filler = "a" * (3 << 19 if size == "large" else 10)
    bucket = Bucket(server, jsonl_bytes([{**row, "answer": filler} for row in PEOPLE]))
    source = bucket.source()
    finish = module._Upload.finish

    def finish_late(upload: module._Upload) -> None:
        bucket.put(jsonl_bytes(PEOPLE[3:]))
        finish(upload)

    monkeypatch.setattr(module._Upload, "finish", finish_late)
    with pytest.raises(SourceChangedError):
        source.erase(["r-1"], dry_run=False)
    assert bucket.rows() == ["r-4", "r-5"]
    assert bucket.uploads() == 0
    bucket.client.close()


def test_an_object_that_was_encrypted_by_the_server_stays_so(bucket: Bucket) -> None:
    bucket.put(jsonl_bytes(PEOPLE[:2]), ServerSideEncryption="AES256")
    bucket.source().erase(["r-1"], dry_run=False)
    head = bucket.client.head_object(Bucket=bucket.name, Key=KEY)
    assert head["ServerSideEncryption"] == "AES256"
    assert bucket.rows() == ["r-2"]


CUSTOMER_KEY = bytes(range(32))
UNDER_KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": CUSTOMER_KEY}


@dataclass(frozen=True)
class Locked:
    """A bucket with one object under a key that the server does not keep."""

    bucket: Bucket
    key_file: Path

    def source(self) -> BucketConnector:
        """Return a connector that knows where the key is."""
        spec = source_spec("s3", f"s3://{self.bucket.name}/corpus/")
        return BucketConnector(replace(spec, customer_key=str(self.key_file)))

    def get(self, **told: object) -> bytes:
        """Return the present object."""
        found = self.bucket.client.get_object(Bucket=self.bucket.name, Key=KEY, **told)
        data: bytes = found["Body"].read()
        return data


@pytest.fixture
def locked(bucket: Bucket, tmp_path: Path) -> Locked:
    """Return the bucket with its object, and its former version, under such a key."""
    bucket.client.delete_objects(
        Bucket=bucket.name,
        Delete={
            "Objects": [
                {"Key": item["Key"], "VersionId": item["VersionId"]}
                for item in bucket.client.list_object_versions(Bucket=bucket.name)[
                    "Versions"
                ]
            ]
        },
    )
    bucket.put(jsonl_bytes(), **UNDER_KEY)
    bucket.put(jsonl_bytes(), **UNDER_KEY)
    key_file = tmp_path / "corpus.key"
    key_file.write_bytes(b64encode(CUSTOMER_KEY))
    return Locked(bucket=bucket, key_file=key_file)


def test_what_is_under_a_customers_key_is_found_erased_and_stays_under_it(
    locked: Locked,
) -> None:
    source = locked.source()
    found = [record.record_id for record in source.locate(subject()).records]
    assert found == ["r-1", "r-3"]
    assert source.erase(found, dry_run=False) == 2
    assert source.confirm_absent(found)
    assert locked.bucket.versions() == (1, 0)
    rest = [json.loads(row)["id"] for row in locked.get(**UNDER_KEY).splitlines()]
    assert rest == ["r-2", "r-4", "r-5"]
    with pytest.raises(ClientError):
        locked.get()


def test_an_object_in_parts_stays_under_a_customers_key(
    locked: Locked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_BYTES", SMALL_PARTS)
    filler = {**PEOPLE[1], "id": "r-9", "answer": token_hex(SMALL_PARTS)}
    locked.bucket.put(jsonl_bytes([*PEOPLE, filler]), **UNDER_KEY)
    source = locked.source()
    completed: list[dict[str, Any]] = []
    source._files._client.meta.events.register(  # type: ignore[attr-defined]
        "before-parameter-build.s3.CompleteMultipartUpload",
        lambda params, **_: completed.append(params),
    )
    assert source.erase(["r-1"], dry_run=False) == 1
    # This server need not be told, but one whose policy asks for it.
    assert [params["SSECustomerAlgorithm"] for params in completed] == ["AES256"]
    assert locked.get(**UNDER_KEY) == jsonl_bytes([*PEOPLE[1:], filler])
    with pytest.raises(ClientError):
        locked.get()


def test_an_object_beside_it_without_the_key_is_read_and_stays_without(
    locked: Locked,
) -> None:
    locked.bucket.client.put_object(
        Bucket=locked.bucket.name,
        Key="corpus/2.jsonl",
        Body=jsonl_bytes([{**PEOPLE[0], "id": "r-8"}, {**PEOPLE[1], "id": "r-7"}]),
    )
    source = locked.source()
    found = [record.record_id for record in source.locate(subject()).records]
    assert found == ["r-1", "r-3", "r-8"]
    assert source.erase(["r-8"], dry_run=False) == 1
    left = locked.bucket.client.get_object(
        Bucket=locked.bucket.name, Key="corpus/2.jsonl"
    )
    assert json.loads(left["Body"].read())["id"] == "r-7"


@pytest.mark.parametrize("content", [b64encode(CUSTOMER_KEY[::-1]), b"none", None])
def test_without_the_right_key_the_source_is_unreadable_and_stays(
    locked: Locked, content: bytes | None
) -> None:
    locked.key_file.unlink()
    if content is not None:
        locked.key_file.write_bytes(content)
    with pytest.raises(SourceUnreadableError):
        locked.source().locate(subject())
    with pytest.raises(SourceUnreadableError):
        locked.source().erase(["r-1"], dry_run=False)
    with pytest.raises(SourceUnreadableError):
        locked.bucket.source().locate(subject())
    assert locked.get(**UNDER_KEY) == jsonl_bytes()
