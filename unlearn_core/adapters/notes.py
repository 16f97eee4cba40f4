"""Signed checkpoints with the Ed25519 keys that sign everything else.

A note's text begins with the log's origin and an envelope's with ``DSSEv1``, so a
signature of one kind is never one of the other.
"""

from collections.abc import Iterable

from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner, Key, Signature

from unlearn_core.domain.checkpoints import (
    Checkpoint,
    CheckpointInvalidError,
    NoteSignature,
    key_id,
    read_note,
    write_note,
)


class Ed25519NoteSigner:
    """`NoteSigner` with one private key.

    Args:
        origin: Name of the log; it is the name of the key too.
        signer: The private key.
    """

    def __init__(self, origin: str, signer: CryptoSigner) -> None:
        self._origin = origin
        self._signer = signer

    @property
    def origin(self) -> str:
        """Return the name of the log that the key speaks for."""
        return self._origin

    def sign(self, checkpoint: Checkpoint) -> bytes:
        """Return a signed checkpoint."""
        if checkpoint.origin != self._origin:
            raise CheckpointInvalidError(problem="another log")
        signed = self._signer.sign(checkpoint.text())
        public = _public(self._signer.public_key)
        line = NoteSignature(
            self._origin,
            key_id(self._origin, public),
            bytes.fromhex(signed.signature),
        )
        return write_note(checkpoint, line)


class TrustedNotes:
    """`NoteOpener` with the trusted public keys.

    Args:
        trusted: The keys; each may sign for any log.
    """

    def __init__(self, trusted: Iterable[Key]) -> None:
        self._trusted = tuple(trusted)

    def open(self, note: bytes) -> Checkpoint:
        """Return what a genuine checkpoint says; other signatures may stand beside."""
        checkpoint, signatures = read_note(note)
        keys = {key_id(checkpoint.origin, _public(key)): key for key in self._trusted}
        for line in signatures:
            key = keys.get(line.key_id) if line.name == checkpoint.origin else None
            if key is not None and _is_genuine(key, line, checkpoint):
                return checkpoint
        raise CheckpointInvalidError(problem="signature")


def _is_genuine(key: Key, line: NoteSignature, checkpoint: Checkpoint) -> bool:
    try:
        key.verify_signature(
            Signature(key.keyid, line.signature.hex()), checkpoint.text()
        )
    except (UnverifiedSignatureError, VerificationError, ValueError):
        return False
    return True


def _public(key: Key) -> bytes:
    """Return the 32 bytes of an Ed25519 key."""
    return bytes.fromhex(key.keyval["public"])
