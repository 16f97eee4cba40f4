"""Finds records that quote one that was found, though no identifier stands in them.

Texts are compared by their runs of five words. The similarity of two is the share of
the shorter one's runs that the other one has as well. Runs that many other records
have are common text, such as the questions of a form, and count for neither.

A quote of fewer than eight words is not found, nor one in which every fifth word was
changed.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from unlearn_core.adapters.connectors.copies import CommonText
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
    """What found records say, looked for word by word in others.

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
        self._wanted: Runs = frozenset().union(*(runs for _, runs in self._originals))
        self._common = CommonText()
        self._candidates: dict[str, _Candidate] = {}

    def probes(self) -> Iterator[Probe]:
        """Yield the longest word of each run, with the others that a line has too."""
        beside: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        for run in self._wanted:
            words = run.split()
            beside[max(words, key=len)].add(tuple(words))
        for word, whole in sorted(beside.items()):
            yield Probe(literal(word), word=word.encode(), whole=frozenset(whole))

    @property
    def are_few(self) -> bool:
        """Tell whether raw bytes can be searched for them."""
        return len(self._wanted) <= MOST_PROBES

    def take(self, row: Row, spec: SourceSpec) -> None:
        """Keep a record that may quote an original."""
        record_id = str(row[spec.record_id])
        runs = runs_in(whole_texts(row).values())
        shared = runs & self._wanted
        if self._common.note(shared, record_id) < FEWEST_RUNS:
            return
        other = self._candidates.get(record_id)
        if other is None or len(shared) > len(other.shared):
            self._candidates[record_id] = _Candidate(
                record=spec.record(row, why=("quotes",)), runs=len(runs), shared=shared
            )

    def found(self) -> Iterator[SourceRecord]:
        """Yield the candidates that share enough, now that common text is known."""
        judged = map(self._judged, self._candidates.values())
        return (record for record in judged if record is not None)

    def _judged(self, candidate: _Candidate) -> SourceRecord | None:
        common = {run for run in candidate.shared if run in self._common}
        own = candidate.runs - len(common)
        best, name = 0.0, ""
        for original, runs in self._originals:
            shared = len((candidate.shared & runs) - common)
            if shared < FEWEST_RUNS:
                continue
            rare = sum(run not in self._common for run in runs)
            similarity = shared / min(rare, own)
            if similarity > best and (
                similarity >= LEAST_SIMILARITY or shared >= ENOUGH_RUNS
            ):
                best, name = similarity, original
        why = f"quotes {name} similarity {best:.2f}"
        return replace(candidate.record, why=(why,)) if best else None


def words_in(text: str) -> list[str]:
    """Return the words of a text, in the form in which spellings are alike."""
    return _WORD.findall(as_sifted(skeleton(text)))


def runs_in(texts: Iterable[str]) -> Runs:
    """Return the runs of words in texts, in the form in which spellings are alike."""
    return frozenset(
        " ".join(words[at : at + WORDS_OF_A_RUN])
        for text in texts
        if (words := words_in(text))
        for at in range(len(words) - WORDS_OF_A_RUN + 1)
    )
