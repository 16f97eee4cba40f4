"""Signatures and the encryption of offset pairs."""

from typing import Protocol


class Signer(Protocol):
    """Signs payloads into envelopes."""

    def sign(self, payload: bytes, *, payload_type: str) -> bytes:
        """Return a signed envelope in canonical form."""
        ...


class EnvelopeOpener(Protocol):
    """Checks envelopes with the trusted public keys."""

    def open(self, envelope: bytes, *, payload_type: str) -> bytes:
        """Return the payload of a genuine envelope.

        Raises:
            SignatureInvalidError: Form, type or signature is wrong.
        """
        ...


class ListSealer(Protocol):
    """Encrypts the people of a list of restrictions; replicas can read them."""

    def close(self, people: bytes, *, base_model: str) -> bytes:
        """Return what may be published."""
        ...

    def open(self, sealed: bytes, *, base_model: str) -> bytes:
        """Return the people's identifiers.

        Raises:
            SealBrokenError: It was changed or belongs to another base model.
        """
        ...


class PairSealer(Protocol):
    """Encrypts the file of an offset pair; readable with the artifact key only."""

    def close(self, pair: bytes, *, base_model: str) -> bytes:
        """Return the file to be stored."""
        ...

    def open(self, stored: bytes, *, base_model: str) -> bytes:
        """Return the pair's own file.

        Raises:
            SealBrokenError: The file was changed or belongs to another base model.
        """
        ...
