import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from support.buckets import endpoint, fresh_bucket, open_bucket

from unlearn_core.adapters.objects import (
    BucketObjects,
    FolderObjects,
    ObjectStore,
    open_objects,
)
from unlearn_core.errors import StorageError

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/place")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a store."""
    return tmp_path / "objects"


def names(folder: Path) -> set[str]:
    """Return the files below a folder, hidden ones included."""
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    }


def test_an_object_is_a_file_that_only_its_owner_can_read(folder: Path) -> None:
    FolderObjects(folder).write("scope/content", b"sealed")
    assert names(folder) == {"scope/content"}
    assert stat.S_IMODE((folder / "scope/content").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "scope").stat().st_mode) == 0o700


def fail(fault: BaseException) -> Callable[..., None]:
    """Return something that fails however it is called."""

    def failing(*_: object, **__: object) -> None:
        raise fault

    return failing


@pytest.mark.parametrize(
    ("owner", "method"), [(os, "fsync"), (Path, "replace"), (Path, "mkdir")]
)
def test_a_full_disk_is_reported_and_leaves_no_half_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, owner: object, method: str
) -> None:
    store = FolderObjects(folder)
    store.write("scope/content", b"old")
    with monkeypatch.context() as broken:
        broken.setattr(owner, method, fail(FULL))
        with pytest.raises(StorageError) as raised:
            store.write("scope/content", b"new and longer")
    assert str(raised.value).endswith(f"(errno={errno.ENOSPC})")
    assert names(folder) == {"scope/content"}
    assert store.read("scope/content") == b"old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_disk_that_fills_up_while_writing_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(**_: object) -> tuple[int, str]:
        return os.open("/dev/full", os.O_WRONLY), str(folder / "none")

    monkeypatch.setattr("tempfile.mkstemp", create)
    with pytest.raises(StorageError, match=f"errno={errno.ENOSPC}"):
        FolderObjects(folder).write("content", b"x" * 100_000)
    assert names(folder) == set()


def test_a_crash_while_writing_leaves_the_old_object(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderObjects(folder)
    store.write("content", b"old")
    monkeypatch.setattr(Path, "replace", fail(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        store.write("content", b"new")
    assert store.read("content") == b"old"


@pytest.mark.parametrize("use", ["read", "read_stream", "remove_all"])
def test_a_folder_that_cannot_be_read_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    store = FolderObjects(folder)
    store.write("scope/content", b"sealed")
    denied = fail(PermissionError(errno.EACCES, "denied"))
    monkeypatch.setattr(Path, "read_bytes", denied)
    monkeypatch.setattr(Path, "open", denied)
    monkeypatch.setattr(Path, "unlink", denied)
    with pytest.raises(StorageError, match=f"errno={errno.EACCES}"):
        getattr(store, use)("scope" if use == "remove_all" else "scope/content")


IN_BUCKET = pytest.param("bucket", marks=pytest.mark.integration)


@pytest.fixture(params=["folder", IN_BUCKET])
def store(request: pytest.FixtureRequest, folder: Path) -> ObjectStore:
    """Return an empty store of each kind."""
    if request.param == "folder":
        return FolderObjects(folder)
    return open_bucket(fresh_bucket())


def test_removing_counts_what_is_below_a_prefix_and_leaves_neighbours(
    store: ObjectStore,
) -> None:
    for name in ("a/one", "a/deep/two", "a.contact/one", "ab/one"):
        store.write(name, b"sealed")
    assert store.remove_all("a") == 2
    assert store.read("a/one") is None
    assert store.read("a/deep/two") is None
    assert store.read("a.contact/one") == b"sealed"
    assert store.read("ab/one") == b"sealed"
    assert store.remove_all("a") == 0


def test_an_object_is_there_under_its_whole_name_only(store: ObjectStore) -> None:
    store.write("a/one", b"sealed")
    assert store.has("a/one")
    assert not store.has("a/on")
    assert not store.has("a")
    assert store.read_stream("a/on") is None


@pytest.mark.integration
def test_parts_of_an_upload_that_was_cut_off_are_removed_too() -> None:
    name = fresh_bucket()
    store = open_bucket(name)
    client = store._client
    for key in ("unlearn/a/one", "unlearn/ab/one"):
        client.create_multipart_upload(Bucket=name, Key=key)
    assert store.remove_all("a") == 0
    left = client.list_multipart_uploads(Bucket=name)["Uploads"]
    assert [item["Key"] for item in left] == ["unlearn/ab/one"]


@pytest.mark.integration
def test_all_versions_of_an_object_are_removed() -> None:
    """Otherwise a sealed object would live on behind its delete marker."""
    name = fresh_bucket(is_versioned=True)
    store = open_bucket(name, prefix="")
    store.write("a/one", b"first")
    store.write("a/one", b"second")
    store._client.delete_object(Bucket=name, Key="a/one")
    assert store.remove_all("a") == 2
    left = store._client.list_object_versions(Bucket=name)
    assert left.get("Versions", []) == []
    assert left.get("DeleteMarkers", []) == []


@pytest.mark.integration
def test_two_prefixes_of_one_bucket_do_not_mix() -> None:
    name = fresh_bucket()
    open_bucket(name, prefix="/one/").write("a", b"1")
    assert open_bucket(name, prefix="one").read("a") == b"1"
    assert open_bucket(name, prefix="two").read("a") is None
    assert open_bucket(name, prefix="").read("one/a") == b"1"


@pytest.mark.integration
def test_a_bucket_that_does_not_answer_is_reported() -> None:
    fresh_bucket()
    store = BucketObjects("any", "", endpoint_url="http://127.0.0.1:9")
    store._client.meta.config.__dict__["retries"] = {"total_max_attempts": 1}
    for use in (
        lambda: store.write("a", b"1"),
        lambda: store.read("a"),
        lambda: store.remove_all("a"),
    ):
        with pytest.raises(StorageError, match="kind=EndpointConnectionError"):
            use()


def test_an_address_of_a_folder_opens_files(folder: Path) -> None:
    open_objects(str(folder), endpoint_url=None).write("a", b"1")
    assert names(folder) == {"a"}


@pytest.mark.integration
@pytest.mark.parametrize("prefix", ["", "/deep/place"])
def test_an_address_of_a_bucket_opens_its_prefix(prefix: str) -> None:
    name = fresh_bucket()
    address = f"s3://{name}{prefix}"
    open_objects(address, endpoint_url=endpoint()).write("a", b"1")
    key = f"{prefix}/a".strip("/")
    assert open_bucket(name, prefix="").read(key) == b"1"
