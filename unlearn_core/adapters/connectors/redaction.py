"""Redaction: what identifies a person in a record goes, the rest of it stays.

A column that identifies the person by its value loses the whole value. In text, each
shortest run of words that the search finds is replaced by a mark, and so is every word
of the person's name that stands alone with a capital letter, because beside the rest of
the record it tells whom the text is about.

Redacting twice is redacting once, so reading back is asking whether there is anything
left to redact.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from unlearn_core.adapters.connectors.specification import (
    MARK,
    WORDLESS_MARK,
    Row,
    SourceSpec,
)
from unlearn_core.domain import spelling
from unlearn_core.domain.needles import AROUND, Needles
from unlearn_core.domain.subjects import DataSubject, IdentifierKind

FEWEST_LETTERS = 3
"""Of a word of a name that is redacted alone."""

SIGNS_AT_ONCE = 256
"""A longer text is redacted half by half, as each look at it costs its length."""

_CHUNK = re.compile(r"\S+")
_SPACE = re.compile(r"\s")
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u00ad\u0300-\u036f\u200b-\u200d\u2060\ufeff])*")
"""With the accents and invisible signs inside, as in a decomposed umlaut."""

_BEFORE = "@+#"

Path = tuple[str | int, ...]
Text = tuple[Path, str]


class Redactor:
    """Takes one person's identifiers out of rows.

    Args:
        subject: The person.
        spec: How the source is read.

    Attributes:
        mark: What stands where an identifier stood.
    """

    def __init__(self, subject: DataSubject, spec: SourceSpec) -> None:
        self._needles = Needles([subject])
        self._kinds = {column: kind for kind, column in spec.identifiers.items()}
        self._untouched = {spec.record_id, spec.held}
        self.mark = WORDLESS_MARK if self._is_in(MARK) else MARK
        self._words = {
            word for word in self._needles.words if len(word) >= FEWEST_LETTERS
        }

    def redact(self, row: Row) -> dict[str, Any]:
        """Return a row without the person's identifiers; equal if there are none.

        The identifier of the record and what says that it is on hold stay.
        """
        before, after = row, self._redacted(row)
        while after != before:
            # What stood between two words may have gone.
            before, after = after, self._redacted(after)
        return after

    def _redacted(self, row: Row) -> dict[str, Any]:
        whole = set(self._parted(row))
        return {
            name: value
            if name in self._untouched
            else self._value(value, (name,), whole)
            for name, value in row.items()
        }

    def text(self, text: str) -> str:
        """Return a text without the person's identifiers."""
        return self._without_lone_words(self._marked_up(text))

    def _marked_up(self, text: str) -> str:
        """Return a text with a mark for every run of words that identifies."""
        if not self._is_in(text):
            return text
        if middle := _middle(text):
            text = self._marked_up(text[:middle]) + self._marked_up(text[middle:])
        while self._is_in(text):
            begin, end = self._span(text)
            text = f"{text[:begin]}{self.mark}{text[end:]}"
        return text

    def _value(self, value: Any, path: Path, whole: set[Path]) -> Any:  # noqa: ANN401 - any value of a row
        """Return a value without identifiers, whatever is nested in it."""
        kind = self._kinds.get(str(path[0])) if len(path) == 1 else None
        if kind and value is not None and self._identifies(kind, value):
            return self.mark if isinstance(value, str) else None
        if isinstance(value, str):
            return self.mark if path in whole else self.text(value)
        if isinstance(value, Mapping):
            return {
                key: self._value(item, (*path, key), whole)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            items = [
                self._value(item, (*path, number), whole)
                for number, item in enumerate(value)
            ]
            if items == list(value):
                return value
            return items if isinstance(value, list) else tuple(items)
        is_in_list = isinstance(path[-1], int)
        is_theirs = not is_in_list and self._is_in(spelling.whole_number(value))
        return None if is_theirs else value

    def _parted(self, row: Row) -> Iterator[Path]:
        """Yield where the parts of a name are, in two texts side by side."""
        beside = [
            found
            for name in row
            if name not in self._kinds
            for found in _texts(row[name], (name,))
        ]
        for (first, one), (second, other) in pairwise(beside):
            if next(self._needles.in_parts((one, other)), None) is not None:
                yield from (first, second)

    def _identifies(self, kind: IdentifierKind, value: Any) -> bool:  # noqa: ANN401 - any value of a row
        said = spelling.whole_number(value) or str(value)
        return next(self._needles.in_column(kind, said), None) is not None

    def _is_in(self, text: str) -> bool:
        return next(self._needles.in_text(text), None) is not None

    def _span(self, text: str) -> tuple[int, int]:
        """Return a run of words that identifies, none of which can be left out."""
        begins, ends = _edges(text)
        first = _last_that(begins, lambda at: self._is_in(text[at:]))
        begin = begins[first]
        ends = [end for end in ends if end > begin]
        # Counted from behind, fewer and fewer words are left.
        ends.reverse()
        end = ends[_last_that(ends, lambda at: self._is_in(text[begin:at]))]
        while begin and text[begin - 1] in _BEFORE:
            begin -= 1
        while end < len(text) and unicodedata.category(text[end]) in {"Mn", "Cf"}:
            end += 1
        return begin, end

    def _without_lone_words(self, text: str) -> str:
        def replaced(chunk: re.Match[str]) -> str:
            if "@" in chunk.group():
                return chunk.group()
            return _WORD.sub(self._marked, chunk.group())

        return _CHUNK.sub(replaced, text) if self._words else text

    def _marked(self, word: re.Match[str]) -> str:
        found = word.group()
        is_theirs = found[0].isupper() and spelling.skeleton(found) in self._words
        return self.mark if is_theirs else found


def _texts(value: Any, path: Path) -> Iterator[Text]:  # noqa: ANN401 - any value of a row
    """Yield every text inside a value and where it is."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, number))


def _edges(text: str) -> tuple[list[int], list[int]]:
    """Return where a run of words may begin and end; an address is one word."""
    begins, ends = [0], [len(text)]
    for chunk in _CHUNK.finditer(text):
        if "@" in chunk.group():
            word = chunk.group()
            begins.append(chunk.end() - len(word.lstrip(AROUND)))
            ends.append(chunk.start() + len(word.rstrip(AROUND)))
            continue
        for found in _WORD.finditer(text, chunk.start(), chunk.end()):
            begins.append(found.start())
            ends.append(found.end())
    return sorted(set(begins)), sorted(set(ends))


def _middle(text: str) -> int:
    """Return where a long text can be cut between two words; 0 if it need not be."""
    half = len(text) // 2
    is_long = len(text) > SIGNS_AT_ONCE
    found = _SPACE.search(text, half) if is_long else None
    return found.start() if found else 0


def _last_that(places: Sequence[int], is_so: Callable[[int], bool]) -> int:
    """Return the last place that still is so; the first one is."""
    low, high = 0, len(places)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_so(places[middle]) else (low, middle)
    return low
