"""Signatures and seals with keys that live and die with the process."""

import json
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unlearn_core.adapters.sealing import seal, unseal
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.errors import SignatureInvalidError

_KEY_BYTES = 32


class MemoryNotary:
    """`Signer` and `EnvelopeOpener` with one fresh key.

    An envelope is canonical JSON with the payload and the signature in hexadecimal.
    """

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def sign(self, payload: bytes, *, payload_type: str) -> bytes:
        """Return a signed envelope in canonical form."""
        signature = self._key.sign(_message(payload, payload_type))
        return canonical_json(
            {
                "payload": payload.hex(),
                "signature": signature.hex(),
                "type": payload_type,
            }
        )

    def open(self, envelope: bytes, *, payload_type: str) -> bytes:
        """Return the payload of a genuine envelope."""
        try:
            parsed = json.loads(envelope)
            payload = bytes.fromhex(parsed["payload"])
            signature = bytes.fromhex(parsed["signature"])
            self._key.public_key().verify(signature, _message(payload, payload_type))
        except (ValueError, KeyError, TypeError, RecursionError, InvalidSignature):
            raise SignatureInvalidError(problem="not genuine") from None
        if self.sign(payload, payload_type=payload_type) != envelope:
            raise SignatureInvalidError(problem="not in canonical form")
        return payload


class MemoryPairSealer:
    """`PairSealer` with one fresh key."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES)

    def close(self, pair: bytes, *, base_model: str) -> bytes:
        """Return the file to be stored."""
        return seal(self._key, pair, purpose=base_model)

    def open(self, stored: bytes, *, base_model: str) -> bytes:
        """Return the pair's own file."""
        return unseal(self._key, stored, purpose=base_model)


class MemoryListSealer:
    """`ListSealer` with one fresh key."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES)

    def close(self, people: bytes, *, base_model: str) -> bytes:
        """Return what may be published."""
        return seal(self._key, people, purpose=base_model)

    def open(self, sealed: bytes, *, base_model: str) -> bytes:
        """Return the people's identifiers."""
        return unseal(self._key, sealed, purpose=base_model)


def _message(payload: bytes, payload_type: str) -> bytes:
    return payload_type.encode() + b"\x00" + payload
