"""Signed messages of the Data Rights Protocol: Ed25519 in front of the text, in base64.

It is the combined form of libsodium (`crypto_sign`); nothing of the text is read before
the signature was verified.
"""

import base64
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from unlearn_core.domain.senders import SignedMessageError
from unlearn_core.errors import SettingsError

SIGNATURE_BYTES = 64
KEY_BYTES = 32


class AgentKeys:
    """Opens what agents of the configuration have signed.

    Args:
        keys: Agent to its public key in base64, as the directory has it.

    Raises:
        SettingsError: A key is none.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = {agent: _public_key(text) for agent, text in keys.items()}

    def open(self, raw: bytes, *, agent: str) -> bytes:
        """Return what an agent has signed.

        Raises:
            SignedMessageError: It is not base64, or not signed with this agent's key.
        """
        try:
            signed = base64.b64decode(raw.strip(), validate=True)
        except ValueError:
            raise SignedMessageError(problem="not base64") from None
        key = self._keys.get(agent)
        if key is None:
            raise SignedMessageError(problem="unknown agent")
        signature, message = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
        try:
            key.verify(signature, message)
        except InvalidSignature:
            raise SignedMessageError(problem="the signature does not verify") from None
        return message


def sign_message(message: bytes, *, private_key: Ed25519PrivateKey) -> bytes:
    """Sign a message as an agent does."""
    return base64.b64encode(private_key.sign(message) + message)


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        raw = base64.b64decode(text, validate=True)
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise SettingsError(variable="UNLEARN_DRP__AGENTS") from None
