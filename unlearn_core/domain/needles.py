"""What is looked for: the identifiers of one person or many, ready for looking up.

However many people are searched for, a text is looked at once: its words, addresses
and numbers are looked up in tables. The same tables give the patterns of the `Sieve`,
so that what passes the sieve and what matches cannot drift apart.
"""

import re
import string
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from unlearn_core.domain import spelling
from unlearn_core.domain.sources import Spelling
from unlearn_core.domain.subjects import DataSubject, IdentifierKind

REGION, REGION_CODE = "DE", "49"
FEWEST_SIGNS_OF_A_BARE_HANDLE = 6
FEWEST_SIGNS_OF_A_NUMBER = 4
FEWEST_TOLD = 5
"""Digits of the shortest number that is looked for whatever separates its digits."""

MOST_IN_ONE_PIECE = 6
"""Last digits of a number in one piece by which it is recognised."""

FEW_NUMBERS = 50
"""So few are cheaper to look for with every gap; thousands cost the same in a table."""

FEWEST_DIGITS_OF_A_PHONE = 8
"""Shorter ones may be any number."""

SHORT = 5
"""Letters; shorter surnames are parts of too many words."""

LONG = 7
"""Letters; shorter words end so many others that each has to begin on its own."""

AROUND = "<>()[]{},;:.'\"!?"
_HANDLE = re.compile(r"@?\w[\w.\-]*")
_PLAIN = frozenset((string.ascii_lowercase + string.digits).encode())
_NO_LETTER = re.compile(rb"[^a-z0-9\x80-\xff]+")
_DIGITS = string.digits.encode()
_SEPARATORS = bytes(sign for sign in range(128) if not chr(sign).isalnum())
_OF_WORDS = (IdentifierKind.NAME, IdentifierKind.CUSTOMER_NUMBER)
_WHOLE = frozenset(Spelling) - {Spelling.INITIALS}

Form = spelling.Words
Found = tuple[int, IdentifierKind, Spelling]
"""Number of the person, kind and spelling of an identifier."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What may tell of an identifier in a line of bytes.

    Attributes:
        pattern: A regular expression; letter case does not matter.
        word: The text that the pattern means, if it has to stand alone; nothing to
            check otherwise.
        whole: What else is in a line with a whole name, in any of these ways.
        initials: What may stand beside it instead.
        numbers: One of these is in the line once nothing separates its signs.
        several: How many of which words are in a line with a near copy, in any of
            these ways.
    """

    pattern: bytes
    word: bytes = b""
    whole: frozenset[spelling.Words] = frozenset()
    initials: frozenset[str] = frozenset()
    numbers: frozenset[bytes] = frozenset()
    several: frozenset[tuple[int, spelling.Words]] = frozenset()

    def is_confirmed(self, line: bytes) -> bool:
        """Tell whether a line with the word may have all of what is looked for."""
        if self.numbers:
            return is_in(line, self.numbers)
        if not (self.whole or self.initials or self.several):
            return True
        line = line.lower()
        return (
            any(all(word.encode() in line for word in words) for words in self.whole)
            or any(
                sum(word.encode() in line for word in words) >= fewest
                for fewest, words in self.several
            )
            or _is_beside(self.word, line, self.initials)
        )


