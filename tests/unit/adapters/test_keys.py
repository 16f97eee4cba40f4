import json
import stat
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.keys import KeyDirectory, load_trusted
from unlearn_core.errors import KeyMissingError
from unlearn_core.privacy import Personal

FILES = {
    "kek.key",
    "pseudonym.key",
    "artifact.key",
    "cluster.key",
    "signing.pem",
    "trust.json",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with all keys."""
    directory = tmp_path / "etc" / "keys"
    KeyDirectory(directory).create()
    return directory


def contents(directory: Path) -> dict[str, bytes]:
    """Return every file of a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def mode(path: Path) -> int:
    """Return who may do what with a path."""
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_can_read_a_key(directory: Path) -> None:
    assert {path.name: mode(path) for path in directory.iterdir()} == dict.fromkeys(
        FILES, 0o600
    )
    assert mode(directory) == 0o700


def test_creating_again_replaces_no_key(directory: Path) -> None:
    before = contents(directory)
    KeyDirectory(directory).create()
    assert contents(directory) == before


@pytest.mark.parametrize("lost", sorted(FILES - {"signing.pem"}))
def test_creating_again_fills_a_gap_and_touches_nothing_else(
    directory: Path, lost: str
) -> None:
    """A creation that was interrupted before its last file can be repeated."""
    before = contents(directory)
    (directory / lost).unlink()
    KeyDirectory(directory).create()
    after = contents(directory)
    assert set(after) == FILES
    del before[lost], after[lost]
    assert after == before


def test_recreated_trust_is_trust_in_the_existing_signing_key(directory: Path) -> None:
    keys = KeyDirectory(directory)
    envelope = EnvelopeSigner(keys.signer()).sign(b"x", payload_type="t")
    keys.trust_file.unlink()
    keys.create()
    assert TrustedEnvelopes(keys.trusted()).open(envelope, payload_type="t") == b"x"


def test_every_key_is_its_own_random_value(directory: Path, tmp_path: Path) -> None:
    KeyDirectory(tmp_path / "other").create()
    keys = [KeyDirectory(directory), KeyDirectory(tmp_path / "other")]
    assert len({*(k.kek() for k in keys), *(k.artifact_key() for k in keys)}) == 4
    commitments = {
        k.pseudonymiser().commit(purpose="p", value=Personal("Ada")) for k in keys
    }
    assert len(commitments) == 2
    assert all(commitment.startswith("k1:") for commitment in commitments)
    assert len(keys[0].kek()) == 32


READERS: dict[str, Callable[[Path], object]] = {
    "kek.key": lambda directory: KeyDirectory(directory).kek(),
    "artifact.key": lambda directory: KeyDirectory(directory).artifact_key(),
    "cluster.key": lambda directory: KeyDirectory(directory).cluster_key(),
    "pseudonym.key": lambda directory: KeyDirectory(directory).pseudonymiser(),
    "signing.pem": lambda directory: KeyDirectory(directory).signer(),
    "trust.json": lambda directory: KeyDirectory(directory).trusted(),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "content",
    [None, b"", b"not a key", b"\xff\xfe", b"[]", b'{"a": {}}', b'{"a": 7}'],
    ids=["missing", "empty", "text", "bytes", "list", "entry", "number"],
)
def test_a_missing_or_damaged_key_is_named(
    directory: Path, name: str, content: bytes | None
) -> None:
    if content is None:
        (directory / name).unlink()
    else:
        (directory / name).write_bytes(content)
    with pytest.raises(KeyMissingError, match=f"file={name}"):
        READERS[name](directory)


@pytest.mark.parametrize("length", [16, 31, 33])
def test_a_key_of_the_wrong_length_is_refused(directory: Path, length: int) -> None:
    (directory / "kek.key").write_bytes(b64encode(bytes(length)))
    with pytest.raises(KeyMissingError):
        KeyDirectory(directory).kek()


def test_a_signing_key_of_another_kind_is_refused(directory: Path) -> None:
    other = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (directory / "signing.pem").write_bytes(other)
    with pytest.raises(KeyMissingError):
        KeyDirectory(directory).signer()


def test_the_trust_file_holds_no_secret(directory: Path) -> None:
    """It is handed to auditors."""
    (entry,) = json.loads(KeyDirectory(directory).trust_file.read_bytes()).values()
    assert entry["keytype"] == "ed25519"
    assert list(entry["keyval"]) == ["public"]
    assert len(load_trusted(directory / "trust.json")) == 1
