"""Authenticated encryption of streams: AES-256-GCM chunk by chunk.

This is the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015,
`eprint 2015/189 <https://eprint.iacr.org/2015/189>`_: the nonce of a chunk is its
number and a mark on the last one. So no chunk can be dropped, swapped, repeated, taken
from another stream or cut off unnoticed, and neither side holds more than a chunk.

A sealed stream is ``UNLEARN2``, a random salt of 32 bytes, and the chunks, each with a
tag of 16 bytes. Every stream has a key of its own, derived by HKDF-SHA256 from the data
key, the salt and the purpose, so no nonce is ever used twice under one key.
"""

import secrets
from collections.abc import Iterable, Iterator
from itertools import chain

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from unlearn_core.adapters.sealing import MAGIC as WHOLE
from unlearn_core.adapters.sealing import unseal
from unlearn_core.errors import SealBrokenError

MAGIC = b"UNLEARN2"
SALT_BYTES = 32
CHUNK_BYTES = 1 << 16
_TAG_BYTES = 16
_COUNTER_BYTES = 11
_KEY_BYTES = 32


def seal_stream(key: bytes, data: Iterable[bytes], *, purpose: str) -> Iterator[bytes]:
    """Encrypt a stream for one purpose, piece by piece."""
    salt = secrets.token_bytes(SALT_BYTES)
    cipher = _cipher(key, salt, purpose)
    yield MAGIC + salt
    for number, (chunk, is_last) in enumerate(_cut(data, CHUNK_BYTES)):
        yield cipher.encrypt(_nonce(number, is_last=is_last), chunk, None)


def unseal_stream(
    key: bytes, sealed: Iterable[bytes], *, purpose: str
) -> Iterator[bytes]:
    """Decrypt what `seal_stream` made, and what was sealed as a whole before it.

    Each piece is authentic when it comes; that it was the last one is known at the
    end only, so nobody may act on a stream before it has ended.

    Raises:
        SealBrokenError: Key, purpose or data are not those of sealing.
    """
    pieces = iter(sealed)
    head = b""
    while len(head) < len(MAGIC) + SALT_BYTES and (piece := next(pieces, None)):
        head += piece
    if head.startswith(WHOLE):
        yield unseal(key, b"".join(chain((head,), pieces)), purpose=purpose)
        return
    if not head.startswith(MAGIC) or len(head) < len(MAGIC) + SALT_BYTES:
        raise SealBrokenError(problem="not a sealed value")
    salt, rest = head[len(MAGIC) :][:SALT_BYTES], head[len(MAGIC) + SALT_BYTES :]
    cipher = _cipher(key, salt, purpose)
    chunks = _cut(chain((rest,), pieces), CHUNK_BYTES + _TAG_BYTES)
    for number, (chunk, is_last) in enumerate(chunks):
        try:
            yield cipher.decrypt(_nonce(number, is_last=is_last), chunk, None)
        except InvalidTag:
            raise SealBrokenError from None


def _cipher(key: bytes, salt: bytes, purpose: str) -> AESGCM:
    derive = HKDF(
        algorithm=SHA256(), length=_KEY_BYTES, salt=salt, info=purpose.encode()
    )
    return AESGCM(derive.derive(key))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_COUNTER_BYTES, "big") + bytes([is_last])


def _cut(pieces: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield pieces of a size and whether it is the last one, which may be smaller."""
    rest = bytearray()
    for piece in pieces:
        left = memoryview(piece)
        while left:
            if len(rest) == size:
                yield bytes(rest), False
                rest.clear()
            part = left[: size - len(rest)]
            rest += part
            left = left[len(part) :]
    yield bytes(rest), True
