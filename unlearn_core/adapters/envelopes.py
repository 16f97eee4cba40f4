"""Signed envelopes: DSSE with Ed25519, in one canonical byte form.

Reading is stricter than DSSE asks for: the bytes must be exactly what writing would
produce, with exactly one signature by a trusted key. So no byte of a signed file can
change unnoticed, white space and key identifier included.
"""

import json
from binascii import Error as Base64Error

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import (
    FormatError,
    UnverifiedSignatureError,
    VerificationError,
)
from securesystemslib.signer import CryptoSigner, Key

from unlearn_core.domain.canonical import canonical_json
from unlearn_core.errors import SignatureInvalidError

_MALFORMED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    FormatError,
    Base64Error,
)


class EnvelopeSigner:
    """`Signer` with one private key."""

    def __init__(self, signer: CryptoSigner) -> None:
        self._signer = signer

    def sign(self, payload: bytes, *, payload_type: str) -> bytes:
        """Return a signed envelope in canonical form."""
        envelope = Envelope(payload, payload_type, {})
        envelope.sign(self._signer)
        return canonical_json(envelope.to_dict())


class TrustedEnvelopes:
    """`EnvelopeOpener` with the trusted public keys."""

    def __init__(self, trusted: list[Key]) -> None:
        self._trusted = trusted

    def open(self, envelope: bytes, *, payload_type: str) -> bytes:
        """Return the payload of a genuine envelope."""
        try:
            parsed = Envelope.from_dict(json.loads(envelope))
            is_canonical = canonical_json(parsed.to_dict()) == envelope
        except _MALFORMED:
            raise SignatureInvalidError(problem="not an envelope") from None
        if not is_canonical or len(parsed.signatures) != 1:
            raise SignatureInvalidError(problem="not in canonical form")
        if parsed.payload_type != payload_type:
            raise SignatureInvalidError(problem="another type of document")
        try:
            parsed.verify(self._trusted, threshold=1)
        except (VerificationError, UnverifiedSignatureError, ValueError):
            raise SignatureInvalidError(problem="signature") from None
        payload: bytes = parsed.payload
        return payload
