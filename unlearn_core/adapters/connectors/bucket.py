"""Files below a prefix of an S3 bucket, in every format that has a file ending.

An object is read in ranges of one and the same entity and replaced only if it is still
that entity, so another writer is noticed and never overwritten. What a versioned bucket
keeps of replaced or deleted objects counts: a version that holds an erased record is
removed for good, and so are uploads that were begun below the prefix and never
completed. Address and credentials are boto3's own, as in ``AWS_ENDPOINT_URL_S3``.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ResponseStreamingError,
)

from unlearn_core.adapters.connectors.arrow import ArrowStream
from unlearn_core.adapters.connectors.customer_keys import CustomerKey
from unlearn_core.adapters.connectors.delimited import Delimited
from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.formats import chooser
from unlearn_core.adapters.connectors.jsonl import JsonLines
from unlearn_core.adapters.connectors.mail import Mbox
from unlearn_core.adapters.connectors.parquet import Parquet
from unlearn_core.adapters.connectors.ranges import Ranges
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.adapters.connectors.stored_files import Copy
from unlearn_core.errors import (
    InvalidDataMapError,
    SourceChangedError,
    SourceUnreadableError,
    StorageError,
)

PART_BYTES = 8 << 20
ATTEMPTS = 5
"""How often a call is tried: broken connections and ``SlowDown`` are waited out."""

_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_KEPT_PROPERTIES = (
    "BucketKeyEnabled",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Metadata",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "StorageClass",
)
_FORMER = "\x00"


class BucketConnector(FilesConnector):
    """Reads and erases records of the objects below a prefix."""

    def __init__(self, spec: SourceSpec) -> None:
        forms = (JsonLines, Delimited, Parquet, ArrowStream, Mbox)
        super().__init__(
            spec,
            files=BucketFiles(spec.name, spec.location, key_file=spec.customer_key),
            form_of=chooser(spec, *(form(spec) for form in forms)),
        )


class BucketFiles:
    """`Files` below a prefix of a bucket.

    Args:
        source: Name of the source.
        location: ``s3://bucket/prefix``.
        key_file: Where the key of its objects is, if the server does not keep it.
    """

    def __init__(
        self, source: str, location: str, *, key_file: str | None = None
    ) -> None:
        bucket, _, self._prefix = location.removeprefix("s3://").partition("/")
        if not location.startswith("s3://") or not bucket:
            raise InvalidDataMapError(source=source, problem="url")
        self._source = source
        self._bucket = bucket
        # A session of its own: that of the module remembers its first credentials.
        self._client: Any = boto3.session.Session().client(
            "s3", config=Config(retries={"mode": "standard", "max_attempts": ATTEMPTS})
        )
        self._key = CustomerKey(source, key_file)
        self._key.check_endpoint(self._client.meta.endpoint_url)

    def names(self) -> list[str]:
        """Return the keys of the present objects."""
        return list(self.sizes())

    def sizes(self) -> dict[str, int]:
        """Return the size of every present object by its key."""
        with self._reading():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            found = {
                item["Key"]: int(item["Size"])
                for page in pages
                for item in page.get("Contents", ())
                if self._holds_data(item["Key"])
            }
        if not found:
            raise SourceUnreadableError(source=self._source, problem="no files")
        return dict(sorted(found.items()))

    def state(self, name: str) -> tuple[int, str]:
        """Return the size of an object, and which entity it is."""
        head = self._head(name)
        return int(head["ContentLength"]), str(head["ETag"])

    def former(self) -> list[str]:
        """Return every version that is not the present one."""
        return [
            f"{_FORMER}{version['VersionId']}{_FORMER}{version['Key']}"
            for version in self._versions(self._prefix)[0]
            if not version["IsLatest"] and self._holds_data(version["Key"])
        ]

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open one entity of an object."""
        yield self._opened(name, self._head(name))

    def rewrite(self, name: str, copy: Copy) -> None:
        """Replace an object, if it is still the one that was read."""
        head = self._head(name)
        upload = _Upload(self._client, self._bucket, name, head, self.told(head))
        try:
            with self._writing():
                copy(self._opened(name, head), cast("IO[bytes]", upload))
                upload.finish()
        except BaseException:
            upload.abort()
            raise

    def remove(self, name: str) -> None:
        """Remove an object or a version, and markers that nothing is left behind."""
        address = _address(name)
        with self._writing():
            self._client.delete_object(Bucket=self._bucket, **address)
            versions, markers = self._versions(address["Key"])
            key = address["Key"]
            if not [item for item in versions if item["Key"] == key]:
                for marker in markers:
                    if marker["Key"] == key:
                        self._client.delete_object(
                            Bucket=self._bucket, Key=key, VersionId=marker["VersionId"]
                        )

    def leftovers(self) -> list[str]:
        """Return the keys of uploads that were not completed."""
        return [key for key, _ in self._uploads()]

    def tidy(self) -> None:
        """Abort uploads that were not completed."""
        for key, upload in self._uploads():
            with self._writing():
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=key, UploadId=upload
                )

    def _holds_data(self, key: str) -> bool:
        inside = key.removeprefix(self._prefix).split("/")
        return bool(inside[-1] or key == self._prefix) and not any(
            part.startswith((".", "_")) for part in inside
        )

    def _versions(self, prefix: str) -> tuple[list[Any], list[Any]]:
        versions: list[Any] = []
        markers: list[Any] = []
        with self._reading():
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            for page in pages:
                versions += page.get("Versions", ())
                markers += page.get("DeleteMarkers", ())
        return versions, markers

    def _uploads(self) -> list[tuple[str, str]]:
        with self._reading():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            return [
                (item["Key"], item["UploadId"])
                for page in pages
                for item in page.get("Uploads", ())
            ]

    def _head(self, name: str) -> Mapping[str, Any]:
        """Return what is known of an object, be it under the customer's key or not."""
        where = {"Bucket": self._bucket, **_address(name)}
        with self._reading():
            head: Mapping[str, Any]
            if self._key:
                with suppress(ClientError):
                    head = self._client.head_object(**where, **self._key.said())
                    return head
            head = self._client.head_object(**where)
            return head

    def told(self, head: Mapping[str, Any]) -> Mapping[str, str | bytes]:
        """Return what calls for the data of an object have to be told of its key."""
        return self._key.said() if head.get("SSECustomerAlgorithm") else {}

    def _opened(self, name: str, head: Mapping[str, Any]) -> IO[bytes]:
        entity = {"IfMatch": head["ETag"], **self.told(head)}
        ranges = Ranges(partial(self._read_range, name, entity), head["ContentLength"])
        return cast("IO[bytes]", io.BufferedReader(ranges, 1 << 20))

    def _read_range(
        self, name: str, entity: Mapping[str, Any], begin: int, end: int
    ) -> bytes:
        """Return bytes of one entity, the last one excluded.

        boto3 tries again until an answer has begun; one that breaks off later is
        asked for again here.
        """
        wanted = {"Range": f"bytes={begin}-{end - 1}", **entity}
        with self._reading():
            for _ in range(ATTEMPTS - 1):
                with suppress(ResponseStreamingError, IncompleteReadError):
                    return self._fetch(name, wanted)
            return self._fetch(name, wanted)

    def _fetch(self, name: str, wanted: Mapping[str, Any]) -> bytes:
        found = self._client.get_object(Bucket=self._bucket, **wanted, **_address(name))
        data: bytes = found["Body"].read()
        return data

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            if _is_change(error):
                raise SourceChangedError(source=self._source) from None
            raise SourceUnreadableError(source=self._source) from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            if _is_change(error):
                raise SourceChangedError(source=self._source) from None
            raise StorageError(kind=type(error).__name__) from None


