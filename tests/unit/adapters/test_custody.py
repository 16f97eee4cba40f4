import hashlib
import hmac
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from support.databases import open_sqlite

from unlearn_core.adapters.custody import SealedCustody
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.key_store import DatabaseKeyStore
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.adapters.objects import FolderObjects
from unlearn_core.adapters.sealing import unseal
from unlearn_core.adapters.wrapping import LocalWrapping
from unlearn_core.domain.canonical import digest_of
from unlearn_core.errors import KeyDestroyedError, SealBrokenError, StorageError

KEK = bytes(range(32))
SCOPE = "00000000-0000-0000-0000-000000000001"
CANARY = b"Ada Example, born 1815"


@dataclass(frozen=True)
class Vault:
    """A custody with everything that it is made of."""

    database: Database
    keys: DatabaseKeyStore
    folder: Path
    clock: MemoryClock

    def open(self, kek: bytes = KEK) -> SealedCustody:
        """Return a custody as a new process would open it."""
        return SealedCustody(
            wrapping=LocalWrapping(kek),
            keys=self.keys,
            objects=FolderObjects(self.folder),
            ledger=DatabaseRequestStore(self.database, clock=self.clock),
        )

    def wrapped(self) -> bytes:
        """Return the wrapped key of the scope."""
        held = self.keys.get(SCOPE)
        assert held is not None
        assert held.wrapped is not None
        return held.wrapped


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Return a custody with one sealed object."""
    with closing(open_sqlite(tmp_path)) as database:
        clock = MemoryClock()
        keys = DatabaseKeyStore(database, clock=clock)
        vault = Vault(
            database=database, keys=keys, folder=tmp_path / "objects", clock=clock
        )
        vault.open().open_scope(SCOPE)
        vault.open().put(SCOPE, "content", CANARY)
        yield vault


def test_no_flipped_byte_of_a_stored_object_goes_unnoticed(vault: Vault) -> None:
    path = vault.folder / SCOPE / "content"
    sealed = path.read_bytes()
    custody = vault.open()
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 0xFF
        path.write_bytes(changed)
        with pytest.raises(SealBrokenError):
            custody.get(SCOPE, "content")


def test_an_object_cannot_stand_in_for_another(vault: Vault) -> None:
    custody = vault.open()
    custody.put(SCOPE, "datasets", b"other data")
    folder = vault.folder / SCOPE
    (folder / "datasets").write_bytes((folder / "content").read_bytes())
    with pytest.raises(SealBrokenError):
        custody.get(SCOPE, "datasets")


def test_the_key_of_one_scope_does_not_open_another(vault: Vault) -> None:
    custody = vault.open()
    custody.open_scope("other")
    custody.put("other", "content", CANARY)
    mine, other = (vault.folder / scope / "content" for scope in (SCOPE, "other"))
    mine.write_bytes(other.read_bytes())
    with pytest.raises(SealBrokenError):
        custody.get(SCOPE, "content")


def test_another_key_encryption_key_opens_nothing(vault: Vault) -> None:
    with pytest.raises(SealBrokenError):
        vault.open(kek=bytes(32)).get(SCOPE, "content")


@pytest.mark.usefixtures("vault")
def test_the_plain_text_is_in_no_file(tmp_path: Path) -> None:
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    for path in files:
        assert CANARY not in path.read_bytes()


def test_shredding_removes_key_and_objects_from_every_file(
    vault: Vault, tmp_path: Path
) -> None:
    wrapped = vault.wrapped()
    backup = (vault.folder / SCOPE / "content").read_bytes()
    evidence = vault.open().shred(SCOPE)
    assert evidence.key == digest_of(wrapped)
    assert evidence.objects == 1
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert wrapped not in path.read_bytes()
        assert backup not in path.read_bytes()


def test_a_backup_of_an_object_is_worthless_after_shredding(vault: Vault) -> None:
    path = vault.folder / SCOPE / "content"
    backup = path.read_bytes()
    vault.open().shred(SCOPE)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(backup)
    assert not vault.open().has(SCOPE, "content")
    with pytest.raises(KeyDestroyedError):
        vault.open().get(SCOPE, "content")


def test_a_shredding_that_was_cut_short_is_completed_by_the_next(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise StorageError(errno=5)

    with monkeypatch.context() as broken:
        broken.setattr(FolderObjects, "remove_all", refuse)
        with pytest.raises(StorageError):
            vault.open().shred(SCOPE)
    first = vault.keys.get(SCOPE)
    assert first is not None
    assert first.wrapped is None
    vault.clock.move(timedelta(hours=1))
    evidence = vault.open().shred(SCOPE)
    assert evidence.objects == 1
    assert evidence.destroyed_at.isoformat() == "2026-03-02T09:00:00+00:00"
    assert not (vault.folder / SCOPE).exists()


def test_a_commitment_is_keyed_by_the_scopes_own_key(vault: Vault) -> None:
    data_key = unseal(KEK, vault.wrapped(), purpose=f"key/{SCOPE}")
    derived = hmac.new(data_key, b"commitment", hashlib.sha256).digest()
    expected = hmac.new(derived, CANARY, hashlib.sha256).hexdigest()
    assert vault.open().commit(SCOPE, CANARY) == f"hmac-sha256:{expected}"


def test_a_rotation_while_two_open_a_scope_leaves_the_key_that_came_first(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = vault.wrapped()
    monkeypatch.setattr(vault.keys, "get", lambda _scope: None)  # looked too early
    monkeypatch.setattr(LocalWrapping, "is_current", lambda *_a, **_k: False)
    vault.open().open_scope(SCOPE)
    monkeypatch.undo()
    assert vault.wrapped() == first
    assert vault.open().get(SCOPE, "content") == CANARY
