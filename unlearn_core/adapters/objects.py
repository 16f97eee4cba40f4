"""Where sealed bytes are kept: a folder or an S3 bucket. Both see cipher text only."""

import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any, Protocol

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from unlearn_core.errors import StorageError

PIECE_BYTES = 1 << 16
_ALONE = TransferConfig(use_threads=False)


class ObjectStore(Protocol):
    """Named bytes."""

    def write(self, name: str, data: bytes) -> None:
        """Store or replace an object as a whole.

        Raises:
            StorageError: The store cannot be written.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """Return an object, or None if there is none.

        Raises:
            StorageError: The store cannot be read.
        """
        ...

    def write_stream(self, name: str, data: Iterable[bytes]) -> None:
        """Store or replace an object piece by piece; nothing if the stream fails.

        Raises:
            StorageError: The store cannot be written.
        """
        ...

    def read_stream(self, name: str) -> Iterator[bytes] | None:
        """Return an object piece by piece, or None if there is none.

        Raises:
            StorageError: The store cannot be read; told while reading as well.
        """
        ...

    def has(self, name: str) -> bool:
        """Tell whether there is an object.

        Raises:
            StorageError: The store cannot be read.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove an object, all versions of it; an absent one is no error.

        Raises:
            StorageError: The store cannot be changed.
        """
        ...

    def remove_all(self, prefix: str) -> int:
        """Remove every object below a prefix, all versions of it; return how many.

        Raises:
            StorageError: The store cannot be changed.
        """
        ...


class FolderObjects:
    """Objects as files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        self.write_stream(name, (data,))

    def write_stream(self, name: str, data: Iterable[bytes]) -> None:
        """Write beside, flush, rename over."""
        path = self._folder / name
        with as_storage_errors():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.writelines(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(beside).replace(path)
            finally:
                with suppress(OSError):
                    Path(beside).unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes."""
        with as_storage_errors():
            try:
                return (self._folder / name).read_bytes()
            except FileNotFoundError:
                return None

    def read_stream(self, name: str) -> Iterator[bytes] | None:
        """Return a file's bytes piece by piece."""
        with as_storage_errors():
            try:
                file = (self._folder / name).open("rb")
            except FileNotFoundError:
                return None
        return _pieces(file)

    def has(self, name: str) -> bool:
        """Tell whether there is a file."""
        with as_storage_errors():
            try:
                found = (self._folder / name).stat()
            except FileNotFoundError:
                return False
            return S_ISREG(found.st_mode)

    def remove(self, name: str) -> None:
        """Remove a file."""
        with as_storage_errors():
            (self._folder / name).unlink(missing_ok=True)

    def remove_all(self, prefix: str) -> int:
        """Remove every file below a folder."""
        with as_storage_errors():
            paths = [
                path for path in (self._folder / prefix).rglob("*") if path.is_file()
            ]
            for path in paths:
                path.unlink()
            with suppress(OSError):
                (self._folder / prefix).rmdir()
            return len(paths)


class BucketObjects:
    """Objects in an S3 bucket.

    Args:
        bucket: Name of the bucket.
        prefix: Put before every name.
        endpoint_url: Address of an S3-compatible server, None for the provider's.
    """

    def __init__(self, bucket: str, prefix: str, *, endpoint_url: str | None) -> None:
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._client = boto3.client("s3", endpoint_url=endpoint_url)

    def write(self, name: str, data: bytes) -> None:
        """Store an object."""
        with as_storage_errors():
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=data)

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes."""
        with as_storage_errors():
            try:
                found = self._client.get_object(
                    Bucket=self._bucket, Key=self._key(name)
                )
            except self._client.exceptions.NoSuchKey:
                return None
            data: bytes = found["Body"].read()
            return data

    def write_stream(self, name: str, data: Iterable[bytes]) -> None:
        """Store an object, in parts if it is large; parts are aborted on failure."""
        file = io.BufferedReader(_Readable(data), PIECE_BYTES)
        with as_storage_errors():
            self._client.upload_fileobj(
                file, self._bucket, self._key(name), Config=_ALONE
            )

    def read_stream(self, name: str) -> Iterator[bytes] | None:
        """Return an object's bytes piece by piece."""
        with as_storage_errors():
            try:
                found = self._client.get_object(
                    Bucket=self._bucket, Key=self._key(name)
                )
            except self._client.exceptions.NoSuchKey:
                return None
        return _pieces(found["Body"])

    def has(self, name: str) -> bool:
        """Tell whether there is an object."""
        with as_storage_errors():
            # A HEAD says 404 for a bucket that does not exist as well.
            found = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=self._key(name), MaxKeys=1
            )
        return self._key(name) in (item["Key"] for item in found.get("Contents", ()))

    def remove(self, name: str) -> None:
        """Remove an object with every version and delete marker."""
        self._remove(self._key(name), is_exact=True)

    def remove_all(self, prefix: str) -> int:
        """Remove all objects below a prefix with every version and delete marker.

        Parts of an upload that was cut off go as well.
        """
        below = self._key(prefix) + "/"
        with as_storage_errors():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=below
            )
            for page in pages:
                for item in page.get("Uploads", ()):
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket, Key=item["Key"], UploadId=item["UploadId"]
                    )
        return self._remove(below, is_exact=False)

    def _remove(self, prefix: str, *, is_exact: bool) -> int:
        removed = 0
        with as_storage_errors():
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            for page in pages:
                versions = page.get("Versions", [])
                for item in [*versions, *page.get("DeleteMarkers", [])]:
                    if is_exact and item["Key"] != prefix:
                        continue
                    self._client.delete_object(
                        Bucket=self._bucket,
                        Key=item["Key"],
                        VersionId=item["VersionId"],
                    )
                removed += len(versions)
        return removed

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name


def open_objects(location: str, *, endpoint_url: str | None) -> ObjectStore:
    """Open the store at a folder or an ``s3://bucket/prefix`` address."""
    if location.startswith("s3://"):
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        return BucketObjects(bucket, prefix, endpoint_url=endpoint_url)
    return FolderObjects(Path(location))


class ObjectEvidence:
    """`EvidenceStore` over an object store."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def put(self, name: str, data: bytes) -> None:
        """Store or replace a document."""
        self._objects.write(name, data)

    def get(self, name: str) -> bytes | None:
        """Return a document, if there is one."""
        return self._objects.read(name)

    def remove(self, name: str) -> None:
        """Remove a document."""
        self._objects.remove(name)


class _Open(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class _Readable(io.RawIOBase):
    """A stream as a file that can be read once."""

    def __init__(self, data: Iterable[bytes]) -> None:
        self._data = iter(data)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Read the next bytes."""
        while not self._rest:
            piece = next(self._data, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _pieces(file: _Open) -> Iterator[bytes]:
    """Yield what a file holds, and close it."""
    with as_storage_errors(), closing(file):
        while piece := file.read(PIECE_BYTES):
            yield piece


@contextmanager
def as_storage_errors() -> Iterator[None]:
    """Turn errors of files and buckets into ours, without their text.

    Raises:
        StorageError: Whatever it was.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(errno=error.errno) from None
    except (BotoCoreError, ClientError) as error:
        raise StorageError(kind=type(error).__name__) from None