class Needles:
    """Identifiers of people, found in columns and in text.

    Args:
        people: Whom to look for; they are told apart by their place in the sequence.
        region: Country of telephone numbers without a country code.

    Attributes:
        words: The words of everybody's names in every spelling, initials included.
        longest: Signs of a text in which the longest identifier fits, however written.
    """

    def __init__(self, people: Sequence[DataSubject], *, region: str = REGION) -> None:
        self._region = region
        self._owners: dict[IdentifierKind, dict[Form, dict[int, Spelling]]] = {
            kind: {} for kind in IdentifierKind
        }
        self._lengths: defaultdict[str, set[int]] = defaultdict(set)
        self._families: set[str] = set()
        self.words: set[str] = set()
        self.longest = 0
        for person, subject in enumerate(people):
            for item in subject.identifiers:
                self._add(person, item.kind, item.value.reveal())

    def in_column(self, kind: IdentifierKind, value: str) -> Iterator[Found]:
        """Find who is identified by the value of an identifier column."""
        for form in _read(kind, value):
            yield from self._found(kind, form)

    def in_text(self, text: str) -> Iterator[Found]:
        """Find who is identified by something in a text."""
        plain = spelling.skeleton(text)
        for run in spelling.runs(plain):
            yield from self._in_words(run)
        if "@" in plain:
            yield from self._in_addresses(plain)
        if self._owners[IdentifierKind.PHONE]:
            yield from self._in_numbers(plain)
        if self._owners[IdentifierKind.HANDLE]:
            yield from self._in_handles(plain)

    def in_parts(self, values: Sequence[str]) -> Iterator[Found]:
        """Find names whose parts are the whole values of two columns side by side."""
        for first, second in pairwise(values):
            if len(first) <= spelling.LONGEST_PART >= len(second):
                one, other = spelling.words(first), spelling.words(second)
                for found in self._found(IdentifierKind.NAME, one + other):
                    if one and other and found[2] in _WHOLE:
                        yield found

    def probes(self) -> Iterator[Probe]:
        """Yield what to look for in skeletons as UTF-8; `numbers` may be there too."""
        yield from self._names()
        yield from self._in_digits()
        for form in self._owners[IdentifierKind.CUSTOMER_NUMBER]:
            if len(form) == 1 and not _is_told(form[0]):
                yield Probe(_spaced(form[0]))
        for (number,) in self._owners[IdentifierKind.PHONE]:
            if not _is_told(number):
                yield Probe(_spaced(number))
        for (address,) in self._owners[IdentifierKind.EMAIL]:
            local, _, domain = spelling.as_sifted(address).rpartition("@")
            if domain == spelling.FREE_MAIL:
                yield Probe(b"\\.?".join(map(literal, local)))
            else:
                yield _word(local)
        for (handle,) in self._owners[IdentifierKind.HANDLE]:
            yield _word(spelling.as_sifted(handle))

    def numbers(self) -> set[str]:
        """Return numbers whose digits no probe finds where they stand apart."""
        numbers = self._by_last_digits()
        if len(numbers) <= FEW_NUMBERS:
            return set()
        return {form.decode() for forms in numbers.values() for form in forms}

    def _names(self) -> Iterator[Probe]:
        """Yield a probe per surname, or per way to write a name if it is short."""
        whole: defaultdict[str, set[spelling.Words]] = defaultdict(set)
        initials: defaultdict[str, set[str]] = defaultdict(set)
        for form, owners in self._owners[IdentifierKind.NAME].items():
            is_last = form[-1] in self._families
            family = form[-1] if is_last else form[0]
            rest = form[:-1] if is_last else form[1:]
            if len(family) < SHORT:
                yield from map(Probe, _ways(form))
            elif _WHOLE & set(owners.values()):
                whole[family].add(rest)
            else:
                initials[family].update(rest)
        for family in {*whole, *initials}:
            yield Probe(
                _beginning(family),
                word=family.encode(),
                whole=frozenset(whole[family]),
                initials=frozenset(initials[family]),
            )

    def _in_digits(self) -> Iterator[Probe]:
        """Yield the last digits of numbers, in one piece or, if they are few, apart."""
        numbers = self._by_last_digits()
        are_few = len(numbers) <= FEW_NUMBERS
        for digits, forms in sorted(numbers.items()):
            pattern = _spaced(digits) if are_few else literal(digits)
            yield Probe(pattern, numbers=frozenset(forms))

    def _by_last_digits(self) -> Mapping[str, set[bytes]]:
        """Return numbers that are long enough to be told by their last digits."""
        ending: defaultdict[str, set[bytes]] = defaultdict(set)
        for kind in (IdentifierKind.PHONE, IdentifierKind.CUSTOMER_NUMBER):
            for form in self._owners[kind]:
                if len(form) == 1 and _is_told(form[0]):
                    number = form[0].encode()
                    ending[last_digits(number)[-MOST_IN_ONE_PIECE:].decode()].add(
                        number
                    )
        return ending

    def _add(self, person: int, kind: IdentifierKind, value: str) -> None:
        # However far apart its words were typed, they are one identifier.
        value = " ".join(value.split())
        # A sign may be written as two, and a gap may follow each.
        self.longest = max(self.longest, (spelling.GAP + 2) * len(value))
        if kind is IdentifierKind.NAME:
            self._families |= spelling.surnames(value)
        for form, how in self._written(kind, value).items():
            if any(form):
                self._owners[kind].setdefault(form, {}).setdefault(person, how)
                if kind is IdentifierKind.NAME:
                    self.words.update(form)
                if kind in _OF_WORDS:
                    self._lengths[form[0]].add(len(form))

    def _written(self, kind: IdentifierKind, value: str) -> Mapping[Form, Spelling]:
        match kind:
            case IdentifierKind.NAME:
                return spelling.name_forms(value)
            case IdentifierKind.PHONE:
                forms = spelling.phone_forms(value, region=self._region)
                return {(form,): Spelling.CANONICAL for form in forms}
            case IdentifierKind.EMAIL:
                # As a whole: a part of an odd one is somebody else's mailbox.
                address = spelling.canonical_email(value)
                is_one = not address.startswith("@")
                return {(address,): Spelling.CANONICAL} if is_one else {}
            case _:
                return dict.fromkeys(_read(kind, value), Spelling.CANONICAL)

    def _found(self, kind: IdentifierKind, form: Form) -> Iterator[Found]:
        for person, how in self._owners[kind].get(form, {}).items():
            yield person, kind, how

    def _in_addresses(self, plain: str) -> Iterator[Found]:
        whole = (word.strip(AROUND) for word in plain.split() if "@" in word)
        odd = map(spelling.canonical_email, whole)
        for address in {*spelling.addresses(plain), *odd}:
            yield from self._found(IdentifierKind.EMAIL, (address,))

    def _in_numbers(self, plain: str) -> Iterator[Found]:
        for number in spelling.numbers(plain):
            is_long = len(number) >= FEWEST_DIGITS_OF_A_PHONE
            for person, kind, how in self._found(IdentifierKind.PHONE, (number,)):
                yield person, kind, how if is_long else Spelling.WORD

    def _in_handles(self, plain: str) -> Iterator[Found]:
        for token in _HANDLE.findall(plain):
            handle = token.lstrip("@").rstrip(".-")
            is_marked = token.startswith("@")
            if is_marked or len(handle) >= FEWEST_SIGNS_OF_A_BARE_HANDLE:
                is_word = handle.isalpha() and not is_marked
                for person, kind, how in self._found(IdentifierKind.HANDLE, (handle,)):
                    yield person, kind, Spelling.WORD if is_word else how

    def _in_words(self, run: list[str]) -> Iterator[Found]:
        for begin, word in enumerate(run):
            for length in self._lengths.get(word, ()):
                form = tuple(run[begin : begin + length])
                is_all = len(form) == len(run)
                for kind in _OF_WORDS:
                    for person, _, how in self._found(kind, form):
                        yield person, kind, _in_prose(form, kind, how, is_all=is_all)


