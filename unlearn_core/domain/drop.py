"""California's Delete Request and Opt-out Platform (DROP): lists, digests, answers.

The platform gives digests, never identifiers. A record of ours is compared with them
by bringing its values to the platform's standard form and digesting them likewise:
SHA-256 of UTF-8, in base64; where a list has several identifiers, the digest of their
digests, one after another (technical documentation 1.2.0).
"""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum

from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import RequestError
from unlearn_core.privacy import Personal

PHONE_DIGITS = 10
ZIP_CHARACTERS = 5
VIN_CHARACTERS = 17
MAID_DIGITS = 32
SHORTEST_CTVID, LONGEST_CTVID = 8, 32

_ZIP_PLUS_4 = re.compile(r"-[0-9]{4}$")
_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[T ].*)?")
_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ħ": "h",
        "ŋ": "n",
        "\u0131": "i",
    }
)
"""Latin letters that no decomposition brings to plain ones."""
_UNKNOWN_TABLES = ("GREEK", "CYRILLIC")
"""Scripts that the platform transliterates by a table it does not publish."""


class DropRefusedError(RequestError):
    """Lists of the platform cannot be read, or not be answered."""

    code = "drop_refused"
    summary = "the lists of DROP cannot be taken in or answered"
    next_step = "Look at the named file, or at what `unlearn drop import` says of it."


class ListType(StrEnum):
    """A consumer deletion list."""

    NDZ = "NDZ"
    EMAIL = "Email"
    PHONE = "Phone"
    MAID = "MAID"
    NAME_VIN = "NameVIN"
    CTVID = "CTVID"


REMOVED = "Removed"
"""Instead of a list, in the name of the file with identifiers that were taken back."""


