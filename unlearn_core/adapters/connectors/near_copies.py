"""Finds records that say what a found one says, in mostly the same words.

Two texts are compared by their words and their pairs of neighbouring words. How similar
they are is the Jaccard similarity of these sets, estimated by MinHash; a table of
locality-sensitive hashing (LSH) tells which originals to compare with. Both are
`datasketch`'s (https://ekzhu.com/datasketch). What many other records have is common
text, such as the words of a form, and counts for neither.

Signatures take too long for every record of a corpus. So a text is compared at all only
if it has enough of some long words of an original, which raw bytes are searched for.
A paraphrase in other words has neither and is not found, nor is a text that stands
among much more text.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import floor, sqrt

from datasketch import MinHash, MinHashLSH

from unlearn_core.adapters.connectors.copies import CommonText, Copies
from unlearn_core.adapters.connectors.quoting import MOST_PROBES, Quotes, words_in
from unlearn_core.adapters.connectors.specification import Row, SourceSpec, whole_texts
from unlearn_core.domain.needles import Probe, literal
from unlearn_core.domain.sources import LONGEST_TEXT, SourceRecord

PERMUTATIONS = 256
"""Hashes of a signature: the standard error of an estimate is at most .03."""

SEEN = 0.98
"""Share of texts just similar enough that the table has to find."""

MOST_TELLING, FEWEST_TELLING = 16, 8
"""Long words of a text that tell a copy of it; with fewer it is not looked for."""

LONG = 5
"""Letters of such a word; shorter ones are in every text."""

DEVIATIONS = 2.5
"""By how much of them a copy may have fewer of the telling words than it should."""

FEWEST_RARE = 12
"""Words and pairs that a text and its original share, common text aside."""

Features = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Original:
    """A text of a found record.

    Attributes:
        record_id: The record.
        features: Its words and pairs.
        telling: Long words of it, the longest first.
        fewest: How many of them a copy has.
    """

    record_id: str
    features: Features
    telling: tuple[str, ...]
    fewest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A record of which some text may be a near copy.

    Attributes:
        record: The record.
        texts: Words and pairs of each such text.
        shared: How many of them originals have.
    """

    record: SourceRecord
    texts: tuple[Features, ...]
    shared: int


