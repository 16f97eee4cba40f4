"""The data subject as a set of identifiers.

- Values are `Personal` from the first moment.
- `canonical` brings spellings of one identifier to one form; matching and
  commitments use that form only.
- Validation says which *kind* is wrong, never which value.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from unlearn_core.errors import InvalidIdentifierError
from unlearn_core.privacy import Personal, Pseudonymiser

MAXIMUM_IDENTIFIER_CHARACTERS = 200
MAXIMUM_IDENTIFIERS = 20


class IdentifierKind(StrEnum):
    """What an identifier is; the kind decides how it is normalised and matched."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    CUSTOMER_NUMBER = "customer_number"
    HANDLE = "handle"


_SHAPES: Mapping[IdentifierKind, re.Pattern[str]] = {
    IdentifierKind.NAME: re.compile(r"(?=.*[^\W_])\S.*\s.*\S"),
    IdentifierKind.EMAIL: re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+"),
    IdentifierKind.PHONE: re.compile(r"\+?[0-9]{6,15}"),
    IdentifierKind.CUSTOMER_NUMBER: re.compile(r"[0-9A-Z][0-9A-Z\-]{3,}"),
    IdentifierKind.HANDLE: re.compile(r"\S{2,}"),
}

_TRUNK_ZERO = re.compile(r"^((?:\+|00)[0-9 ]+)\(0\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectIdentifier:
    """One identifier of a person, as submitted."""

    kind: IdentifierKind
    value: Personal[str]

    @property
    def canonical(self) -> Personal[str]:
        """Return the one form that all spellings of this identifier share."""
        return Personal(normalise(self.kind, self.value.reveal()))


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSubject:
    """The identifiers that one erasure request concerns."""

    identifiers: tuple[SubjectIdentifier, ...]

    def of_kind(self, kind: IdentifierKind) -> tuple[SubjectIdentifier, ...]:
        """Return the identifiers of one kind, in order of submission."""
        return tuple(item for item in self.identifiers if item.kind is kind)

    def commitments(self, pseudonymiser: Pseudonymiser) -> tuple[str, ...]:
        """Return keyed commitments to every identifier, sorted, each once."""
        return tuple(
            sorted(
                {
                    pseudonymiser.commit(
                        purpose=f"subject:{item.kind}", value=item.canonical
                    )
                    for item in self.identifiers
                }
            )
        )

    def recognised(self, pseudonymiser: Pseudonymiser) -> frozenset[str]:
        """Return commitments under every key, to find what earlier keys have made."""
        return frozenset(
            commitment
            for key in pseudonymiser.all
            for commitment in self.commitments(key)
        )

    def to_plain(self) -> dict[str, list[str]]:
        """Return plain identifiers, to be sealed at once and never stored."""
        plain: dict[str, list[str]] = {}
        for item in self.identifiers:
            plain.setdefault(item.kind.value, []).append(item.value.reveal())
        return plain


def normalise(kind: IdentifierKind, text: str) -> str:
    """Return the canonical form of an identifier.

    Unicode compatibility forms are folded (NFKC), white space is collapsed and
    letter case is folded; phone numbers keep their digits and a leading plus, but
    not the bracketed zero of ``+49 (0)30``; customer numbers are upper case without
    spaces.
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).split())
    match kind:
        case IdentifierKind.PHONE:
            digits = re.sub(r"[^0-9+]", "", _TRUNK_ZERO.sub(r"\1", folded))
            return "+" + digits[2:] if digits.startswith("00") else digits
        case IdentifierKind.CUSTOMER_NUMBER:
            return folded.replace(" ", "").upper()
        case _:
            return unicodedata.normalize("NFKC", folded.casefold())


def parse_subject(submitted: Mapping[str, object]) -> DataSubject:
    """Build a data subject from submitted identifiers.

    Args:
        submitted: Kind of identifier to one value or a list of values.

    Raises:
        InvalidIdentifierError: A kind is unknown; a value is not text, empty,
            too long or malformed; the name, or the second identifier that tells
            namesakes apart, is missing; there are too many identifiers.
    """
    identifiers: list[SubjectIdentifier] = []
    for name, values in submitted.items():
        kind = _kind(name)
        listed = values if isinstance(values, Sequence) else [values]
        identifiers += [
            _identifier(kind, value)
            for value in ([values] if isinstance(values, str) else listed)
        ]
    kinds = {item.kind for item in identifiers}
    if IdentifierKind.NAME not in kinds:
        raise InvalidIdentifierError(missing=IdentifierKind.NAME.value)
    if len(kinds) == 1:
        raise InvalidIdentifierError(missing="second identifier")
    if len(identifiers) > MAXIMUM_IDENTIFIERS:
        raise InvalidIdentifierError(maximum=MAXIMUM_IDENTIFIERS)
    return DataSubject(identifiers=tuple(identifiers))


def _kind(name: str) -> IdentifierKind:
    try:
        return IdentifierKind(name)
    except ValueError:
        known = "|".join(kind.value for kind in IdentifierKind)
        raise InvalidIdentifierError(unknown_kind="one of " + known) from None


def _identifier(kind: IdentifierKind, value: object) -> SubjectIdentifier:
    if not isinstance(value, str):
        raise InvalidIdentifierError(kind=kind.value, problem="not text")
    if len(value) > MAXIMUM_IDENTIFIER_CHARACTERS:
        raise InvalidIdentifierError(kind=kind.value, problem="too long")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise InvalidIdentifierError(kind=kind.value, problem="control character")
    if not _SHAPES[kind].fullmatch(normalise(kind, value)):
        raise InvalidIdentifierError(kind=kind.value, problem="empty or malformed")
    return SubjectIdentifier(kind=kind, value=Personal(value))