class Code(IntEnum):
    """What is answered for a work item."""

    EXEMPTED = 2
    DELETED = 3
    OPTED_OUT = 4
    NOT_FOUND = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """One line of a list.

    Attributes:
        item_id: The platform's name of it.
        digest: Digest of what the consumer gave.
        list_type: The list.
    """

    item_id: str
    digest: str
    list_type: ListType


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFile:
    """One file of a download.

    Attributes:
        name: Its name; the answer has the same.
        day: When it was made.
        list_type: The list; None for identifiers that were taken back.
    """

    name: str
    day: date
    list_type: ListType | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldNames:
    """Fields of the data map that hold what no kind of identifier does.

    Attributes:
        first_name: Given name; empty if the whole name is divided at its last space.
        last_name: Family name, likewise.
        birth_date: Date of birth, as in ISO 8601.
        postal_code: ZIP code.
        vin: Vehicle identification number.
        maid: Mobile advertising identifier.
        ctvid: Identifier of a connected television.
    """

    first_name: str = ""
    last_name: str = ""
    birth_date: str = ""
    postal_code: str = ""
    vin: str = ""
    maid: str = ""
    ctvid: str = ""

    def missing(self, list_type: ListType) -> tuple[str, ...]:
        """Return the settings that a list cannot be compared without."""
        needed = {
            ListType.NDZ: ("birth_date", "postal_code"),
            ListType.NAME_VIN: ("vin",),
            ListType.MAID: ("maid",),
            ListType.CTVID: ("ctvid",),
        }.get(list_type, ())
        return tuple(name for name in needed if not getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a record says about a person.

    Attributes:
        identifiers: Kind to value.
        fields: Field of the data map to value.
    """

    identifiers: Mapping[IdentifierKind, Personal[str]]
    fields: Mapping[str, Personal[str]]

    def digests(self, names: FieldNames) -> Iterator[tuple[ListType, str]]:
        """Yield the record's digest for every list that it has the values of."""
        for list_type, parts in self._parts(names).items():
            if all(parts):
                yield list_type, digest_of(*map(str, parts))

    def cannot_be_compared(self, names: FieldNames) -> bool:
        """Tell whether a value that lists name cannot be brought to standard form.

        A name is written in a script without a published table, or a date of birth in
        another form than ISO 8601; what has no digit says no date.
        """
        if not (names.birth_date or names.vin):
            return False
        first, last = self._name(names)
        if any(_script_is_unknown(part) for part in (first, last)):
            return True
        birth = self.fields.get(names.birth_date)
        return birth is not None and _says_another_date(birth.reveal())

    def _parts(self, names: FieldNames) -> dict[ListType, tuple[str | None, ...]]:
        first, last = (standard_name(part) for part in self._name(names))

        def field(name: str, standard: Callable[[str], str | None]) -> str | None:
            value = self.fields.get(name)
            return standard(value.reveal()) if value is not None else None

        return {
            ListType.EMAIL: (self._identifier(IdentifierKind.EMAIL, standard_email),),
            ListType.PHONE: (self._identifier(IdentifierKind.PHONE, standard_phone),),
            ListType.MAID: (field(names.maid, standard_maid),),
            ListType.CTVID: (field(names.ctvid, standard_ctvid),),
            ListType.NDZ: (
                first,
                last,
                field(names.birth_date, standard_day),
                field(names.postal_code, standard_zip),
            ),
            ListType.NAME_VIN: (first, last, field(names.vin, standard_vin)),
        }

    def _identifier(
        self, kind: IdentifierKind, standard: Callable[[str], str | None]
    ) -> str | None:
        value = self.identifiers.get(kind)
        return standard(value.reveal()) if value is not None else None

    def _name(self, names: FieldNames) -> tuple[str, str]:
        whole = self.identifiers.get(IdentifierKind.NAME)
        first, _, last = (whole.reveal() if whole else "").strip().rpartition(" ")
        given, family = (
            self.fields.get(names.first_name),
            self.fields.get(names.last_name),
        )
        return (
            given.reveal() if given else first,
            family.reveal() if family else last,
        )


def digest_of(*parts: str) -> str:
    """Return the digest of one value, or of several in the platform's order."""
    if len(parts) == 1:
        return base64.b64encode(hashlib.sha256(parts[0].encode()).digest()).decode()
    return digest_of("".join(map(digest_of, parts)))


def standard_email(text: str) -> str | None:
    """Return an address without white space, in small letters."""
    return "".join(text.split()).lower() or None


def standard_phone(text: str) -> str | None:
    """Return the last ten digits."""
    return re.sub(r"[^0-9]", "", text)[-PHONE_DIGITS:] or None


def standard_zip(text: str) -> str | None:
    """Return the first five letters or digits, without ZIP+4 and leading zeros."""
    plain = _plain(_ZIP_PLUS_4.sub("", text.strip()))
    return plain.lstrip("0")[:ZIP_CHARACTERS] or None


def standard_day(text: str) -> str | None:
    """Return a date as eight digits; None unless the year stands first."""
    found = _DAY.fullmatch(text.strip())
    return "".join(found.groups()) if found else None


def standard_name(text: str) -> str | None:
    """Return letters and digits alone, Latin ones without marks, in small letters.

    None if the platform would transliterate it by a table that is not published.
    """
    if _script_is_unknown(text):
        return None
    lower = unicodedata.normalize("NFC", text).lower().translate(_LETTERS)
    folded = "".join(map(_folded, lower))
    return "".join(sign for sign in folded if sign.isalnum()) or None


def standard_maid(text: str) -> str | None:
    """Return 32 hexadecimal digits in small letters; None if there are not as many."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    return digits if len(digits) == MAID_DIGITS else None


def standard_vin(text: str) -> str | None:
    """Return 17 letters and digits in small letters; None if there are not as many."""
    plain = _plain(text)
    return plain if len(plain) == VIN_CHARACTERS else None


def standard_ctvid(text: str) -> str | None:
    """Return 8 to 32 letters and digits in small letters."""
    plain = _plain(text)
    return plain if SHORTEST_CTVID <= len(plain) <= LONGEST_CTVID else None


def _plain(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", text.lower())


def _folded(sign: str) -> str:
    """Return a Latin letter without its marks, any other sign as it is."""
    apart = unicodedata.normalize("NFKD", sign)
    return "".join(filter(str.isascii, apart)) if apart[0].isascii() else sign


def _says_another_date(text: str) -> bool:
    return standard_day(text) is None and any(map(str.isdigit, text))


def _script_is_unknown(text: str) -> bool:
    return any(
        unicodedata.name(sign, "").startswith(_UNKNOWN_TABLES)
        for sign in text
        if sign.isalpha()
    )