class _Upload:
    """Writes an object in parts; what is small goes in one piece."""

    closed = False

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - made by boto3 from a description
        bucket: str,
        key: str,
        head: Mapping[str, Any],
        told: Mapping[str, str | bytes],
    ) -> None:
        self._client = client
        self._where = {"Bucket": bucket, "Key": key}
        self._told = told
        self._etag: str = head["ETag"]
        self._properties = {
            name: head[name] for name in _KEPT_PROPERTIES if head.get(name)
        }
        self._buffer = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._upload = ""
        self._written = 0

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._buffer += data
        self._written += len(data)
        while len(self._buffer) >= PART_BYTES:
            self._send(bytes(self._buffer[:PART_BYTES]))
            del self._buffer[:PART_BYTES]
        return len(data)

    def flush(self) -> None:
        """Keep what was written for the next part."""

    def close(self) -> None:
        """Stay open: `finish` completes the object."""

    def tell(self) -> int:
        """Return how much was written."""
        return self._written

    def writable(self) -> bool:
        """Tell that it can be written."""
        return True

    def finish(self) -> None:
        """Complete the object, if it is still the one that was read."""
        # Not every server heeds the condition on the completion of parts.
        self._client.head_object(**self._where, **self._told, IfMatch=self._etag)
        if not self._upload:
            self._client.put_object(
                **self._where,
                **self._properties,
                **self._told,
                Body=bytes(self._buffer),
                IfMatch=self._etag,
            )
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        self._client.complete_multipart_upload(
            **self._where,
            **self._told,
            UploadId=self._upload,
            MultipartUpload={"Parts": self._parts},
            IfMatch=self._etag,
        )
        self._upload = ""

    def abort(self) -> None:
        """Give up what was sent."""
        if self._upload:
            with suppress(BotoCoreError, ClientError):
                self._client.abort_multipart_upload(
                    **self._where, UploadId=self._upload
                )

    def _send(self, data: bytes) -> None:
        if not self._upload:
            created = self._client.create_multipart_upload(
                **self._where, **self._properties, **self._told
            )
            self._upload = created["UploadId"]
        number = len(self._parts) + 1
        sent = self._client.upload_part(
            **self._where,
            **self._told,
            UploadId=self._upload,
            PartNumber=number,
            Body=data,
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})


def _address(name: str) -> dict[str, str]:
    """Return the arguments that name an object, or a former version of it."""
    if not name.startswith(_FORMER):
        return {"Key": name}
    _, version, key = name.split(_FORMER, 2)
    return {"Key": key, "VersionId": version}


def _is_change(error: Exception) -> bool:
    """Tell whether a server has refused because of another writer."""
    # A connection that broke off has a response as well, which is none.
    if not isinstance(error, ClientError):
        return False
    return error.response.get("Error", {}).get("Code") in _CHANGED
