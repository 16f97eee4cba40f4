"""Finds records that quote one that was found, though no identifier stands in them.

Texts are compared by their runs of five words. The similarity of two is the share of
the shorter one's runs that the other one has as well. Runs that many other records
have are common text, such as the questions of a form, and count for neither.

What shares enough is for a person to decide about, never certain. A quote of fewer than
eight words is not found, nor one in which every fifth word was changed.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from unlearn_core.adapters.connectors.matching import Sifted
from unlearn_core.adapters.connectors.specification import (
    Row,
    SourceSpec,
    whole_texts,
)
from unlearn_core.domain.needles import Probe, literal
from unlearn_core.domain.sources import SourceRecord
from unlearn_core.domain.spelling import as_sifted, skeleton

WORDS_OF_A_RUN = 5
FEWEST_RUNS = 4
"""Shared runs; fewer are chance."""

LEAST_SIMILARITY = 0.5
ENOUGH_RUNS = 8
"""Shared runs, twelve words in one piece, that are a quote whatever stands around."""

COMMON = 20
"""Records beside the originals; a run that more of them have is common text."""

MOST_PROBES = 4096
"""Runs of words that raw bytes are searched for; beyond, every record is compared."""

_WORD = re.compile(r"[^\W_]+")

Runs = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A record that may quote an original.

    Attributes:
        record: The record.
        runs: How many runs of words it has.
        shared: Those that some original has as well.
    """

    record: SourceRecord
    runs: int
    shared: Runs


class Quotes:
    """What found records say, looked for in others.

    Candidates are kept in memory: as many as the originals have runs, times `COMMON`
    over `FEWEST_RUNS`, at most. Of a record that is there in several versions, one is,
    the one that shares most.

    Args:
        originals: Records that were found for certain.
    """

    def __init__(self, originals: Sequence[SourceRecord]) -> None:
        self._originals = [
            (record.record_id, runs_in(text.reveal() for text in record.texts.values()))
            for record in originals
        ]
        self._known = {(record.source, record.record_id) for record in originals}
        self._wanted: Runs = frozenset().union(*(runs for _, runs in self._originals))
        self._having: defaultdict[str, set[str]] = defaultdict(set)

    def probes(self) -> Iterator[Probe]:
        """Yield the longest word of each run, with the others that a line has too."""
        beside: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        for run in self._wanted:
            words = run.split()
            beside[max(words, key=len)].add(tuple(words))
        for word, whole in sorted(beside.items()):
            yield Probe(literal(word), word=word.encode(), whole=frozenset(whole))

    def numbers(self) -> set[str]:
        """Return nothing: numbers are words like others here."""
        return set()

    @property
    def are_few(self) -> bool:
        """Tell whether raw bytes can be searched for them."""
        return len(self._wanted) <= MOST_PROBES

    def find(self, rows: Iterable[Sifted], spec: SourceSpec) -> list[SourceRecord]:
        """Return the records that quote, each with what and how much.

        Args:
            rows: What there is; originals among it are passed over.
            spec: How the source is read.
        """
        candidates: dict[str, _Candidate] = {}
        for row in rows:
            if row is None or isinstance(row, int) or not spec.can_read(row):
                continue
            found = self._compare(row, spec)
            if found is None:
                continue
            other = candidates.setdefault(found.record.record_id, found)
            if len(found.shared) > len(other.shared):
                candidates[found.record.record_id] = found
        judged = map(self._judged, candidates.values())
        return [record for record in judged if record is not None]

    def _compare(self, row: Row, spec: SourceSpec) -> _Candidate | None:
        record_id = str(row[spec.record_id])
        if (spec.name, record_id) in self._known:
            return None
        runs = runs_in(whole_texts(row).values())
        shared = runs & self._wanted
        for run in shared:
            if not self._is_common(run):
                self._having[run].add(record_id)
        if sum(not self._is_common(run) for run in shared) < FEWEST_RUNS:
            return None
        record = spec.record(row, why=("quotes",))
        return _Candidate(record=record, runs=len(runs), shared=shared)

    def _judged(self, candidate: _Candidate) -> SourceRecord | None:
        """Return a candidate that shares enough, now that common text is known."""
        common = {run for run in candidate.shared if self._is_common(run)}
        own = candidate.runs - len(common)
        best, name = 0.0, ""
        for original, runs in self._originals:
            shared = len((candidate.shared & runs) - common)
            if shared < FEWEST_RUNS:
                continue
            rare = sum(not self._is_common(run) for run in runs)
            similarity = shared / min(rare, own)
            if similarity > best and (
                similarity >= LEAST_SIMILARITY or shared >= ENOUGH_RUNS
            ):
                best, name = similarity, original
        why = f"quotes {name} similarity {best:.2f}"
        return replace(candidate.record, why=(why,)) if best else None

    def _is_common(self, run: str) -> bool:
        return run in self._having and len(self._having[run]) > COMMON


def runs_in(texts: Iterable[str]) -> Runs:
    """Return the runs of words in texts, in the form in which spellings are alike."""
    return frozenset(
        " ".join(words[at : at + WORDS_OF_A_RUN])
        for text in texts
        if (words := _WORD.findall(as_sifted(skeleton(text))))
        for at in range(len(words) - WORDS_OF_A_RUN + 1)
    )
