"""Does the search find whom it should, and only them? Part of ``make bench-collect``.

Mentions of every kind are planted in a corpus of chatter, and all people are searched
for at once, where names are reviewed. Per kind: how many were found for certain, how
many go to a person, how many were missed. A namesake that is found for certain would
be erased, so there must be none.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.mentions import KINDS, Expected, chatter, invent, plant
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.specification import SourceSpec

NOBODY = "nobody"
"""Kind of a record that mentions nobody."""


@dataclass(slots=True)
class Quality:
    """What a search made of what was planted.

    Attributes:
        found: Kind to how often each outcome was seen.
        wrong: Records that were found for certain for somebody else.
    """

    found: dict[str, Counter[Expected]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    wrong: int = 0

    @property
    def recall(self) -> float:
        """Return the share of identifying mentions that was found for certain."""
        planted = self._of(Expected.CERTAIN)
        return planted[Expected.CERTAIN] / planted.total()

    @property
    def recall_of_names(self) -> float:
        """Return the share of names alone that goes to a person."""
        planted = self._of(Expected.REVIEW)
        return 1 - planted[Expected.MISSED] / planted.total()

    @property
    def precision(self) -> float:
        """Return the share of what was found for certain that is about the person."""
        right = self._of(Expected.CERTAIN)[Expected.CERTAIN]
        others = self._of(Expected.REVIEW) + self._of(Expected.MISSED)
        return right / (right + self.wrong + others[Expected.CERTAIN])

    @property
    def namesakes_erased(self) -> int:
        """Return how many namesakes would have been erased."""
        return self.found["namesake"][Expected.CERTAIN]

    def _of(self, expected: Expected) -> Counter[Expected]:
        total: Counter[Expected] = Counter()
        for kind, counts in self.found.items():
            if KINDS[kind].expected is expected:
                total += counts
        return total


def measure(folder: Path, *, people: int, each: int, seed: int) -> Quality:
    """Plant mentions in a corpus below a folder, search and compare."""
    everybody = invent(people, seed=seed)
    planted = plant(everybody, each=each, seed=seed)
    path = folder / "planted.jsonl"
    _write(path, [text for _, _, text in planted], seed=seed)
    connector = JsonLinesConnector(corpus_spec(path))
    results = connector.locate_each([person.subject for person in everybody])
    certain = {
        (int(item.record_id), who)
        for who, result in enumerate(results)
        for item in result.records
        if item.record_id.isdigit()
    }
    doubtful = {
        (int(item.record_id), who)
        for who, result in enumerate(results)
        for item in result.doubtful
        if item.record_id.isdigit()
    }
    quality = Quality()
    for at, (kind, who, _) in enumerate(planted):
        quality.found[kind][_outcome((at, who), certain, doubtful)] += 1
    rightful = {(at, who) for at, (_, who, _) in enumerate(planted)}
    chattered = sum(
        not item.record_id.isdigit() for result in results for item in result.records
    )
    quality.wrong = len(certain - rightful) + chattered
    return quality


def rows(quality: Quality) -> list[Mapping[str, str | int]]:
    """Return the table, a row per kind."""
    return [
        {
            "kind": kind,
            "planted": counts.total(),
            **{outcome.value: counts[outcome] for outcome in Expected},
        }
        for kind in KINDS
        if (counts := quality.found[kind])
    ]


def corpus_spec(path: Path) -> SourceSpec:
    """Return the specification of a corpus of texts."""
    return SourceSpec(
        name="corpus",
        kind="jsonl",
        location=str(path),
        table=None,
        record_id="id",
        identifiers={},
        fields={},
        passages=(),
        is_erasable=True,
    )


def _outcome(
    mention: tuple[int, int],
    certain: set[tuple[int, int]],
    doubtful: set[tuple[int, int]],
) -> Expected:
    if mention in certain:
        return Expected.CERTAIN
    return Expected.REVIEW if mention in doubtful else Expected.MISSED


def _write(path: Path, texts: list[str], *, seed: int) -> None:
    """Write every text among chatter, and as many records of chatter alone."""
    draw = random.Random(seed)
    sentences = chatter(draw)
    with path.open("w", encoding="utf-8") as file:
        for at, text in enumerate(texts):
            before, behind, alone = (
                " ".join(draw.choices(sentences, k=3)) for _ in range(3)
            )
            for name, said in (
                (str(at), f"{before} {text} {behind}"),
                (f"c{at}", alone),
            ):
                line = {"id": name, "text": said}
                file.write(json.dumps(line, ensure_ascii=draw.random() < 0.5))  # noqa: PLR2004 - both are common
                file.write("\n")