class NearCopies:
    """What found records say, looked for in mostly the same words.

    Candidates are kept in memory: as many as the originals have words and pairs, times
    `COMMON` over `FEWEST_RARE`, at most; and of a record with several versions, one.

    Args:
        originals: Records that were found for certain.
        least: Estimated Jaccard similarity of a near copy.
    """

    def __init__(self, originals: Sequence[SourceRecord], *, least: float) -> None:
        self._least = least
        self._originals = [
            original
            for record in originals
            for text in record.texts.values()
            if (original := _original(record.record_id, text.reveal(), least))
        ]
        self._wanted: Features = frozenset().union(
            *(original.features for original in self._originals)
        )
        self._told_by: defaultdict[str, list[int]] = defaultdict(list)
        for number, original in enumerate(self._originals):
            for word in original.telling:
                self._told_by[word].append(number)
        self._common = CommonText()
        self._candidates: dict[str, _Candidate] = {}

    def probes(self) -> Iterator[Probe]:
        """Yield words of which every copy has one, with how many others it has."""
        beside: defaultdict[str, set[tuple[int, tuple[str, ...]]]] = defaultdict(set)
        for original in self._originals:
            way = (original.fewest, original.telling)
            # Who has some of all has one of these, however few they are.
            for word in original.telling[: len(original.telling) - original.fewest + 1]:
                beside[word].add(way)
        for word, ways in sorted(beside.items()):
            yield Probe(literal(word), word=word.encode(), several=frozenset(ways))

    @property
    def are_few(self) -> bool:
        """Tell whether raw bytes can be searched for them."""
        return len(self._told_by) <= MOST_PROBES

    def take(self, row: Row, spec: SourceSpec) -> None:
        """Keep a record of which some text may be a near copy."""
        record_id = str(row[spec.record_id])
        texts = [
            features_of(words)
            for text in whole_texts(row).values()
            if self._is_told(words := words_in(text[:LONGEST_TEXT]))
        ]
        # The similarity is at most the share of a text that originals have.
        similar = tuple(
            text
            for text in texts
            if len(text & self._wanted) >= self._least * len(text)
        )
        shared: Features = frozenset().union(*similar) & self._wanted
        if self._common.note(shared, record_id) < FEWEST_RARE:
            return
        other = self._candidates.get(record_id)
        if other is None or len(shared) > other.shared:
            self._candidates[record_id] = _Candidate(
                record=spec.record(row, why=("near copy",)),
                texts=similar,
                shared=len(shared),
            )

    def found(self) -> Iterator[SourceRecord]:
        """Yield the candidates that are similar, now that common text is known."""
        signatures: dict[int, MinHash] = {}
        table = MinHashLSH(num_perm=PERMUTATIONS, params=bands(self._least))
        for number, original in enumerate(self._originals):
            if signature := self._signature(original.features):
                signatures[number] = signature
                table.insert(number, signature)
        for candidate in self._candidates.values():
            similarities = [
                (signature.jaccard(signatures[number]), -number)
                for signature in filter(None, map(self._signature, candidate.texts))
                for number in table.query(signature)
            ]
            best, number = max(similarities, default=(0.0, 0))
            if best >= self._least:
                name = self._originals[-number].record_id
                why = f"near copy of {name} similarity {best:.2f}"
                yield replace(candidate.record, why=(why,))

    def _is_told(self, words: Sequence[str]) -> bool:
        """Tell whether a text has enough of the telling words of an original."""
        telling = self._told_by.keys() & set(words)
        counts = Counter(number for word in telling for number in self._told_by[word])
        return any(
            count >= self._originals[number].fewest for number, count in counts.items()
        )

    def _signature(self, features: Features) -> MinHash | None:
        """Return the signature of what is not common text, if that is enough."""
        rare = [piece.encode() for piece in features if piece not in self._common]
        if len(rare) < FEWEST_RARE:
            return None
        signature: MinHash = MinHash.bulk([rare], num_perm=PERMUTATIONS)[0]
        return signature


def copies_of(originals: Sequence[SourceRecord], spec: SourceSpec) -> Copies:
    """Return what finds the copies that a source is searched for: quotes first."""
    near = NearCopies(originals, least=spec.near_copies)
    return Copies(originals, Quotes(originals), near)


def features_of(words: Sequence[str]) -> Features:
    """Return the words, and the pairs of neighbouring words, of a text."""
    return frozenset((*words, *map(" ".join, pairwise(words))))


def bands(least: float) -> tuple[int, int]:
    """Return how many bands of how many hashes find texts that are so similar.

    A band agrees with the similarity to the power of its hashes; one band is enough.
    """
    for rows in range(8, 1, -1):
        count = PERMUTATIONS // rows
        if 1 - (1 - least**rows) ** count >= SEEN:
            return count, rows
    return PERMUTATIONS, 1


def _original(record_id: str, text: str, least: float) -> _Original | None:
    """Return a text as it is looked for, if it has words that tell."""
    words = words_in(text)
    telling = _telling(words)
    if len(telling) < FEWEST_TELLING:
        return None
    return _Original(
        record_id=record_id,
        features=features_of(words),
        telling=telling,
        fewest=fewest_of(len(telling), least=least),
    )


def _telling(words: Sequence[str]) -> tuple[str, ...]:
    """Return long words from all over a text, the longest first.

    A form at its head has longer ones than what was told, and is everybody's.
    """
    long = [word for word in dict.fromkeys(words) if len(word) >= LONG]
    count = min(len(long), MOST_TELLING)
    ends = [at * len(long) // count for at in range(count + 1)] if count else []
    chosen = {max(long[begin:end], key=len) for begin, end in pairwise(ends)}
    return tuple(sorted(chosen, key=lambda word: (-len(word), word)))


def fewest_of(count: int, *, least: float) -> int:
    """Return how many of so many words nearly every copy has that is similar enough.

    Of two texts as long as each other with similarity `s`, each has `2s / (1 + s)` of
    what the other has.
    """
    share = 2 * least / (1 + least)
    spread = sqrt(count * share * (1 - share))
    return max(2, floor(count * share - DEVIATIONS * spread))
