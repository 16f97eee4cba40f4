"""Spellings of one identifier, brought together.

Texts are compared by their *skeleton*: compatibility forms and letter case folded,
accents, soft hyphens and invisible signs gone, letters such as ``ø`` as those that they
are written with elsewhere. A name is compared word by word, because what stands between
words (spaces, commas, line ends) says nothing.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import isfinite

import phonenumbers

from unlearn_core.domain.sources import Spelling

Words = tuple[str, ...]

GAP = 8
"""Most signs between two words of one name."""

LONGEST_PART = 60
"""Signs of a value that may be a part of a name, in a column of its own."""

FREE_MAIL = "gmail.com"
"""A provider for whom dots do not count."""

_WORD = re.compile(r"[^\W_]+")
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "\u0131": "i",
    }
)
_WRITTEN_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "ß": "ss"}
)
_CONTRACTED = re.compile(r"([aou])e(?!l?\b)")  # Joel and Samuel have no umlaut
# Longer local parts are no addresses, and would take time with the square of a word.
_EMAIL = re.compile(r"[\w.+\-']{1,64}@[\w\-]+(?:\.[\w\-]+)+")
_DIGITS = re.compile(r"[0-9](?:[^\w\n]{0,3}[0-9]){5,}")
_ALIKE = re.compile("[0-9]+|[^0-9]+")
_WHOLE = frozenset({Spelling.AS_WRITTEN, Spelling.TRANSLITERATED})
_INVISIBLE = frozenset({"Mn", "Me", "Cf"})
_MOST_DIGITS = 15
_FEWEST_DIGITS = 6


def skeleton(text: str) -> str:
    """Return what all spellings of a text share."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold()
    kept = (
        letter
        for letter in unicodedata.normalize("NFKD", apart)
        if letter.isascii() or unicodedata.category(letter) not in _INVISIBLE
    )
    return "".join(kept).translate(_LETTERS)


def as_sifted(plain: str) -> str:
    """Return a skeleton as the sieve compares it.

    A sign beyond ASCII that is neither letter nor digit is a space there.
    """
    return "".join(sign if sign.isascii() or sign.isalnum() else " " for sign in plain)


def words(text: str) -> Words:
    """Return the words of a value; none if more than a name's gap is between them."""
    found = list(runs(skeleton(text)))
    return tuple(found[0]) if len(found) == 1 else ()


def runs(text: str) -> Iterator[list[str]]:
    """Yield the words of a skeleton, in runs that one name may be in.

    Addresses are no words: who has a name in one need not have that name.
    """
    run: list[str] = []
    end = 0
    if "@" in text:
        text = _EMAIL.sub("@", text)
    for found in _WORD.finditer(text):
        between = text[end : found.start()]
        if run and (len(between) > GAP or "@" in between):
            yield run
            run = []
        run.append(found.group())
        end = found.end()
    if run:
        yield run


def name_forms(name: str) -> Mapping[Words, Spelling]:
    """Return the ways to write a name, the surest first.

    One word, or letters alone, are no more than a part of a name.

    >>> {" ".join(form): how.value for form, how in name_forms("Zoë Muster").items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'zoe muster': 'as_written', 'muster zoe': 'order', 'z muster': 'initials',
     'muster z': 'initials'}
    """
    forms: dict[Words, Spelling] = {}
    for written in map(words, _writings(name)):
        *given, family = written
        is_own = written == words(name)
        whole = Spelling.AS_WRITTEN if is_own else Spelling.TRANSLITERATED
        if not given or all(word.isascii() and len(word) == 1 for word in written):
            whole = Spelling.SHORTENED
        forms.setdefault((*given, family), whole)
        if given:
            turned = Spelling.ORDER if whole in _WHOLE else whole
            forms.setdefault((family, *given), turned)
            for shorter, how in _shorter(tuple(given)):
                forms.setdefault((*shorter, family), how)
                forms.setdefault((family, *shorter), how)
    return forms


def surnames(name: str) -> frozenset[str]:
    """Return the last word of a name, as it may be written."""
    return frozenset(words(written)[-1] for written in _writings(name))


def _shorter(given: Words) -> Iterator[tuple[Words, Spelling]]:
    """Yield ways to shorten given names."""
    letters = tuple(word[0] for word in given)
    if len(given) > 1:
        yield given[:1], Spelling.SHORTENED
        yield (given[0], *letters[1:]), Spelling.SHORTENED
    yield letters, Spelling.INITIALS
    yield letters[:1], Spelling.INITIALS


def addresses(text: str) -> Iterator[str]:
    """Yield the mailboxes of a skeleton."""
    for address in _EMAIL.findall(text):
        yield canonical_email(address.strip("'."))


def canonical_email(address: str) -> str:
    """Return the mailbox that an address leads to.

    Letter case and a tag after ``+`` do not matter, nor do dots where the provider
    says so, unless nothing else is there.
    """
    local, _, domain = skeleton(address).rpartition("@")
    local = local.partition("+")[0] or local
    if domain in {FREE_MAIL, "googlemail.com"}:
        local, domain = local.replace(".", "") or local, FREE_MAIL
    return f"{local}@{domain}"


def phone_forms(number: str, *, region: str) -> frozenset[str]:
    """Return the digits that the number is written with, prefixes or none before.

    Args:
        number: A telephone number.
        region: Country of numbers without a country code, as in ``DE``.
    """
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return frozenset({digits_of(number)})
    national = phonenumbers.national_significant_number(parsed)
    code = str(parsed.country_code)
    before = ("", "0", code, code + "0", "00" + code, "00" + code + "0", "011" + code)
    return frozenset(prefix + national for prefix in before)


def digits_of(number: str) -> str:
    """Return the digits of a number."""
    return "".join(re.findall("[0-9]", skeleton(number)))


def numbers(text: str) -> Iterator[str]:
    """Yield the digits of everything in a skeleton that may be a telephone number."""
    for found in _DIGITS.finditer(text):
        groups = re.findall("[0-9]+", found.group())
        for begin in range(len(groups)):
            digits = ""
            for group in groups[begin:]:
                digits += group
                if len(digits) > _MOST_DIGITS:
                    break
                if len(digits) >= _FEWEST_DIGITS:
                    yield digits


def whole_number(value: object) -> str:
    """Return how a number without a fraction is written, nothing for others."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return ""
    is_whole = isinstance(value, int) or (isfinite(value) and value == int(value))
    return str(int(value)) if is_whole else ""


def number_forms(number: str) -> frozenset[Words]:
    """Return the words of a customer number, with separators here, there or nowhere."""
    joined = "".join(words(number))
    return frozenset({words(number), (joined,), tuple(_ALIKE.findall(joined))})


def _writings(name: str) -> Iterator[str]:
    """Yield a name as it is, with its umlauts written out, and written back."""
    composed = unicodedata.normalize("NFC", name).casefold()
    ways = (
        name,
        composed.translate(_WRITTEN_OUT),
        _CONTRACTED.sub(r"\1", skeleton(name)),
    )
    yield from (way for way in dict.fromkeys(ways) if words(way))
