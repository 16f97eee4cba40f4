"""Rotation of keys: signing, key encryption, pseudonyms.

The signing key, in three steps between which time may pass:

1. `prepare`: the next key is made, and its public half joins ``trust.json``, which is
   then given to every process and auditor;
2. `rotate`: the next key takes the place of the present one, whose private half is gone
   from then on; what it signed still verifies;
3. `distrust`: a public key leaves ``trust.json``, and with it everything it signed;
   only for a key that is in wrong hands.

The key-encryption key, in one go that can be begun again (`rotate_kek`): the next key
is written beside the present one, data keys are wrapped with it, the present one is
removed. Whatever is sealed can be read at every moment; no process is restarted.

The pseudonym key (`rotate_pseudonyms`): one more file. New commitments are made with
it; old ones are recognised with the key that their beginning names.

A step that was done already is refused or changes nothing, and a crash in between
leaves keys that work.
"""

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import Key

from unlearn_core.adapters.keys import (
    KEK,
    KEK_NEXT,
    KEK_OLD,
    KEY_BYTES,
    KeyDirectory,
    load_signer,
    pseudonym_file,
)
from unlearn_core.errors import PolicyError

NEXT = "signing.next.pem"
LOCK = ".rotation.lock"
PRESENT = "signing.pem"


class RotationRefusedError(PolicyError):
    """A step of a rotation is out of turn."""

    code = "rotation_refused"
    summary = "the signing key cannot be rotated now"
    next_step = "Prepare the next key, hand out trust.json, then rotate."


class WrapsKeys(Protocol):
    """Whoever keeps data keys wrapped."""

    def rewrap(self) -> int:
        """Wrap every data key with the present key; return how many changed."""
        ...


def rotate_kek(keys: KeyDirectory, custody: WrapsKeys) -> tuple[str, str, int]:
    """Wrap every data key with a new key and destroy the present one.

    After a crash, call it again: it goes on with the key that it has made.

    Returns:
        Fingerprints of the old and the new key, and how many data keys were wrapped.

    Raises:
        RotationRefusedError: Another rotation is going on.
    """
    folder = keys.folder
    present, following, old = (folder / name for name in (KEK, KEK_NEXT, KEK_OLD))
    with _alone(folder):
        if not old.exists():
            if not following.exists():
                _replace(following, b64encode(secrets.token_bytes(KEY_BYTES)))
            # From here on both open; a copy first, so there is always a present one.
            _replace(old, present.read_bytes())
        if following.exists():
            following.replace(present)
            _settle(folder)
        wrapped = custody.rewrap()
        gone = fingerprint(old.read_bytes())
        # What a crash may have left of the copy holds the old key as well.
        for left in folder.glob(f".{KEK_OLD}.*"):
            left.unlink()
        old.unlink()
        return gone, fingerprint(present.read_bytes()), wrapped


def rotate_pseudonyms(keys: KeyDirectory) -> tuple[str, str]:
    """Make commitments with a new key from now on; return the old and the new name.

    Raises:
        KeyMissingError: An earlier key is missing.
        RotationRefusedError: Another rotation is going on.
    """
    with _alone(keys.folder):
        number = len(keys.pseudonymiser().all)
        _replace(
            keys.folder / pseudonym_file(number + 1),
            b64encode(secrets.token_bytes(KEY_BYTES)),
        )
        return f"k{number}", f"k{number + 1}"


def fingerprint(key: bytes) -> str:
    """Return eight digits that tell a random key from another one."""
    return hashlib.sha256(b"fingerprint of a key" + key).hexdigest()[:8]


class SigningKeys:
    """The signing keys of a key directory."""

    def __init__(self, keys: KeyDirectory) -> None:
        self._keys = keys
        self._folder = keys.trust_file.parent

    def prepare(self) -> str:
        """Make the next key and trust it; return its identifier."""
        path = self._folder / NEXT
        if not path.exists():
            private = Ed25519PrivateKey.generate()
            _replace(
                path,
                private.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ),
            )
        public = load_signer(path).public_key
        trusted = {key.keyid: key for key in self._keys.trusted()}
        self._trust({**trusted, public.keyid: public})
        return str(public.keyid)

    def rotate(self) -> tuple[str, str]:
        """Sign with the next key from now on; return the old and the new identifier.

        Raises:
            RotationRefusedError: There is no next key, or it is not trusted yet.
        """
        path = self._folder / NEXT
        if not path.exists():
            raise RotationRefusedError(problem="not prepared")
        old, new = self._present(), str(load_signer(path).public_key.keyid)
        if new not in {key.keyid for key in self._keys.trusted()}:
            raise RotationRefusedError(problem="not trusted", key=new)
        path.replace(self._folder / PRESENT)
        return old, new

    def distrust(self, keyid: str) -> None:
        """Stop believing a key.

        Raises:
            RotationRefusedError: It is the present key, or nobody trusts it.
        """
        trusted = {key.keyid: key for key in self._keys.trusted()}
        if keyid == self._present():
            raise RotationRefusedError(problem="in use", key=keyid)
        if keyid not in trusted:
            raise RotationRefusedError(problem="not trusted")
        del trusted[keyid]
        self._trust(trusted)

    def _present(self) -> str:
        return str(self._keys.signer().public_key.keyid)

    def _trust(self, keys: dict[str, Key]) -> None:
        entries = {keyid: key.to_dict() for keyid, key in keys.items()}
        _replace(self._keys.trust_file, json.dumps(entries, indent=1).encode())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other rotations out: a second one would take the new key for the old one."""
    with (folder / LOCK).open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RotationRefusedError(problem="another one is going on") from None
        yield


def _settle(folder: Path) -> None:
    """Have the names of files on disk before anything that depends on them."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(path: Path, data: bytes) -> None:
    """Write a file as a whole, for nobody else to read."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(beside).replace(path)
    _settle(path.parent)
