"""Where checkpoints are kept beyond the operator's reach.

==============================  ====================================================
place                           what makes it the auditor's, not the operator's
==============================  ====================================================
a folder                        mounted from elsewhere, append-only there
``s3://bucket/prefix``          object lock: nobody can change or remove an object
``https://witness/prefix``      a `C2SP tlog-witness <https://c2sp.org/tlog-witness>`_
                                signs only what continues what it signed before
==============================  ====================================================

Folder and bucket keep one file for each checkpoint, named by size and root.
"""

import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import httpx

from unlearn_core.adapters.objects import as_storage_errors
from unlearn_core.domain.checkpoints import (
    CheckpointInvalidError,
    LogForkedError,
    read_note,
)
from unlearn_core.errors import StorageError
from unlearn_core.ports import CheckpointKeeper, Prove

SUFFIX = ".checkpoint"
TIMEOUT_SECONDS = 10.0
ATTEMPTS = 3

_SIZE_TYPE = "text/x.tlog.size"
_SIZE_DIGITS = 20


class FolderKeeper:
    """`CheckpointKeeper` in a folder; files are created and never written again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        """Return the name of the place."""
        return "folder"

    def publish(self, note: bytes, *, prove: Prove) -> bytes:
        """Keep a checkpoint beside the earlier ones."""
        check_continues(list(self.kept()), note, prove=prove)
        with as_storage_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / file_name(note)
            with suppress(FileExistsError), path.open("xb") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
        return note

    def kept(self) -> Iterator[bytes]:
        """Yield the checkpoints that are kept, smallest first."""
        with as_storage_errors():
            paths = sorted(self._folder.glob(f"*{SUFFIX}"))
            notes = [path.read_bytes() for path in paths]
        yield from notes


class BucketKeeper:
    """`CheckpointKeeper` in an S3 bucket with object lock.

    Args:
        bucket: Name of the bucket; it must have been made with object lock.
        prefix: Put before every name.
        endpoint_url: Address of an S3-compatible server, None for the provider's.
        days: How long nobody may change or remove a checkpoint.
    """

    def __init__(
        self, bucket: str, prefix: str, *, endpoint_url: str | None, days: int
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/".lstrip("/")
        self._days = days
        self._client = boto3.client("s3", endpoint_url=endpoint_url)

    @property
    def name(self) -> str:
        """Return the name of the place."""
        return "bucket"

    def publish(self, note: bytes, *, prove: Prove) -> bytes:
        """Keep a checkpoint, locked, beside the earlier ones."""
        kept = list(self.kept())
        check_continues(kept, note, prove=prove)
        if note not in kept:
            until = datetime.now(UTC) + timedelta(days=self._days)
            with as_storage_errors():
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + file_name(note),
                    Body=note,
                    ChecksumAlgorithm="SHA256",
                    ObjectLockMode="COMPLIANCE",
                    ObjectLockRetainUntilDate=until,
                )
        return note

    def kept(self) -> Iterator[bytes]:
        """Yield the first version of every checkpoint, smallest first.

        Later versions and delete markers, which a lock does not prevent, change
        nothing.
        """
        first: dict[str, str] = {}
        with as_storage_errors():
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            for page in pages:
                # The newest version of a name comes first, so the oldest stays.
                for item in page.get("Versions", []):
                    first[item["Key"]] = item["VersionId"]
            notes = [
                self._client.get_object(Bucket=self._bucket, Key=key, VersionId=version)
                for key, version in sorted(first.items())
                if key.endswith(SUFFIX)
            ]
            found = [note["Body"].read() for note in notes]
        yield from found


class WitnessKeeper:
    """`CheckpointKeeper` that asks a witness over HTTP to sign too.

    Args:
        url: Address before ``/add-checkpoint``.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    @property
    def name(self) -> str:
        """Return the name of the place."""
        return "witness"

    def publish(self, note: bytes, *, prove: Prove) -> bytes:
        """Prove to the witness that the log only grew; add its signature."""
        old, size = 0, read_note(note)[0].size
        for _ in range(ATTEMPTS):
            answer = self._ask(note, old=old, prove=prove)
            match answer.status_code:
                case httpx.codes.OK:
                    return _joined(note, answer.content)
                case httpx.codes.CONFLICT if _SIZE_TYPE in answer.headers.get(
                    "Content-Type", ""
                ):
                    old = _size(answer)
                    if old > size:
                        raise LogForkedError(problem="shorter", kept=old, found=size)
                case httpx.codes.CONFLICT | httpx.codes.UNPROCESSABLE_ENTITY:
                    raise LogForkedError(problem="rewritten", kept=old, found=size)
                case code:
                    raise StorageError(place="witness", status=code)
        raise StorageError(place="witness", problem="keeps changing its mind")

    def kept(self) -> Iterator[bytes]:
        """Yield nothing: a witness shows its memory by what it refuses."""
        yield from ()

    def _ask(self, note: bytes, *, old: int, prove: Prove) -> httpx.Response:
        lines = [f"old {old}", *(_base64(step) for step in prove(old)), "", ""]
        body = "\n".join(lines).encode() + note
        try:
            return httpx.post(
                f"{self._url}/add-checkpoint", content=body, timeout=TIMEOUT_SECONDS
            )
        except httpx.HTTPError as error:
            raise StorageError(place="witness", kind=type(error).__name__) from None


def open_keeper(place: str, *, endpoint_url: str | None, days: int) -> CheckpointKeeper:
    """Open the place at an address: ``https://``, ``s3://``, or else a folder."""
    if place.startswith(("http://", "https://")):
        return WitnessKeeper(place)
    if place.startswith("s3://"):
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        return BucketKeeper(bucket, prefix, endpoint_url=endpoint_url, days=days)
    return FolderKeeper(Path(place))


def check_continues(kept: list[bytes], note: bytes, *, prove: Prove) -> None:
    """Make sure that a checkpoint continues the latest one that is kept.

    Raises:
        LogForkedError: It does not.
        StorageError: What is kept is no checkpoint.
    """
    if not kept:
        return
    try:
        latest, _ = read_note(kept[-1])
    except CheckpointInvalidError:
        raise StorageError(problem="not a checkpoint") from None
    new, _ = read_note(note)
    path = prove(latest.size) if latest.size <= new.size else ()
    latest.check_extended(new, path)


def file_name(note: bytes) -> str:
    """Return the name of a checkpoint's file: names sort as sizes do."""
    checkpoint, _ = read_note(note)
    return f"{checkpoint.size:020d}-{checkpoint.root.hex()[:16]}{SUFFIX}"


def _joined(note: bytes, lines: bytes) -> bytes:
    """Put a witness's signature lines, at least one, under a checkpoint."""
    if not lines:
        raise StorageError(place="witness", problem="not signatures")
    try:
        read_note(note + lines)
    except CheckpointInvalidError:
        raise StorageError(place="witness", problem="not signatures") from None
    return note + lines


def _size(answer: httpx.Response) -> int:
    """Read the size that a witness names."""
    text = answer.text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= _SIZE_DIGITS):
        raise StorageError(place="witness", problem="not a size")
    return int(text)


def _base64(step: bytes) -> str:
    return b64encode(step).decode()
