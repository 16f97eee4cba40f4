"""The key directory: which keys there are, and who needs which.

==================  =====================================  =====================
file                purpose                                needed by
==================  =====================================  =====================
kek.key             wraps the data keys of custody         worker, intake
pseudonym.key       keyed commitments                      worker, intake
artifact.key        seals offset pairs in the registry     worker, replicas
signing.pem         signs manifests and certificates       worker
trust.json          public keys that signatures must match everybody
==================  =====================================  =====================

Files are created with mode 0600 and never overwritten.
"""

import json
import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Key

from unlearn_core.errors import KeyMissingError
from unlearn_core.privacy import Pseudonymiser

KEY_BYTES = 32
_SYMMETRIC = ("kek.key", "pseudonym.key", "artifact.key")
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
            if not (self._directory / name).exists():
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
        return self._symmetric("kek.key")

    def artifact_key(self) -> bytes:
        """Return the key that seals offset pairs."""
        return self._symmetric("artifact.key")

    def pseudonymiser(self) -> Pseudonymiser:
        """Return the maker of keyed commitments."""
        return Pseudonymiser(key=self._symmetric("pseudonym.key"), key_id="k1")

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
