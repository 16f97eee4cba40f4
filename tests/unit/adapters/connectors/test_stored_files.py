"""What folders and buckets have in common; the bucket's part is integration."""

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from support.buckets import endpoint, fresh_bucket

from unlearn_core.adapters.connectors.bucket import BucketFiles
from unlearn_core.adapters.connectors.files import LocalFiles
from unlearn_core.adapters.connectors.stored_files import Files
from unlearn_core.errors import SourceUnreadableError

Write = Callable[[str, bytes], None]
Stored = tuple[Files, Write, str]


@pytest.fixture(
    params=["folder", pytest.param("bucket", marks=pytest.mark.integration)]
)
def stored(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Stored:
    """Return empty files, what writes one, and what stands before their names."""
    if request.param == "folder":

        def write(name: str, data: bytes) -> None:
            (tmp_path / name).write_bytes(data)

        return LocalFiles("people", tmp_path), write, f"{tmp_path}/"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint())
    bucket = fresh_bucket()
    client = boto3.client("s3", endpoint_url=endpoint())

    def put(name: str, data: bytes) -> None:
        client.put_object(Bucket=bucket, Key=f"corpus/{name}", Body=data)

    return BucketFiles("people", f"s3://{bucket}/corpus/"), put, "corpus/"


def test_files_are_told_with_their_sizes(stored: Stored) -> None:
    files, write, before = stored
    write("b", b"four")
    write("a", b"")
    assert files.sizes() == {f"{before}a": 0, f"{before}b": 4}
    assert files.names() == list(files.sizes())


def test_the_state_of_a_file_changes_with_it_and_not_without(stored: Stored) -> None:
    files, write, before = stored
    write("a", b"four")
    size, mark = files.state(f"{before}a")
    assert size == 4
    assert files.state(f"{before}a") == (4, mark)
    write("a", b"other")
    assert files.state(f"{before}a")[1] != mark


def test_what_is_not_there_has_neither_size_nor_state(stored: Stored) -> None:
    files, _, before = stored
    with pytest.raises(SourceUnreadableError):
        files.sizes()
    with pytest.raises(SourceUnreadableError):
        files.state(f"{before}a")
