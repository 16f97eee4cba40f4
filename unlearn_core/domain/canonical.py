"""One byte form for everything that is hashed or signed.

Canonical JSON here is UTF-8, sorted keys, no spaces, no NaN; numbers and strings
as Python's ``json`` writes them. It is the subset of RFC 8785 that our documents
need: they hold no floating-point keys and no lone surrogates.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NewType

JsonValue = (
    str | int | float | bool | None | Mapping[str, "JsonValue"] | Sequence["JsonValue"]
)

Digest = NewType("Digest", str)
"""A digest as ``sha256:`` and 64 hexadecimal digits."""


def canonical_json(value: JsonValue) -> bytes:
    """Return the one byte form of a JSON value.

    Raises:
        ValueError: The value holds NaN or infinity, which JSON cannot express.
    """
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()


def digest_of(data: bytes) -> Digest:
    """Return the SHA-256 digest of bytes."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def digest_of_json(value: JsonValue) -> Digest:
    """Return the digest of a JSON value in canonical form."""
    return digest_of(canonical_json(value))
