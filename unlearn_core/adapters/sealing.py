"""Authenticated encryption with AES-256-GCM.

A sealed value is ``UNLEARN1``, a random 12-byte nonce, the cipher text and a
16-byte tag. The purpose of the value is authenticated with it, so that one sealed
value cannot be passed off as another.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy import frombuffer, uint8
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from unlearn_core.errors import SealBrokenError

MAGIC = b"UNLEARN1"
NONCE_BYTES = 12
_SEALED_TENSOR = "sealed"


def seal(key: bytes, data: bytes, *, purpose: str) -> bytes:
    """Encrypt data for one purpose."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return MAGIC + nonce + AESGCM(key).encrypt(nonce, data, purpose.encode())


def unseal(key: bytes, sealed: bytes, *, purpose: str) -> bytes:
    """Decrypt what `seal` made.

    Raises:
        SealBrokenError: Key, purpose or data are not those of sealing.
    """
    nonce_end = len(MAGIC) + NONCE_BYTES
    if not sealed.startswith(MAGIC) or len(sealed) < nonce_end:
        raise SealBrokenError(problem="not a sealed value")
    nonce, encrypted = sealed[len(MAGIC) : nonce_end], sealed[nonce_end:]
    try:
        return AESGCM(key).decrypt(nonce, encrypted, purpose.encode())
    except InvalidTag:
        raise SealBrokenError from None


class PairSeal:
    """Seals the file of an offset pair; what is stored is a safetensors file again.

    The outer file has one tensor of bytes, so every tool that lists artifacts can
    read it and none can load the pair without the key.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, pair: bytes, *, base_model: str) -> bytes:
        """Encrypt the file of a pair."""
        sealed = seal(self._key, pair, purpose=_purpose(base_model))
        tensor = frombuffer(sealed, dtype=uint8)
        return save_safetensors({_SEALED_TENSOR: tensor}, metadata={"sealed": "1"})

    def open(self, stored: bytes, *, base_model: str) -> bytes:
        """Decrypt the file of a pair.

        Raises:
            SealBrokenError: The file is not a pair sealed with this key for this
                base model.
        """
        try:
            tensor = load_safetensors(stored)[_SEALED_TENSOR]
        except (SafetensorError, KeyError):
            raise SealBrokenError(problem="not a sealed pair") from None
        return unseal(self._key, tensor.tobytes(), purpose=_purpose(base_model))


class ListSeal:
    """Seals the people of a list of restrictions with the key that replicas have."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, people: bytes, *, base_model: str) -> bytes:
        """Encrypt identifiers."""
        return seal(self._key, people, purpose=f"restrictions/{base_model}")

    def open(self, sealed: bytes, *, base_model: str) -> bytes:
        """Decrypt identifiers.

        Raises:
            SealBrokenError: They were not sealed with this key for this base model.
        """
        return unseal(self._key, sealed, purpose=f"restrictions/{base_model}")


def _purpose(base_model: str) -> str:
    return f"offset-pair/{base_model}"
