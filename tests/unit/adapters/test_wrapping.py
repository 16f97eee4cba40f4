import os
from collections.abc import Callable

import boto3
import pytest
from support.buckets import CREDENTIALS, endpoint

from unlearn_core.adapters.wrapping import KeyWrapping, KmsWrapping, LocalWrapping
from unlearn_core.errors import SealBrokenError, StorageError

DATA_KEY = bytes(range(32))
SCOPE, OTHER = "key/0-1", "key/0-2"


def local() -> KeyWrapping:
    """Return a wrapping under a fresh key of this process."""
    return LocalWrapping(os.urandom(32))


def kms() -> KeyWrapping:
    """Return a wrapping under a fresh key of moto, a stub of AWS KMS."""
    os.environ.update(CREDENTIALS)
    client = boto3.client("kms", endpoint_url=endpoint())
    key = client.create_key()["KeyMetadata"]["Arn"]
    client.close()
    return KmsWrapping(key, endpoint_url=endpoint())


EACH = pytest.mark.parametrize(
    "fresh", [local, pytest.param(kms, marks=pytest.mark.integration)]
)


@EACH
def test_a_wrapped_key_comes_back_for_its_purpose_only(
    fresh: Callable[[], KeyWrapping],
) -> None:
    wrapping = fresh()
    wrapped = wrapping.wrap(DATA_KEY, purpose=SCOPE)
    assert DATA_KEY not in wrapped
    assert wrapping.unwrap(wrapped, purpose=SCOPE) == DATA_KEY
    with pytest.raises(SealBrokenError):
        wrapping.unwrap(wrapped, purpose=OTHER)


@EACH
def test_another_key_or_other_bytes_unwrap_nothing(
    fresh: Callable[[], KeyWrapping],
) -> None:
    wrapping = fresh()
    wrapped = wrapping.wrap(DATA_KEY, purpose=SCOPE)
    # AWS names the wrong key, its stub denies access.
    with pytest.raises((SealBrokenError, StorageError)):
        fresh().unwrap(wrapped, purpose=SCOPE)
    with pytest.raises(SealBrokenError):
        wrapping.unwrap(wrapped[:-1] + bytes([wrapped[-1] ^ 1]), purpose=SCOPE)


@pytest.mark.integration
def test_a_service_that_refuses_or_is_away_is_a_storage_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    unknown = "arn:aws:kms:eu-central-1:123456789012:key/unknown"
    for wrapping in (
        KmsWrapping(unknown, endpoint_url=endpoint()),
        KmsWrapping(unknown, endpoint_url="http://127.0.0.1:9"),
    ):
        with pytest.raises(StorageError):
            wrapping.wrap(DATA_KEY, purpose=SCOPE)
