"""Rotation of the signing key, in three steps between which time may pass.

1. `prepare`: the next key is made, and its public half joins ``trust.json``, which is
   then given to every process and auditor;
2. `rotate`: the next key takes the place of the present one, whose private half is gone
   from then on; what it signed still verifies;
3. `distrust`: a public key leaves ``trust.json``, and with it everything it signed;
   only for a key that is in wrong hands.

A step that was done already is refused or changes nothing, and a crash in between
leaves keys that work.
"""

import json
import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import Key

from unlearn_core.adapters.keys import KeyDirectory, load_signer
from unlearn_core.errors import PolicyError

NEXT = "signing.next.pem"
PRESENT = "signing.pem"


class RotationRefusedError(PolicyError):
    """A step of a rotation is out of turn."""

    code = "rotation_refused"
    summary = "the signing key cannot be rotated now"
    next_step = "Prepare the next key, hand out trust.json, then rotate."


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


def _replace(path: Path, data: bytes) -> None:
    """Write a file as a whole, for nobody else to read."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(beside).replace(path)
