import os
from pathlib import Path

import boto3
import pytest
from support.buckets import CREDENTIALS, endpoint

from unlearn_core.adapters.artifact_key import artifact_key, wrap_artifact_key
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.errors import (
    KeyMissingError,
    SealBrokenError,
    SettingsError,
    StorageError,
)

AWAY = "http://127.0.0.1:9"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with every key."""
    KeyDirectory(tmp_path / "keys").create()
    return tmp_path / "keys"


def kms_key() -> str:
    """Return a fresh key of moto, a stub of AWS KMS."""
    os.environ.update(CREDENTIALS)
    client = boto3.client("kms", endpoint_url=endpoint())
    key = client.create_key()["KeyMetadata"]["Arn"]
    client.close()
    return str(key)


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.glob("artifact*")}


@pytest.mark.integration
def test_a_wrapped_key_is_opened_by_the_key_service_and_lies_nowhere_in_the_clear(
    directory: Path,
) -> None:
    service, plain = kms_key(), KeyDirectory(directory).artifact_key()
    wrap_artifact_key(directory, kms_key=service, endpoint_url=endpoint())
    assert names(directory) == {"artifact.wrapped"}
    wrapped = (directory / "artifact.wrapped").read_bytes()
    assert plain not in wrapped
    assert artifact_key(directory, kms_key=service, endpoint_url=endpoint()) == plain
    assert (directory / "artifact.wrapped").stat().st_mode & 0o777 == 0o600


@pytest.mark.integration
def test_a_wrapped_key_opens_nothing_without_its_service(directory: Path) -> None:
    service = kms_key()
    wrap_artifact_key(directory, kms_key=service, endpoint_url=endpoint())
    with pytest.raises(KeyMissingError):
        artifact_key(directory, kms_key="")
    with pytest.raises(StorageError):
        artifact_key(directory, kms_key=service, endpoint_url=AWAY)
    # AWS names the wrong key, its stub denies access.
    with pytest.raises((SealBrokenError, StorageError)):
        artifact_key(directory, kms_key=kms_key(), endpoint_url=endpoint())


@pytest.mark.integration
def test_no_second_key_is_made_beside_a_wrapped_one(directory: Path) -> None:
    wrap_artifact_key(directory, kms_key=kms_key(), endpoint_url=endpoint())
    KeyDirectory(directory).create()
    assert names(directory) == {"artifact.wrapped"}


@pytest.mark.integration
def test_a_service_that_is_away_leaves_the_key_as_it_was(directory: Path) -> None:
    with pytest.raises(StorageError):
        wrap_artifact_key(directory, kms_key=kms_key(), endpoint_url=AWAY)
    assert names(directory) == {"artifact.key"}


def test_without_a_service_the_file_counts_and_nothing_is_wrapped(
    directory: Path,
) -> None:
    expected = KeyDirectory(directory).artifact_key()
    assert artifact_key(directory, kms_key="") == expected
    # A service that wraps data keys only is no obstacle.
    assert artifact_key(directory, kms_key="some key") == expected
    with pytest.raises(SettingsError, match="KMS_KEY"):
        wrap_artifact_key(directory, kms_key="")
    assert names(directory) == {"artifact.key"}
