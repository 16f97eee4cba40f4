"""Finds erased people in a corpus when their identifiers are no longer known.

What is left of an erased person are keyed commitments to the canonical forms of the
identifiers (`Pseudonymiser`). So everything in a record that may be an identifier is
committed to as well, and looked up. That costs a keyed digest per candidate, some
hundred for a record of text, and finds fewer spellings than a search by the identifiers
themselves: those that have the same canonical form.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from unlearn_core.adapters.connectors.matching import PeopleMatcher
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.domain import spelling
from unlearn_core.domain.needles import REGION_CODE, Found
from unlearn_core.domain.sources import Spelling
from unlearn_core.domain.subjects import IdentifierKind, normalise
from unlearn_core.errors import KeyMissingError
from unlearn_core.privacy import Personal, Pseudonymiser

LONGEST_NAME = 4
"""Words of a name."""

KEPT = 1 << 16
"""Candidates whose commitments are remembered."""

_ADDRESS = re.compile(r"[\w.+\-']{1,128}@[\w\-]+(?:\.[\w\-]+)+")
"""Before the `@` 64 signs are allowed; without a bound, a text that is one long word
would cost the square of its length."""
_NUMBER = re.compile(r"[0-9A-Z][0-9A-Z\-]{3,}")
_AROUND = ".,;:!?()[]{}<>\"'"
_BRACKETS = _AROUND.replace(".", "").replace(",", "")
_LONGEST_PREFIX = 4
_TWO = 2

Candidate = tuple[IdentifierKind, str]


class Fingerprints:
    """Commitments of erased people, found in columns and in text as `Needles` are.

    Args:
        people: The commitments of each.
        keys: The keys by their ids.

    Raises:
        KeyMissingError: A commitment was made with a key that is not given.
    """

    def __init__(
        self, people: Sequence[Collection[str]], keys: Mapping[str, Pseudonymiser]
    ) -> None:
        self._owners: defaultdict[str, list[int]] = defaultdict(list)
        for person, commitments in enumerate(people):
            for commitment in commitments:
                if commitment.partition(":")[0] not in keys:
                    raise KeyMissingError(file="pseudonym.key")
                self._owners[commitment].append(person)
        self._keys = tuple(keys.values())
        self._known = lru_cache(KEPT)(self._look_up)

    def in_column(self, kind: IdentifierKind, value: str) -> Iterator[Found]:
        """Find who is identified by the value of an identifier column."""
        turned = _turned(value) if kind is IdentifierKind.NAME else ()
        yield from self._found({(kind, value), *_candidates(kind, value), *turned})

    def in_text(self, text: str) -> Iterator[Found]:
        """Find who is identified by something in a text."""
        yield from self._found(
            {found for kind in IdentifierKind for found in _candidates(kind, text)}
        )
        is_all = len(text.split()) == _TWO
        how = Spelling.CANONICAL if is_all else Spelling.TURNED
        yield from self._found(set(_turned(text)), how)

    def in_parts(self, values: Sequence[str]) -> Iterator[Found]:
        """Find names whose parts are the values of two columns side by side."""
        short = [
            value if len(value) <= spelling.LONGEST_PART else "" for value in values
        ]
        yield from self._found(
            {
                (IdentifierKind.NAME, f"{one} {other}")
                for pair in pairwise(short)
                if all(pair)
                for one, other in (pair, pair[::-1])
            }
        )

    def _found(
        self, candidates: Collection[Candidate], how: Spelling = Spelling.CANONICAL
    ) -> Iterator[Found]:
        for kind, value in candidates:
            for person in self._known(kind, normalise(kind, value)):
                yield person, kind, how

    def _look_up(self, kind: IdentifierKind, value: str) -> tuple[int, ...]:
        purpose, personal = f"subject:{kind}", Personal(value)
        return tuple(
            person
            for key in self._keys
            for person in self._owners.get(
                key.commit(purpose=purpose, value=personal), ()
            )
        )


class Screen(PeopleMatcher):
    """Compares rows of one source with erased people.

    Which kinds of identifiers a person had is not known, so any identifier column with
    another value contradicts a name. One that nothing contradicts is found, whether or
    not the source would erase by it.
    """

    def __init__(
        self, fingerprints: Fingerprints, people: int, spec: SourceSpec
    ) -> None:
        super().__init__((), replace(spec, reviews_names=False))
        self.people = people
        self.finder = fingerprints
        self.kinds = [frozenset(IdentifierKind)] * people


def _candidates(kind: IdentifierKind, text: str) -> Iterator[Candidate]:
    """Yield what may be an identifier of a kind in a text."""
    match kind:
        case IdentifierKind.NAME:
            values = _names(text)
        case IdentifierKind.EMAIL:
            values = _addresses(text)
        case IdentifierKind.PHONE:
            values = _phones(text)
        case IdentifierKind.CUSTOMER_NUMBER:
            values = _numbers(text)
        case IdentifierKind.HANDLE:
            values = _handles(text)
    for value in values:
        yield kind, value


def _names(text: str) -> Iterator[str]:
    """Yield runs of words."""
    words = [word.strip(_BRACKETS) for word in text.split()]
    for begin in range(len(words)):
        for end in range(begin + 2, min(begin + LONGEST_NAME, len(words)) + 1):
            run = words[begin:end]
            yield " ".join((*run[:-1], run[-1].rstrip(_AROUND)))


def _turned(text: str) -> Iterator[Candidate]:
    """Yield two words turned if a comma is between them."""
    for word, behind in pairwise(text.split()):
        family, given = word.strip(_BRACKETS), behind.strip(_AROUND)
        if family.endswith(","):
            yield IdentifierKind.NAME, f"{given} {family.rstrip(_AROUND)}"


def _addresses(text: str) -> Iterator[str]:
    for address in _ADDRESS.findall(text) if "@" in text else ():
        local, _, domain = address.strip("'.").partition("@")
        yield f"{local}@{domain}"
        yield f"{local.partition('+')[0]}@{domain}"


def _phones(text: str) -> Iterator[str]:
    """Yield numbers as they may have been given: with a country code or at home."""
    for digits in spelling.numbers(spelling.skeleton(text)):
        national = digits.removeprefix("00").removeprefix(REGION_CODE).lstrip("0")
        yield from (digits, f"+{digits}", f"+{digits.removeprefix('00')}")
        yield from (f"+{REGION_CODE}{national}", f"0{national}")


def _numbers(text: str) -> Iterator[str]:
    """Yield words with digits, and with a short word before them."""
    words = [word.strip(_AROUND) for word in text.upper().split()]
    for before, word in pairwise(["", *words]):
        if any(sign.isdigit() for sign in word):
            shapes = [word]
            if len(before) <= _LONGEST_PREFIX:
                shapes += [before + word, f"{before}-{word}"]
            yield from filter(_NUMBER.fullmatch, shapes)


def _handles(text: str) -> Iterator[str]:
    for word in text.split() if "@" in text else ():
        if (handle := word.strip(_AROUND)).startswith("@"):
            yield from (handle, handle[1:])
