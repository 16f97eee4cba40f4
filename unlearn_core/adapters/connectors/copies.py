"""Finds records that say what a found one says, though no identifier stands in them.

A source is read once for all of them: for quotes, word by word, and for near copies, in
mostly the same words. What is found is for a person to decide about, never certain.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol

from unlearn_core.adapters.connectors.matching import Sifted
from unlearn_core.adapters.connectors.specification import Row, SourceSpec
from unlearn_core.domain.needles import Probe
from unlearn_core.domain.sources import SourceRecord

COMMON = 20
"""Records beside the originals; what more of them have is common text."""


class CommonText:
    """Counts who has what, of what originals say, and tells what is common.

    Of each piece as many records are remembered as make it common.
    """

    def __init__(self) -> None:
        self._having: defaultdict[str, set[str]] = defaultdict(set)

    def __contains__(self, piece: str) -> bool:
        return piece in self._having and len(self._having[piece]) > COMMON

    def note(self, pieces: Iterable[str], record_id: str) -> int:
        """Take in what a record has; return how much of it is not common."""
        rare = 0
        for piece in pieces:
            if piece not in self:
                self._having[piece].add(record_id)
                rare += piece not in self
        return rare


class FindsCopies(Protocol):
    """Finds copies of one sort, record by record."""

    def probes(self) -> Iterator[Probe]:
        """Yield what raw bytes of a copy hold."""
        ...

    @property
    def are_few(self) -> bool:
        """Tell whether raw bytes can be searched for the probes."""
        ...

    def take(self, row: Row, spec: SourceSpec) -> None:
        """Look at a readable record that is none of the originals."""
        ...

    def found(self) -> Iterator[SourceRecord]:
        """Yield the copies, each with what and how much, after the last record."""
        ...


class Copies:
    """Copies of several sorts, looked for in one pass.

    Args:
        originals: Records that were found for certain.
        sorts: What finds them; a record is given by the first that finds it.
    """

    def __init__(self, originals: Sequence[SourceRecord], *sorts: FindsCopies) -> None:
        self._known = {(record.source, record.record_id) for record in originals}
        self._sorts = sorts

    def probes(self) -> Iterator[Probe]:
        """Yield what raw bytes of a copy of any sort hold."""
        return chain.from_iterable(sort.probes() for sort in self._sorts)

    def numbers(self) -> set[str]:
        """Return nothing: numbers are words like others here."""
        return set()

    @property
    def are_few(self) -> bool:
        """Tell whether raw bytes can be searched for them."""
        return all(sort.are_few for sort in self._sorts)

    def find(self, rows: Iterable[Sifted], spec: SourceSpec) -> list[SourceRecord]:
        """Return the records that are copies, each with what and how much.

        Args:
            rows: What there is; originals among it are passed over.
            spec: How the source is read.
        """
        for row in rows:
            if row is None or isinstance(row, int) or not spec.can_read(row):
                continue
            if (spec.name, str(row[spec.record_id])) not in self._known:
                for sort in self._sorts:
                    sort.take(row, spec)
        found: dict[str, SourceRecord] = {}
        for record in chain.from_iterable(sort.found() for sort in self._sorts):
            found.setdefault(record.record_id, record)
        return list(found.values())
