"""The key directory: which keys there are, and who needs which.

==================  =====================================  =====================
file                purpose                                needed by
==================  =====================================  =====================
kek.key             wraps the data keys of custody         worker, intake
pseudonym.key       keyed commitments                      worker, intake
artifact.key        seals offset pairs in the registry     worker, replicas
artifact.wrapped    the same, opened by a key service      instead of the above
cluster.key         seals what is searched for elsewhere   worker, cluster
signing.pem         signs manifests and certificates       worker
trust.json          public keys that signatures must match everybody
==================  =====================================  =====================

Files are created with mode 0600 and never overwritten. Rotations add files:
``kek.next.key`` and ``kek.old.key`` while one is going on, ``signing.next.pem`` once
one is prepared, and ``pseudonym.k2.key`` and so on for good, the highest number being
the present key.
"""

import json
import os
import re
import secrets
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Key

from unlearn_core.errors import KeyMissingError
from unlearn_core.privacy import Pseudonymiser

KEY_BYTES = 32
KEK, KEK_NEXT, KEK_OLD = "kek.key", "kek.next.key", "kek.old.key"
PSEUDONYM = "pseudonym.key"
ARTIFACT, WRAPPED_ARTIFACT = "artifact.key", "artifact.wrapped"
CLUSTER = "cluster.key"
_SYMMETRIC = (KEK, PSEUDONYM, ARTIFACT, CLUSTER)
_NUMBERED = re.compile(r"pseudonym\.k([1-9][0-9]*)\.key")
_SIGNING = "signing.pem"
_TRUST = "trust.json"


class KeyDirectory:
    """Reads and creates key files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def create(self) -> None:
        """Create every key that does not exist yet."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in _SYMMETRIC:
            is_wrapped = name == ARTIFACT and self.wrapped_artifact_key() is not None
            if not is_wrapped and not (self._directory / name).exists():
                self._write(name, b64encode(secrets.token_bytes(KEY_BYTES)))
        if not (self._directory / _SIGNING).exists():
            private = Ed25519PrivateKey.generate()
            self._write(
                _SIGNING,
                private.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ),
            )
        if not (self._directory / _TRUST).exists():
            public = self.signer().public_key
            trusted = {public.keyid: public.to_dict()}
            self._write(_TRUST, json.dumps(trusted, indent=1).encode())

    def kek(self) -> bytes:
        """Return the key-encryption key."""
        return self._symmetric(KEK)

    def keks(self) -> tuple[bytes, ...]:
        """Return every key that a data key may be wrapped with now, present one first.

        There is more than one while the key-encryption key is being rotated.
        """
        keys = [self.kek()]
        for name in (KEK_NEXT, KEK_OLD):
            # It may vanish at this moment, because the rotation has come to its end.
            with suppress(KeyMissingError):
                keys.append(self._symmetric(name))
        return tuple(keys)

    def artifact_key(self) -> bytes:
        """Return the key that seals offset pairs."""
        return self._symmetric(ARTIFACT)

    def cluster_key(self) -> bytes:
        """Return the key that seals what goes to the workers of a cluster and back."""
        return self._symmetric(CLUSTER)

    def wrapped_artifact_key(self) -> bytes | None:
        """Return that key as a key service has wrapped it; None if none has."""
        try:
            return (self._directory / WRAPPED_ARTIFACT).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            raise KeyMissingError(file=WRAPPED_ARTIFACT) from None

    def keep_wrapped_artifact_key(self, wrapped: bytes) -> None:
        """Keep that key wrapped, and the file that holds it in the clear no more."""
        beside = f"{WRAPPED_ARTIFACT}.new"
        (self._directory / beside).unlink(missing_ok=True)
        self._write(beside, wrapped)
        (self._directory / beside).replace(self._directory / WRAPPED_ARTIFACT)
        (self._directory / ARTIFACT).unlink()

    def pseudonymiser(self) -> Pseudonymiser:
        """Return the maker of keyed commitments, which knows all earlier keys.

        Raises:
            KeyMissingError: One of the keys is missing or malformed.
        """
        maker = Pseudonymiser(key=self._symmetric(PSEUDONYM), key_id="k1")
        for number in range(2, self.pseudonym_keys() + 1):
            maker = Pseudonymiser(
                key=self._symmetric(pseudonym_file(number)),
                key_id=f"k{number}",
                earlier=maker.all,
            )
        return maker

    def pseudonym_keys(self) -> int:
        """Return how many pseudonym keys there have been.

        The newest file counts: with one missing before it, `pseudonymiser` refuses,
        instead of taking an earlier key for the present one.
        """
        numbers = (
            int(found[1])
            for path in self._directory.glob("pseudonym.k*.key")
            if (found := _NUMBERED.fullmatch(path.name))
        )
        return max(numbers, default=1)

    @property
    def folder(self) -> Path:
        """Return where the files are."""
        return self._directory

    def signer(self) -> CryptoSigner:
        """Return the private signing key.

        Raises:
            KeyMissingError: The file is missing or holds no Ed25519 key.
        """
        return load_signer(self._directory / _SIGNING)

    def trusted(self) -> list[Key]:
        """Return the trusted public keys."""
        return load_trusted(self._directory / _TRUST)

    @property
    def trust_file(self) -> Path:
        """Return the file of the public keys, to be handed to auditors."""
        return self._directory / _TRUST

    def _symmetric(self, name: str) -> bytes:
        try:
            key = b64decode(self._read(name), validate=True)
        except ValueError:
            raise KeyMissingError(file=name) from None
        if len(key) != KEY_BYTES:
            raise KeyMissingError(file=name)
        return key

    def _read(self, name: str) -> bytes:
        try:
            return (self._directory / name).read_bytes()
        except OSError:
            raise KeyMissingError(file=name) from None

    def _write(self, name: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(self._directory / name, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)


def pseudonym_file(number: int) -> str:
    """Return the name of a pseudonym key's file, counted from 1."""
    return PSEUDONYM if number == 1 else f"pseudonym.k{number}.key"


def load_signer(path: Path) -> CryptoSigner:
    """Read a private signing key.

    Raises:
        KeyMissingError: The file is missing or holds no Ed25519 key.
    """
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError):
        raise KeyMissingError(file=path.name) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyMissingError(file=path.name)
    return CryptoSigner(private)


def load_trusted(path: Path) -> list[Key]:
    """Read a file of trusted public keys.

    Raises:
        KeyMissingError: The file is missing or malformed.
    """
    try:
        entries = json.loads(path.read_bytes())
        return [Key.from_dict(keyid, entry) for keyid, entry in entries.items()]
    except (OSError, ValueError, KeyError, AttributeError):
        raise KeyMissingError(file=path.name) from None
