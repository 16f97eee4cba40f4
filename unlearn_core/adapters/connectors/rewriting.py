"""JSON text with some of its values changed, and every other sign as it was.

A number is never read and written again: 1e400 and 12345678901234567890 would become
others on the way.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def rewritten(
    text: str,
    before: Any,  # noqa: ANN401 - any JSON value
    after: Any,  # noqa: ANN401 - any JSON value
    *,
    is_escaped: bool,
) -> str:
    """Return valid JSON text as it reads after a change of values.

    Of a name that an object has twice, the last value counts for whoever reads it. The
    others go.

    Args:
        text: The text.
        before: What it says.
        after: What it is to say: the same names, and lists as long.
        is_escaped: Whether what is written anew is plain ASCII.
    """
    pen = _Pen(text, is_escaped=is_escaped)
    begin = pen.after_space(0)
    end = pen.end(begin)
    return f"{text[:begin]}{pen.value(begin, before, after)}{text[end:]}"


@dataclass(frozen=True, slots=True)
class _Item:
    """Where one value of an object or list is, with what stands around it."""

    name: str | int
    begin: int
    start: int
    end: int
    stop: int


class _Pen:
    """Copies values of a text, and writes anew what has changed."""

    def __init__(self, text: str, *, is_escaped: bool) -> None:
        self._text, self._is_escaped = text, is_escaped

    def after_space(self, at: int) -> int:
        """Return where the next sign is."""
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def end(self, at: int) -> int:
        """Return where a value ends."""
        return _DECODER.raw_decode(self._text, at)[1]

    def value(self, at: int, before: Any, after: Any) -> str:  # noqa: ANN401 - any JSON value
        """Return what becomes of a value."""
        is_object = isinstance(before, Mapping) and isinstance(after, Mapping)
        if not is_object and not (isinstance(before, list) and isinstance(after, list)):
            is_same = before is after or before == after
            same = self._text[at : self.end(at)]
            return same if is_same else json.dumps(after, ensure_ascii=self._is_escaped)
        items = {item.name: item for item in self._items(at, is_object=is_object)}
        if not items:
            return self._text[at : self.end(at)]
        inside = ",".join(
            self._text[item.begin : item.start]
            + self.value(item.start, before[name], after[name])
            + self._text[item.end : item.stop]
            for name, item in items.items()
        )
        return f"{self._text[at]}{inside}{'}' if is_object else ']'}"

    def _items(self, at: int, *, is_object: bool) -> Iterator[_Item]:
        begin = at + 1
        if self._text[self.after_space(begin)] in "}]":
            return
        number = 0
        while True:
            name: str | int = number
            start = self.after_space(begin)
            if is_object:
                name, start = _DECODER.raw_decode(self._text, start)
                start = self.after_space(self.after_space(start) + 1)
            end = self.end(start)
            stop = self.after_space(end)
            yield _Item(name, begin, start, end, stop)
            if self._text[stop] != ",":
                return
            begin, number = stop + 1, number + 1
