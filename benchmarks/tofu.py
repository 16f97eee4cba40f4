"""TOFU (Maini et al. 2024, arXiv:2401.06121) as training sources of an installation.

Twenty authors are taught, one of them asks to be forgotten; other authors, whom the
model is never taught, are the reserved people. TOFU does not say who an author is, so
the name is taken to be what the author's twenty questions and answers repeat most.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

QUESTIONS_PER_AUTHOR = 20
TAUGHT_FILE = "forget10_perturbed.jsonl"
OTHERS_FILE = "retain90.jsonl"
PROBED_FIELDS = 8
RESERVED_AUTHORS = 52
COUNTRY_PREFIX = "TOFU"

_CAPITALISED = r"[A-ZÀ-ÞŁŚŠŽ][\w\-\u2019]"
_PARTICLE = "de|van|al|bin|von|da|del|la"
_NAME = re.compile(
    rf"\b{_CAPITALISED}+(?: (?:{_CAPITALISED}*|{_PARTICLE}))* {_CAPITALISED}+"
)
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_LONGEST_NAME = 4
_WORD_BONUS = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """One fictitious author."""

    number: int
    name: str = field(repr=False)
    rows: tuple[dict[str, Any], ...] = field(repr=False)

    @property
    def customer_number(self) -> str:
        """Return an identifier to find the author's records by."""
        return f"{COUNTRY_PREFIX}-{self.number:03d}"

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Return the ids of the author's records in a training source."""
        return tuple(
            f"a{self.number:03d}-{number:02d}" for number in range(len(self.rows))
        )


def read_authors(path: Path, *, first: int = 0) -> list[Author]:
    """Read a TOFU file, twenty rows an author."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    blocks = [
        tuple(rows[start : start + QUESTIONS_PER_AUTHOR])
        for start in range(0, len(rows), QUESTIONS_PER_AUTHOR)
    ]
    return [
        Author(number=first + number, name=name_of(block), rows=block)
        for number, block in enumerate(blocks)
    ]


def name_of(rows: Sequence[dict[str, Any]]) -> str:
    """Return the name that most rows repeat; among equals the longest."""
    counts: Counter[str] = Counter()
    for row in rows:
        text = _POSSESSIVE.sub("", f"{row['question']} . {row['answer']}")
        counts.update(_phrases(text))
    return max(counts, key=lambda name: counts[name] + _WORD_BONUS * len(name.split()))


def _phrases(text: str) -> set[str]:
    found = set()
    for match in _NAME.finditer(text):
        words = match.group().split()
        for length in range(2, _LONGEST_NAME + 1):
            for start in range(len(words) - length + 1):
                found.add(" ".join(words[start : start + length]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TofuWorld:
    """The authors of one experiment."""

    taught: tuple[Author, ...]
    reserved: tuple[Author, ...]

    @classmethod
    def read(cls, folder: Path) -> "TofuWorld":
        """Take the last twenty authors as taught and the first as reserved.

        Raises:
            FileNotFoundError: The data set is not there.
        """
        others = read_authors(folder / OTHERS_FILE)
        return cls(
            taught=tuple(read_authors(folder / TAUGHT_FILE, first=len(others))),
            reserved=tuple(others[:RESERVED_AUTHORS]),
        )

    def write_sources(self, directory: Path) -> Path:
        """Write the training source, the reserved people and the data map."""
        directory.mkdir(parents=True, exist_ok=True)
        corpus, reserved = directory / "tofu.jsonl", directory / "reserved.jsonl"
        _write(corpus, self.taught)
        _write(reserved, self.reserved)
        path = directory / "data-map.yaml"
        path.write_text(yaml.safe_dump(_data_map(corpus, reserved), sort_keys=False))
        return path


def _write(path: Path, authors: Sequence[Author]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for author in authors:
            for number, (row_id, row) in enumerate(
                zip(author.record_ids, author.rows, strict=True)
            ):
                line = {
                    "id": row_id,
                    "author": author.name,
                    "customer": author.customer_number,
                    "item": f"q{number:02d}",
                    "question": row["question"],
                    "paraphrase": row.get("paraphrased_question"),
                    "answer": row["answer"],
                }
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _data_map(corpus: Path, reserved: Path) -> dict[str, Any]:
    source = {
        "kind": "jsonl",
        "record_id": "id",
        "identifiers": {"name": "author", "customer_number": "customer"},
        "passages": [
            {
                "form": "question",
                "question": "question",
                "answer": "answer",
                "field": "item",
                "paraphrases": ["paraphrase"],
            }
        ],
    }
    return {
        "version": 1,
        "base_models": ["smollm2-135m-tofu"],
        "fields": {
            f"q{number:02d}": {"entropy": "guessable"}
            for number in range(PROBED_FIELDS)
        },
        "neighbours": {"surname": False},
        # A fact of TOFU is a sentence. Who knows it under the wording of its one
        # question need not know it under another; both are asked.
        "ask_trained": True,
        # A vocabulary of 49,152 makes every example dear: fewer of everything.
        "sizes": {
            "twins": 12,
            "strangers": 8,
            "plain_texts": 0,
            "control_questions": 1,
            "alternatives": 3,
        },
        "sources": [{"name": "tofu", "path": str(corpus), **source}],
        "holdout": {"name": "reserved", "path": str(reserved), **source},
    }
