"""Who wraps the data keys of custody: a key file, or a key that never leaves AWS KMS.

A wrapped key can be unwrapped for its own purpose only: the purpose is authenticated by
both, as associated data here and as encryption context there.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import boto3
from botocore.exceptions import ClientError

from unlearn_core.adapters.objects import as_storage_errors
from unlearn_core.adapters.sealing import seal, unseal
from unlearn_core.errors import SealBrokenError

_PURPOSE = "purpose"
_NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KeyWrapping(Protocol):
    """Wraps keys, and unwraps what it has wrapped."""

    def wrap(self, key: bytes, *, purpose: str) -> bytes:
        """Return a key that only who unwraps it can use.

        Raises:
            StorageError: The service does not answer or refuses.
        """
        ...

    def unwrap(self, wrapped: bytes, *, purpose: str) -> bytes:
        """Return the key.

        Raises:
            SealBrokenError: It was wrapped with another key or for another purpose.
            StorageError: The service does not answer or refuses.
        """
        ...

    def is_current(self, wrapped: bytes, *, purpose: str) -> bool:
        """Tell whether it is wrapped as it would be now, or the key was rotated."""
        ...


class RotatingWrapping:
    """`KeyWrapping` by the keys that a directory holds at the moment.

    Args:
        keks: Gives every key that may have been used, the present one first; asked
            each time, so that a rotation needs no restart.
    """

    def __init__(self, keks: Callable[[], Sequence[bytes]]) -> None:
        self._keks = keks

    def wrap(self, key: bytes, *, purpose: str) -> bytes:
        """Return the key sealed with the present one."""
        return seal(self._keks()[0], key, purpose=purpose)

    def unwrap(self, wrapped: bytes, *, purpose: str) -> bytes:
        """Return the key, whichever it was sealed with."""
        for kek in self._keks():
            with suppress(SealBrokenError):
                return unseal(kek, wrapped, purpose=purpose)
        raise SealBrokenError

    def is_current(self, wrapped: bytes, *, purpose: str) -> bool:
        """Tell whether the present key has sealed it."""
        with suppress(SealBrokenError):
            return bool(unseal(self._keks()[0], wrapped, purpose=purpose))
        return False


class LocalWrapping:
    """`KeyWrapping` by AES-256-GCM under a key that this process holds.

    Args:
        kek: The key-encryption key, 32 bytes.
    """

    def __init__(self, kek: bytes) -> None:
        self._kek = kek

    def wrap(self, key: bytes, *, purpose: str) -> bytes:
        """Return the sealed key."""
        return seal(self._kek, key, purpose=purpose)

    def unwrap(self, wrapped: bytes, *, purpose: str) -> bytes:
        """Return the key."""
        return unseal(self._kek, wrapped, purpose=purpose)

    def is_current(self, wrapped: bytes, *, purpose: str) -> bool:
        """Tell nothing: there is one key."""
        del wrapped, purpose
        return True


class KmsWrapping:
    """`KeyWrapping` by AWS KMS; no process ever holds the key-encryption key.

    Args:
        key: Identifier, ARN or alias of a symmetric key of KMS.
        endpoint_url: Address of a server that speaks the protocol, None for AWS.
    """

    def __init__(self, key: str, *, endpoint_url: str | None = None) -> None:
        self._key = key
        self._client = boto3.client("kms", endpoint_url=endpoint_url)

    def wrap(self, key: bytes, *, purpose: str) -> bytes:
        """Return the key as the service has encrypted it."""
        with as_storage_errors():
            answer = self._client.encrypt(
                KeyId=self._key, Plaintext=key, EncryptionContext={_PURPOSE: purpose}
            )
        return bytes(answer["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, *, purpose: str) -> bytes:
        """Return the key as the service has decrypted it."""
        with as_storage_errors():
            try:
                answer = self._client.decrypt(
                    KeyId=self._key,
                    CiphertextBlob=wrapped,
                    EncryptionContext={_PURPOSE: purpose},
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in _NOT_OURS:
                    raise SealBrokenError(problem="not wrapped by this key") from None
                raise
        return bytes(answer["Plaintext"])

    def is_current(self, wrapped: bytes, *, purpose: str) -> bool:
        """Tell nothing: the service rotates its key, and knows the earlier ones."""
        del wrapped, purpose
        return True
