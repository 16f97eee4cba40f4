"""Fresh buckets on a real S3 protocol server inside the test process."""

import atexit
import os
from functools import cache
from uuid import uuid4

import boto3
from moto.server import ThreadedMotoServer

from unlearn_core.adapters.objects import BucketObjects

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


def fresh_bucket(*, is_versioned: bool = False) -> str:
    """Create a bucket and return its name."""
    os.environ.update(CREDENTIALS)
    client = boto3.client("s3", endpoint_url=endpoint())
    name = f"bucket-{uuid4().hex}"
    client.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    if is_versioned:
        client.put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        )
    client.close()
    return name


def locked_bucket() -> str:
    """Create a bucket with object lock and return its name."""
    os.environ.update(CREDENTIALS)
    client = boto3.client("s3", endpoint_url=endpoint())
    name = f"bucket-{uuid4().hex}"
    client.create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        ObjectLockEnabledForBucket=True,
    )
    client.close()
    return name


def empty_bucket(name: str) -> None:
    """Remove every object of a bucket with every version."""
    client = boto3.client("s3", endpoint_url=endpoint())
    found = client.list_object_versions(Bucket=name)
    for item in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
        client.delete_object(Bucket=name, Key=item["Key"], VersionId=item["VersionId"])
    client.close()


def open_bucket(name: str, *, prefix: str = "unlearn") -> BucketObjects:
    """Open a bucket of the server."""
    return BucketObjects(name, prefix, endpoint_url=endpoint())


@cache
def endpoint() -> str:
    """Start the server once and return its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    atexit.register(server.stop)
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"
