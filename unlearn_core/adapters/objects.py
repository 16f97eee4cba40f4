"""Where sealed bytes are kept: a folder or an S3 bucket. Both see cipher text only."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from unlearn_core.errors import StorageError


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
        """Write beside, flush, rename over."""
        path = self._folder / name
        with as_storage_errors():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
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

    def remove(self, name: str) -> None:
        """Remove an object with every version and delete marker."""
        self._remove(self._key(name), is_exact=True)

    def remove_all(self, prefix: str) -> int:
        """Remove all objects below a prefix with every version and delete marker."""
        return self._remove(self._key(prefix) + "/", is_exact=False)

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