def _in_prose(
    form: Form, kind: IdentifierKind, how: Spelling, *, is_all: bool
) -> Spelling:
    """Return what a spelling is worth where other words may stand beside it.

    In "Ada Muster, Ben Example" nobody is called Ben Muster.
    """
    if kind is IdentifierKind.CUSTOMER_NUMBER:
        signs = "".join(form)
        is_number = any(map(str.isdigit, signs))
        is_told = is_number and len(signs) >= FEWEST_SIGNS_OF_A_NUMBER
        return how if is_told else Spelling.WORD
    return Spelling.TURNED if how is Spelling.ORDER and not is_all else how


def _read(kind: IdentifierKind, value: str) -> Collection[Form]:
    """Return the forms under which a value of a column is looked up."""
    match kind:
        case IdentifierKind.NAME:
            return (spelling.words(value),)
        case IdentifierKind.CUSTOMER_NUMBER:
            return spelling.number_forms(value)
        case IdentifierKind.PHONE:
            return {(form,) for form in spelling.numbers(spelling.skeleton(value))}
        case IdentifierKind.EMAIL:
            plain = spelling.skeleton(value)
            found = {(form,) for form in spelling.addresses(plain)}
            return found | {(spelling.canonical_email(value.strip()),)}
        case IdentifierKind.HANDLE:
            return ((spelling.skeleton(value).strip().lstrip("@").rstrip(".-"),),)


def _is_told(form: str) -> bool:
    """Tell whether a number ends in enough digits to look for them."""
    return form[-FEWEST_TOLD:].isdecimal() and len(form) >= FEWEST_TOLD


def last_digits(form: bytes) -> bytes:
    """Return the digits that a number ends in."""
    return form[len(form.rstrip(_DIGITS)) :]


def is_in(line: bytes, forms: Collection[bytes]) -> bool:
    """Tell whether one of the forms is in a line, whatever separates its signs."""
    joined = line.lower().translate(None, _SEPARATORS)
    return any(form in joined for form in forms)


def _word(text: str) -> Probe:
    return Probe(_beginning(text), word=text.encode())


def _beginning(word: str) -> bytes:
    """Return a pattern of a word, with what stands before it if the word is short."""
    return (b"[^a-z0-9]" if len(word) < LONG else b"") + literal(word)


def _is_beside(word: bytes, line: bytes, initials: Collection[str]) -> bool:
    """Tell whether one of the initials stands before or behind a surname."""
    letters = {letter.encode() for letter in initials}
    reach = 4 * spelling.GAP
    end = 0
    while letters and (begin := line.find(word, end)) >= 0:
        end = begin + len(word)
        before, behind = line[max(0, begin - reach) : begin], line[end : end + reach]
        if not letters.isdisjoint(_NO_LETTER.split(before) + _NO_LETTER.split(behind)):
            return True
    return False


def literal(text: str) -> bytes:
    """Return a pattern that means a text; what is not ASCII byte by byte."""
    return b"".join(
        b"%c" % byte if byte in _PLAIN else b"\\x%02x" % byte for byte in text.encode()
    )


def _spaced(text: str) -> bytes:
    """Return a pattern of signs with any separators between them."""
    return b"[^a-z0-9\\n]*".join(map(literal, text))


def _ways(form: spelling.Words) -> Iterator[bytes]:
    """Yield patterns of a name in one text, and in two columns of a line."""
    parts = [literal(part) for part in form]
    gap, edge = b"[^a-z0-9\\n]+", b"[^a-z0-9\\n]*"
    begin = b"(?:^|[^a-z0-9])" if len(form[0]) < SHORT else b""
    yield begin + gap.join(parts)
    between = edge + b'"[^\\n]*"' + edge
    for at in range(1, len(parts)):
        yield gap.join(parts[:at]) + between + gap.join(parts[at:])
