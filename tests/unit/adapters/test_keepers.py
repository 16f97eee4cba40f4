"""What only one kind of place shows; the rest is in the contract tests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from support.buckets import endpoint, locked_bucket
from support.log import note, prove
from support.witness import COSIGNATURE, Witness, running_witness

from unlearn_core.adapters.keepers import (
    BucketKeeper,
    FolderKeeper,
    WitnessKeeper,
    file_name,
    open_keeper,
)
from unlearn_core.domain.checkpoints import LogForkedError
from unlearn_core.errors import StorageError


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/mnt/auditor", FolderKeeper),
        ("https://witness.example/w", WitnessKeeper),
        pytest.param("s3://bucket/log", BucketKeeper, marks=pytest.mark.integration),
    ],
)
def test_an_address_says_what_kind_of_place_it_is(place: str, kind: type) -> None:
    assert isinstance(open_keeper(place, endpoint_url=None, days=1), kind)


def test_a_folder_has_one_file_for_each_checkpoint(tmp_path: Path) -> None:
    keeper = FolderKeeper(tmp_path / "outside")
    for size in (3, 13):
        keeper.publish(note(size), prove=prove(size))
    names = sorted(path.name for path in (tmp_path / "outside").iterdir())
    assert names == [file_name(note(3)), file_name(note(13))]
    assert names[1].startswith("00000000000000000013-")


def test_what_is_no_checkpoint_in_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "00000000000000000099-x.checkpoint").write_bytes(b"junk")
    with pytest.raises(StorageError, match="not a checkpoint"):
        FolderKeeper(tmp_path).publish(note(3), prove=prove(3))


@pytest.mark.integration
def test_nobody_can_remove_a_locked_checkpoint_or_hide_it() -> None:
    """The administrator of the bucket tries; object lock and versions stand it."""
    name = locked_bucket()
    keeper = BucketKeeper(name, "log", endpoint_url=endpoint(), days=30)
    keeper.publish(note(3), prove=prove(3))
    client = boto3.client("s3", endpoint_url=endpoint())
    key = f"log/{file_name(note(3))}"
    (version,) = client.list_object_versions(Bucket=name)["Versions"]
    lock = client.head_object(Bucket=name, Key=key)
    assert lock["ObjectLockMode"] == "COMPLIANCE"
    left = lock["ObjectLockRetainUntilDate"] - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=name, Key=key, VersionId=version["VersionId"])
    client.put_object(Bucket=name, Key=key, Body=b"another history")
    client.delete_object(Bucket=name, Key=key)
    assert list(keeper.kept()) == [note(3)]
    client.close()


@pytest.mark.integration
def test_a_witness_adds_its_signature_and_is_asked_twice_at_most() -> None:
    witness = Witness()
    with running_witness(witness) as url:
        keeper = WitnessKeeper(url + "/")
        signed = keeper.publish(note(3), prove=prove(3))
        assert signed == note(3) + COSIGNATURE.line()
        keeper.publish(note(13), prove=prove(13))
    assert [body.split(b"\n")[0] for body in witness.asked] == [
        b"old 0",
        b"old 0",
        b"old 3",
    ]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("fixed", "problem"),
    [
        ((404, "text/plain", b""), "status=404"),
        ((500, "text/plain", b""), "status=500"),
        ((200, "text/plain", b"welcome"), "not signatures"),
        ((200, "text/plain", b""), "not signatures"),
        ((409, "text/x.tlog.size", b"many"), "not a size"),
        ((409, "text/x.tlog.size", b"-1"), "not a size"),
        ((409, "text/x.tlog.size", b"2"), "keeps changing its mind"),
    ],
)
def test_a_witness_that_answers_otherwise_counts_as_away(
    fixed: tuple[int, str, bytes], problem: str
) -> None:
    with (
        running_witness(Witness(fixed=fixed)) as url,
        pytest.raises(StorageError, match=problem),
    ):
        WitnessKeeper(url).publish(note(3), prove=prove(3))


@pytest.mark.integration
def test_a_witness_that_knows_more_than_we_do_is_an_alarm() -> None:
    witness = Witness(fixed=(409, "text/x.tlog.size", b"99"))
    with (
        running_witness(witness) as url,
        pytest.raises(LogForkedError, match="kept=99"),
    ):
        WitnessKeeper(url).publish(note(3), prove=prove(3))
