"""The drill: what was signed before a rotation verifies after it."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.databases import open_sqlite
from support.domain import request_id
from support.log import checkpoint
from support.verdicts import certificate

from unlearn_core.adapters import rotation
from unlearn_core.adapters.clock import SystemClock
from unlearn_core.adapters.custody import SealedCustody
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.key_store import DatabaseKeyStore
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.notes import Ed25519NoteSigner, TrustedNotes
from unlearn_core.adapters.objects import FolderObjects
from unlearn_core.adapters.rotation import (
    RotationRefusedError,
    SigningKeys,
    rotate_kek,
    rotate_pseudonyms,
)
from unlearn_core.adapters.sealing import unseal
from unlearn_core.adapters.wrapping import RotatingWrapping
from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.certificates import PAYLOAD_TYPE, check_certificate
from unlearn_core.domain.checkpoints import CheckpointInvalidError
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.errors import (
    KeyDestroyedError,
    KeyMissingError,
    SealBrokenError,
    SignatureInvalidError,
)
from unlearn_core.intake.links import StatusLinks
from unlearn_core.privacy import Personal


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    """Return a directory with all keys."""
    keys = KeyDirectory(tmp_path)
    keys.create()
    return keys


def sign(keys: KeyDirectory) -> tuple[bytes, bytes]:
    """Sign a certificate and a checkpoint with the present key."""
    signer = keys.signer()
    return (
        EnvelopeSigner(signer).sign(certificate().payload(), payload_type=PAYLOAD_TYPE),
        Ed25519NoteSigner(checkpoint(3).origin, signer).sign(checkpoint(3)),
    )


def check(keys: KeyDirectory, envelope: bytes, note: bytes) -> None:
    """Check both with the public keys."""
    opener = TrustedEnvelopes(keys.trusted())
    assert (
        check_certificate(
            envelope,
            open_envelope=lambda raw: opener.open(raw, payload_type=PAYLOAD_TYPE),
        )
        == certificate()
    )
    assert TrustedNotes(keys.trusted()).open(note) == checkpoint(3)


def test_old_and_new_documents_verify_after_a_rotation(keys: KeyDirectory) -> None:
    before = sign(keys)
    prepared = SigningKeys(keys).prepare()
    # Everybody who has the new trust.json believes both; the old key still signs.
    assert sign(keys) == before
    old, new = SigningKeys(keys).rotate()
    assert (new, old != new) == (prepared, True)
    after = sign(keys)
    assert after != before
    check(keys, *before)
    check(keys, *after)


def test_whoever_missed_the_new_public_key_refuses_what_it_signs(
    keys: KeyDirectory, tmp_path: Path
) -> None:
    before = TrustedEnvelopes(keys.trusted())
    SigningKeys(keys).prepare()
    SigningKeys(keys).rotate()
    with pytest.raises(SignatureInvalidError):
        before.open(sign(keys)[0], payload_type=PAYLOAD_TYPE)
    assert not (tmp_path / "signing.next.pem").exists()


def test_a_distrusted_key_takes_everything_along_that_it_signed(
    keys: KeyDirectory,
) -> None:
    envelope, note = sign(keys)
    SigningKeys(keys).prepare()
    old, _ = SigningKeys(keys).rotate()
    SigningKeys(keys).distrust(old)
    with pytest.raises(SignatureInvalidError):
        TrustedEnvelopes(keys.trusted()).open(envelope, payload_type=PAYLOAD_TYPE)
    with pytest.raises(CheckpointInvalidError):
        TrustedNotes(keys.trusted()).open(note)
    check(keys, *sign(keys))


def test_preparing_again_keeps_the_prepared_key(keys: KeyDirectory) -> None:
    """As after a crash between the key and trust.json."""
    first = SigningKeys(keys).prepare()
    assert SigningKeys(keys).prepare() == first
    assert len(keys.trusted()) == 2


def test_steps_out_of_turn_are_refused(keys: KeyDirectory) -> None:
    signing = SigningKeys(keys)
    with pytest.raises(RotationRefusedError, match="not prepared"):
        signing.rotate()
    trust = keys.trust_file.read_bytes()
    signing.prepare()
    # Somebody put the old trust.json back.
    keys.trust_file.write_bytes(trust)
    with pytest.raises(RotationRefusedError, match="not trusted"):
        signing.rotate()
    with pytest.raises(RotationRefusedError, match="in use"):
        signing.distrust(keys.signer().public_key.keyid)
    with pytest.raises(RotationRefusedError, match="not trusted"):
        signing.distrust("nobody")


def test_new_files_are_for_nobody_else_to_read(
    keys: KeyDirectory, tmp_path: Path
) -> None:
    SigningKeys(keys).prepare()
    SigningKeys(keys).rotate()
    for name in ("signing.pem", "trust.json"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


# The key-encryption key.

SCOPE = "00000000-0000-0000-0000-000000000001"
SCOPES = [f"{SCOPE}.{number}" for number in range(3)]


@dataclass(frozen=True)
class Vault:
    """A key directory with three sealed objects and a destroyed one."""

    keys: KeyDirectory
    custody: SealedCustody
    database: Database

    def read(self) -> set[bytes]:
        """Return what can be read."""
        return {self.custody.get(scope, "name") for scope in SCOPES}


@pytest.fixture
def vault(keys: KeyDirectory, tmp_path: Path) -> Iterator[Vault]:
    """Return sealed objects in a database of their own."""
    clock, database = SystemClock(), open_sqlite(tmp_path)
    custody = SealedCustody(
        wrapping=RotatingWrapping(keys.keks),
        keys=DatabaseKeyStore(database, clock=clock),
        objects=FolderObjects(tmp_path / "objects"),
        ledger=DatabaseRequestStore(database, clock=clock),
    )
    for scope in (*SCOPES, SCOPE):
        custody.open_scope(scope)
        custody.put(scope, "name", scope.encode())
    custody.shred(SCOPE)
    yield Vault(keys, custody, database)
    database.close()


EVERYTHING = {scope.encode() for scope in SCOPES}


def test_what_was_sealed_before_a_rotation_is_read_after_it(vault: Vault) -> None:
    before, commitment = vault.keys.kek(), vault.custody.commit(SCOPES[0], b"sets")
    old, new, wrapped = rotate_kek(vault.keys, vault.custody)
    assert (old != new, wrapped) == (True, 3)
    assert vault.keys.kek() != before
    assert vault.keys.keks() == (vault.keys.kek(),)
    # No process is restarted: this one reads on, and writes under the new key.
    assert vault.read() == EVERYTHING
    assert vault.custody.commit(SCOPES[0], b"sets") == commitment
    with pytest.raises(KeyDestroyedError):
        vault.custody.get(SCOPE, "name")


def test_the_old_key_opens_nothing_any_more(vault: Vault) -> None:
    before = vault.keys.kek()
    rotate_kek(vault.keys, vault.custody)
    store = DatabaseKeyStore(vault.database, clock=SystemClock())
    for scope in SCOPES:
        held = store.get(scope)
        assert held is not None
        assert held.wrapped is not None
        assert held.digest == digest_of(held.wrapped)
        with pytest.raises(SealBrokenError):
            unseal(before, held.wrapped, purpose=f"key/{scope}")


class PowerCutError(Exception):
    """The machine went off."""


@pytest.mark.parametrize("writes", range(7))
def test_a_rotation_that_was_cut_off_anywhere_is_finished_by_another(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Every change of a file, and the change of the rows, is one place to stop at."""
    before, left = vault.keys.kek(), iter(range(writes))

    def faulty(original: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - any function
            if next(left, None) is None:
                raise PowerCutError
            return original(*arguments, **options)

        return change

    with monkeypatch.context() as patched, suppress(PowerCutError):
        patched.setattr(rotation, "_replace", faulty(rotation._replace))
        patched.setattr(Path, "replace", faulty(Path.replace))
        patched.setattr(Path, "unlink", faulty(Path.unlink))
        patched.setattr(SealedCustody, "rewrap", faulty(SealedCustody.rewrap))
        rotate_kek(vault.keys, vault.custody)
    # Whatever has happened, everything can be read, and new things be sealed.
    assert vault.read() == EVERYTHING
    vault.custody.open_scope(f"{SCOPE}.{writes}.new")
    rotate_kek(vault.keys, vault.custody)
    assert vault.read() == EVERYTHING
    vault.custody.put(f"{SCOPE}.{writes}.new", "name", b"new")
    assert before not in vault.keys.keks()
    assert len(vault.keys.keks()) == 1
    # Nor is a copy of the old key left, under whatever name.
    files = [path for path in vault.keys.folder.iterdir() if path.is_file()]
    assert not [path.name for path in files if b64encode(before) in path.read_bytes()]


def test_of_two_rotations_at_once_the_second_is_refused(vault: Vault) -> None:
    """It would keep the new key as the old one, and nothing would open any more."""
    refused: list[str] = []

    @dataclass
    class Meanwhile:
        def rewrap(self) -> int:
            for rotate in (
                lambda: rotate_kek(vault.keys, vault.custody),
                lambda: rotate_pseudonyms(vault.keys),
            ):
                with pytest.raises(RotationRefusedError) as error:
                    rotate()
                refused.append(str(error.value.facts["problem"]))
            return vault.custody.rewrap()

    assert rotate_kek(vault.keys, Meanwhile())[2] == 3
    assert refused == ["another one is going on"] * 2
    assert vault.read() == EVERYTHING


def test_a_scope_that_is_opened_while_the_key_changes_is_not_lost(
    keys: KeyDirectory, vault: Vault
) -> None:
    """The rotation ends between the look at the key and the writing of the row."""
    looks = []

    def keks() -> tuple[bytes, ...]:
        looks.append(keys.keks())
        if len(looks) == 1:
            rotate_kek(keys, vault.custody)
        return looks[-1] if len(looks) == 1 else keys.keks()

    slow = SealedCustody(
        wrapping=RotatingWrapping(keks),
        keys=DatabaseKeyStore(vault.database, clock=SystemClock()),
        objects=FolderObjects(keys.folder / "objects"),
        ledger=DatabaseRequestStore(vault.database, clock=SystemClock()),
    )
    slow.open_scope("late")
    slow.put("late", "name", b"data")
    assert vault.custody.get("late", "name") == b"data"


# The pseudonym key.

ADA = parse_subject({"name": "Ada Example", "email": "ada@post.example"})


def test_a_person_is_recognised_by_commitments_of_every_key(keys: KeyDirectory) -> None:
    before = ADA.commitments(keys.pseudonymiser())
    assert rotate_pseudonyms(keys) == ("k1", "k2")
    assert rotate_pseudonyms(keys) == ("k2", "k3")
    rotated = keys.pseudonymiser()
    after = ADA.commitments(rotated)
    assert {item.partition(":")[0] for item in before} == {"k1"}
    assert {item.partition(":")[0] for item in after} == {"k3"}
    assert {*before, *after} < ADA.recognised(rotated)
    assert len(ADA.recognised(rotated)) == 6
    assert [key.key_id for key in rotated.all] == ["k3", "k2", "k1"]


def test_without_an_earlier_key_no_key_is_taken_for_the_present_one(
    keys: KeyDirectory,
) -> None:
    rotate_pseudonyms(keys)
    rotate_pseudonyms(keys)
    (keys.folder / "pseudonym.k2.key").unlink()
    for use in (keys.pseudonymiser, lambda: rotate_pseudonyms(keys)):
        with pytest.raises(KeyMissingError, match=r"pseudonym\.k2\.key"):
            use()


def test_links_from_before_the_rotation_open_their_page(keys: KeyDirectory) -> None:
    old = StatusLinks(keys.pseudonymiser()).token(request_id())
    rotate_pseudonyms(keys)
    links = StatusLinks(keys.pseudonymiser())
    new = links.token(request_id())
    assert old != new
    assert links.read(old) == links.read(new) == request_id()


def test_an_officer_keeps_the_name_of_the_first_key(keys: KeyDirectory) -> None:
    """By another name, one officer could agree with himself."""
    first = keys.pseudonymiser().first.commit(purpose="p", value=Personal("olga"))
    rotate_pseudonyms(keys)
    again = keys.pseudonymiser().first.commit(purpose="p", value=Personal("olga"))
    assert first == again
