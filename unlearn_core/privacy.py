"""Personal values that cannot be shown, stored or sent by accident.

- `Personal` is not a string: ``str``, ``repr`` and ``format`` redact it, JSON
  and pickle refuse it, it cannot be iterated, measured or concatenated.
- `Personal.reveal` is the one way to the value. A test lists the modules that
  may call it.
- `Pseudonymiser` derives keyed commitments, so that a person can be recognised
  again without a list of names. A keyed commitment is still personal data.
"""

import hmac
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")

REDACTED = "[personal]"


class Personal(Generic[T]):
    """A personal value in an opaque wrapper.

    Example:
        >>> name = Personal("Ada Example")
        >>> f"{name} {name!r}"
        '[personal] [personal]'
        >>> name == Personal("Ada Example")
        True
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the value; allowed only where personal data may be handled."""
        return self._value

    def __str__(self) -> str:
        return REDACTED

    def __repr__(self) -> str:
        return REDACTED

    def __format__(self, format_spec: str) -> str:
        return REDACTED

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Personal) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash((Personal, self._value))

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        message = "a personal value cannot be pickled or copied"
        raise TypeError(message)


class Pseudonymiser:
    """Derives keyed commitments to personal values (HMAC-SHA256).

    A key that was rotated away makes no new commitments, but what it has made is still
    recognised.

    Args:
        key: Secret key of at least 32 bytes.
        key_id: Public name of the key, kept beside every commitment.
        earlier: Those with the keys before it, newest first.

    Raises:
        ValueError: The key is shorter than 32 bytes.
    """

    MINIMUM_KEY_BYTES = 32

    def __init__(
        self, *, key: bytes, key_id: str, earlier: "tuple[Pseudonymiser, ...]" = ()
    ) -> None:
        if len(key) < self.MINIMUM_KEY_BYTES:
            message = f"a pseudonym key has at least {self.MINIMUM_KEY_BYTES} bytes"
            raise ValueError(message)
        self._key = key
        self.key_id = key_id
        self.earlier = earlier

    @property
    def all(self) -> "tuple[Pseudonymiser, ...]":
        """Return one for every key, the present one first."""
        return (self, *self.earlier)

    @property
    def first(self) -> "Pseudonymiser":
        """Return the one with the oldest key, for what must never get another name."""
        return self.all[-1]

    def commit(self, *, purpose: str, value: Personal[str]) -> str:
        """Commit to a value for one purpose.

        Args:
            purpose: Separates domains: equal values under different purposes
                have unrelated commitments.
            value: The personal value, already normalised.

        Returns:
            ``<key id>:<64 hexadecimal digits>``.
        """
        message = f"{purpose}\x00{value.reveal()}".encode()
        digest = hmac.digest(self._key, message, "sha256")
        return f"{self.key_id}:{digest.hex()}"
